package record

import (
	"cmp"
	"fmt"
	"maps"
	"math"
	"slices"
)

// Observation is what one trial brought to light: figures, the proof behind
// them (Verdict), and how good the measurement itself was (Flags).
//
// Names of scalars, histograms, vectors and series are those of the [Metric]
// list that the system declares; units stand there, once.
type Observation struct {
	Scalars    map[string]float64    `json:"scalars,omitempty"`
	Histograms map[string]*Histogram `json:"histograms,omitempty"`
	Vectors    map[string]Vector     `json:"vectors,omitempty"`
	Series     map[string]Series     `json:"series,omitempty"`
	Counts     Counts                `json:"counts"`
	Failures   *Failures             `json:"failures,omitempty"` // of the operations that the figures rest on; nil: of all in Counts
	Verdict    Verdict               `json:"verdict"`
	Flags      []Flag                `json:"flags,omitempty"`
	Evidence   *Evidence             `json:"evidence,omitempty"`
}

// Vector is one figure per member of a group, for example requests per server.
// Labels and Values have the same length.
type Vector struct {
	Labels []string  `json:"labels"`
	Values []float64 `json:"values"`
}

// Series is a figure over time: one value, or one for each of several members,
// per Step seconds.
type Series struct {
	Step   float64   `json:"step_s"`
	From   float64   `json:"from_s,omitempty"` // when the first step begins; 0: at what the metric counts time from
	Values []float64 `json:"values,omitempty"`
	Lines  []Line    `json:"lines,omitempty"`  // of members, in place of Values
	Phases []Phase   `json:"phases,omitempty"` // what held meanwhile, such as the reign of a primary
}

// Line is one member's part of a series.
type Line struct {
	Name   string    `json:"name"`
	Values []float64 `json:"values"`
}

// Phase is a stretch of a series' time that has a name, in seconds.
type Phase struct {
	Name string  `json:"name"`
	From float64 `json:"from_s"`
	To   float64 `json:"to_s"`
}

// conform reports what keeps a series from being drawn.
func (s Series) conform(name string) error {
	if !(s.Step > 0) || math.IsInf(s.Step, 0) || math.IsNaN(s.From) || math.IsInf(s.From, 0) {
		return fmt.Errorf("series %s has steps of %v s from %v s on", name, s.Step, s.From)
	}
	for _, l := range append(s.Lines, Line{Values: s.Values}) {
		if slices.ContainsFunc(l.Values, func(x float64) bool { return math.IsNaN(x) || math.IsInf(x, 0) }) {
			return fmt.Errorf("series %s holds a value that is not finite: %v", name, l.Values)
		}
		if len(s.Lines) > 0 && len(l.Values) > 0 && len(l.Values) != len(s.Lines[0].Values) {
			return fmt.Errorf("series %s has lines of %d and %d values", name, len(s.Lines[0].Values), len(l.Values))
		}
	}
	for _, p := range s.Phases {
		if !(p.From <= p.To) || math.IsInf(p.From, 0) || math.IsInf(p.To, 0) {
			return fmt.Errorf("series %s: phase %s is from %v to %v", name, p.Name, p.From, p.To)
		}
	}
	return nil
}

// Flag is a warning about the quality of a measurement. It does not make a
// trial invalid; it stays with the figure into the table.
type Flag struct {
	Name   string `json:"name"`
	Detail string `json:"detail"`
}

// Unchecked is the name of the flag of a trial whose answers nobody compared
// with what they should be. Every caption says so.
const Unchecked = "unchecked"

// Set stores a scalar.
func (o *Observation) Set(name string, value float64) {
	if o.Scalars == nil {
		o.Scalars = make(map[string]float64)
	}
	o.Scalars[name] = value
}

// SetVector stores one value per label.
func (o *Observation) SetVector(name string, labels []string, values []float64) {
	if o.Vectors == nil {
		o.Vectors = make(map[string]Vector)
	}
	o.Vectors[name] = Vector{Labels: labels, Values: values}
}

// SetHistogram stores a histogram.
func (o *Observation) SetHistogram(name string, h *Histogram) {
	if o.Histograms == nil {
		o.Histograms = make(map[string]*Histogram)
	}
	o.Histograms[name] = h
}

// SetSeries stores a figure over time.
func (o *Observation) SetSeries(name string, s Series) {
	if o.Series == nil {
		o.Series = make(map[string]Series)
	}
	o.Series[name] = s
}

// Flag adds a quality flag.
func (o *Observation) Flag(name, format string, args ...any) {
	o.Flags = append(o.Flags, Flag{Name: name, Detail: fmt.Sprintf(format, args...)})
}

// Conform reports the first thing that keeps the observation from being
// stored: a figure that no metric declares, one that is not finite, counts
// that do not add up, or a verdict that was never reached.
func (o *Observation) Conform(metrics []Metric) error {
	kinds := make(map[string]Kind, len(metrics))
	for _, m := range metrics {
		kinds[m.Name] = m.Kind
	}
	for _, name := range slices.Sorted(maps.Keys(o.Scalars)) {
		if err := declared(kinds, name, KindScalar); err != nil {
			return err
		}
		if v := o.Scalars[name]; math.IsNaN(v) || math.IsInf(v, 0) {
			return fmt.Errorf("scalar %s is %v: not a finite number", name, v)
		}
	}
	for name := range o.Histograms {
		if err := declared(kinds, name, KindHistogram); err != nil {
			return err
		}
	}
	for name, v := range o.Vectors {
		if err := declared(kinds, name, KindVector); err != nil {
			return err
		}
		if len(v.Labels) != len(v.Values) {
			return fmt.Errorf("vector %s has %d labels and %d values", name, len(v.Labels), len(v.Values))
		}
		if slices.ContainsFunc(v.Values, func(x float64) bool { return math.IsNaN(x) || math.IsInf(x, 0) }) {
			return fmt.Errorf("vector %s holds a value that is not finite: %v", name, v.Values)
		}
	}
	for _, name := range slices.Sorted(maps.Keys(o.Series)) {
		if err := cmp.Or(declared(kinds, name, KindSeries), o.Series[name].conform(name)); err != nil {
			return err
		}
	}
	if err := o.Counts.Conform(); err != nil {
		return err
	}
	return o.Verdict.Conform()
}

func declared(kinds map[string]Kind, name string, want Kind) error {
	got, ok := kinds[name]
	if !ok {
		return fmt.Errorf("%s %s is not among the system's metrics", want, name)
	}
	if got != want {
		return fmt.Errorf("%s is declared as a %s and observed as a %s", name, got, want)
	}
	return nil
}
