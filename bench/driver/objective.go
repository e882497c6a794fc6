package driver

import (
	"errors"
	"fmt"
	"io"
	"strings"
	"time"

	"dyno/internal/record"
	"dyno/systems"
)

// Objective is a service-level objective that a person gives; its verdict
// becomes the exit code.
type Objective struct {
	bounds []record.Bound
	text   string
}

// BindObjective declares its flag.
func BindObjective(fs systems.FlagSet) *Objective {
	o := new(Objective)
	fs.Var(o, "slo", "the `OBJECTIVE` that decides the exit code: \"p99 < 250ms and errors < 0.1 %\"; pNN, mean and errors below, "+
		"rate (OK answers per second) above; 1 when it is missed")
	return o
}

// String is what was given.
func (o *Objective) String() string { return o.text }

// Set reads it.
func (o *Objective) Set(text string) (err error) {
	o.text = text
	o.bounds, err = record.ParseObjective(text)
	return err
}

// Allowed is the share of failures at which figures still count: what an
// objective permits is no reason to throw them away.
func (o *Objective) Allowed(given record.Share) record.Share {
	permitted, _ := record.AllowedErrors(o.bounds)
	return max(given, permitted)
}

// Judge tells a person of each bound. One that is missed is an error, as is one
// that so few calls do not show to be kept.
func (o *Objective) Judge(w io.Writer, r *Report) error {
	var missed []string
	for _, b := range o.bounds {
		value, shown := r.value(b.Metric)
		verdict := "kept"
		switch {
		case !shown:
			verdict = fmt.Sprintf("not shown: %d answers are too few", r.Latency.Count())
		case !b.Keeps(value):
			verdict = "missed"
		}
		if verdict != "kept" {
			missed = append(missed, b.Text)
		}
		if _, err := fmt.Fprintf(w, "objective %s: %s, %s\n", b.Text, b.Show(value), verdict); err != nil {
			return fmt.Errorf("print the verdict: %w", err)
		}
	}
	if missed != nil {
		return errors.New("the objective is missed: " + strings.Join(missed, " and "))
	}
	return nil
}

// value is what an objective's metric has become, and whether the calls are
// enough to say so.
func (r *Report) value(metric string) (value float64, shown bool) {
	switch metric {
	case record.ErrorShare:
		f := r.Failures()
		return float64(f.Share()), f.Sent > 0
	case "throughput_rps":
		return r.Throughput, true
	}
	_, q, _ := record.Quantile(metric)
	d := r.Latency.Mean()
	if q >= 0 {
		d = r.Latency.Quantile(q)
	}
	return float64(d) / float64(time.Millisecond), record.Supported(r.Latency.Count(), q)
}
