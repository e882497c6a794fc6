package record

import "strconv"

// Experiment is one experiment file, read and resolved: what is asked, which
// cells answer it, under which load, and how the answer is to be shown. It is
// stored beside the trials, so that a run can be drawn again without the file
// or the system. Package experiments reads it from YAML.
type Experiment struct {
	Name     string            `yaml:"name" json:"name"`
	Title    string            `yaml:"title" json:"title"`
	Question string            `yaml:"question" json:"question"` // one sentence
	System   string            `yaml:"system" json:"system"`
	Flagship bool              `yaml:"flagship" json:"flagship,omitempty"` // part of the quick scale
	Load     Load              `yaml:"load" json:"load"`
	Knobs    map[string]string `yaml:"knobs" json:"knobs,omitempty"` // fixed for all cells
	Impl     Impls             `yaml:"impl" json:"impl,omitempty"`   // implementations beside dyno's own, by label: levels of the knob impl
	Core     []Sweep           `yaml:"core" json:"core"`             // run in every block
	Detail   []Sweep           `yaml:"detail" json:"detail,omitempty"`
	Scales   map[string]Scale  `yaml:"scales" json:"scales"`
	Figures  []Figure          `yaml:"figures" json:"figures,omitempty"`
	Tables   []Table           `yaml:"tables" json:"tables,omitempty"`
	Claims   []Claim           `yaml:"claims" json:"claims,omitempty"`
	Controls []Control         `yaml:"controls" json:"controls,omitempty"`
	Peers    []Peer            `yaml:"peers" json:"peers,omitempty"`

	// Placement says which machine runs which role where there are several; nil:
	// they are spread.
	Placement *Placement `yaml:"placement" json:"placement,omitempty"`

	// MaxFailures is the share of operations that may fail in a trial whose
	// figures count; nil: DefaultMaxFailures.
	MaxFailures *Share `yaml:"max-failures" json:"max_failures,omitempty"`
}

// Allowed is the share of operations that may fail in a trial.
func (e *Experiment) Allowed() Share {
	if e.MaxFailures == nil {
		return DefaultMaxFailures
	}
	return *e.MaxFailures
}

// Load is the load model of an experiment. It stands with every number.
type Load struct {
	// Loop is "closed": a fixed number of clients, each with one operation in
	// flight, the next one sent when the last is answered; "open": operations
	// are offered at a rate, whether or not earlier ones were answered, and
	// latency runs from the intended start; "search": open loops, one after
	// the other, find the highest rate whose 99th percentile keeps to a bound;
	// or "swept": a knob of the experiment says which, cell by cell.
	Loop string `yaml:"loop" json:"loop"`

	// Of a search.
	P99Below  Seconds `yaml:"p99-below" json:"p99_below_s,omitempty"` // the bound
	From      float64 `yaml:"from" json:"from_rps,omitempty"`         // lowest rate to try, operations per second
	To        float64 `yaml:"to" json:"to_rps,omitempty"`             // highest rate to try
	Precision float64 `yaml:"precision" json:"precision,omitempty"`   // how wide the bracket may be in the end, as a share of its lower end
	Probes    int     `yaml:"probes" json:"probes,omitempty"`         // most rates to try, repeats included
}

// Loops are the load models.
var Loops = []string{"closed", "open", "search", "swept"}

// Sweep is a cross product of factors: every combination of levels is a cell.
type Sweep []Factor

// Factor is a knob and the levels that are tried.
type Factor struct {
	Knob   string   `json:"knob"`
	Levels []string `json:"levels"`
}

// Scale says how much of an experiment is run. Seconds are of measured time.
type Scale struct {
	Blocks       int `yaml:"blocks" json:"blocks"`               // repeats of every core cell
	DetailBlocks int `yaml:"detail-blocks" json:"detail_blocks"` // repeats of every detail cell, at most Blocks
	// ControlBlocks is in how many blocks controls are measured; 0: in all.
	ControlBlocks int `yaml:"control-blocks" json:"control_blocks,omitempty"`

	Warmup Seconds `yaml:"warmup" json:"warmup_s"`     // least time before the window
	Length Seconds `yaml:"length" json:"length_s"`     // least length of the window
	Budget Seconds `yaml:"budget" json:"budget_s"`     // most that the planner may spend; 0: no limit
	Only   Where   `yaml:"only" json:"only,omitempty"` // the cells that the scale keeps; empty: all
}

// Seconds is a span of time. Files write it as a Go duration ("1.5s").
type Seconds float64

// Figure is a plot: one metric (Y) over one knob (X), a colour per level of Series.
type Figure struct {
	Name    string `yaml:"name" json:"name"`   // of the PNG: plots/EXPERIMENT-NAME.png
	Title   string `yaml:"title" json:"title"` // what the reader is to see, one line
	Kind    string `yaml:"kind" json:"kind"`   // see internal/figure
	X       string `yaml:"x" json:"x,omitempty"`
	Y       string `yaml:"y" json:"y"` // a metric; for a histogram NAME.p50, NAME.p99, NAME.mean
	Series  string `yaml:"series" json:"series,omitempty"`
	Facet   string `yaml:"facet" json:"facet,omitempty"`       // one panel per level of this knob
	Where   Where  `yaml:"where" json:"where,omitempty"`       // keep these cells only
	LogX    bool   `yaml:"log-x" json:"log_x,omitempty"`       // logarithmic x axis, for kind lines
	LogY    bool   `yaml:"log-y" json:"log_y,omitempty"`       // logarithmic y axis
	Theory  string `yaml:"theory" json:"theory,omitempty"`     // a scalar metric drawn as a mark beside each point
	YFormat string `yaml:"y-format" json:"y_format,omitempty"` // "percent" shows 0.5 as 50 %
}

// Table is a table: a row per combination of the Rows knobs, a column per metric.
type Table struct {
	Name    string   `yaml:"name" json:"name"`
	Title   string   `yaml:"title" json:"title"`
	Rows    []string `yaml:"rows" json:"rows"`
	Columns []string `yaml:"columns" json:"columns"` // metrics, as in Figure.Y
	Where   Where    `yaml:"where" json:"where,omitempty"`
}

// Claim is a hypothesis of a closed form, written before the run: a metric of
// one cell, divided block by block by the same metric of another cell or by a
// theory metric of its own, is at least or at most a number. With neither Over
// nor Theory the metric itself is held against the bound.
//
// A claim with an Objective in place of Metric is read as one for each of its
// bounds, which every block must keep.
type Claim struct {
	Name    string   `yaml:"name" json:"name"`
	Claim   string   `yaml:"claim" json:"claim"`   // the statement, one sentence
	Metric  string   `yaml:"metric" json:"metric"` // as in Figure.Y
	Where   Values   `yaml:"where" json:"where"`   // names one cell
	Over    Values   `yaml:"over" json:"over,omitempty"`
	Theory  string   `yaml:"theory" json:"theory,omitempty"` // a scalar metric of the same trial
	AtLeast *float64 `yaml:"at-least" json:"at_least,omitempty"`
	AtMost  *float64 `yaml:"at-most" json:"at_most,omitempty"`

	// Scale is the least scale at which the claim is asked; empty: each that a run
	// may have. What takes longer than a smaller scale has is not asked there.
	Scale string `yaml:"scale" json:"scale,omitempty"`

	Objective string `yaml:"objective" json:"objective,omitempty"` // see ParseObjective; stored with each bound's own text

	// The cells that the planner took, by index.
	Cell     int `yaml:"-" json:"cell"`
	OverCell int `yaml:"-" json:"over_cell,omitempty"` // 0: no other cell
}

// Peer is a row of the report's page on others' software: what it promises, and a
// metric of the cell in which it was measured, beside that of the system's own.
type Peer struct {
	Name    string `yaml:"name" json:"name"`
	Rival   string `yaml:"rival" json:"rival"`               // as the reader is to know it
	Library string `yaml:"library" json:"library,omitempty"` // module of Go that it is, whose version the run knows; empty: the trials tell
	Promise string `yaml:"promise" json:"promise"`           // what its answer means, one clause
	Metric  string `yaml:"metric" json:"metric"`             // as in Figure.Y
	Where   Values `yaml:"where" json:"where"`               // names its core cell
	Over    Values `yaml:"over" json:"over,omitempty"`       // names the system's own; empty: the metric is the rival's only
	Says    string `yaml:"says" json:"says"`                 // what a reader should know, one sentence
}

// Control is a negative control: a core cell with something broken on purpose,
// which the system's own checks must find. It is measured in every block beside
// the cell that it breaks; its figures are never shown.
type Control struct {
	Name     string `yaml:"name" json:"name"`
	Broken   string `yaml:"broken" json:"broken"`         // what is wrong with it, one sentence
	Where    Values `yaml:"where" json:"where,omitempty"` // names the core cell; may be left out when there is one only
	Knobs    Values `yaml:"knobs" json:"knobs"`           // what breaks it
	CaughtBy string `yaml:"caught-by" json:"caught_by"`   // the check that must find it
}

// Caught says whether a trial of the control was found out: its verdict is
// invalid, and the check that must say so does.
func (c Control) Caught(t *Trial) bool {
	if t.Status() != Invalid {
		return false
	}
	for _, k := range t.Observation.Verdict.Checks {
		if k.Name == c.CaughtBy && k.Status == Invalid {
			return true
		}
	}
	return false
}

// Control finds a control by name.
func (e *Experiment) Control(name string) (Control, bool) {
	for _, c := range e.Controls {
		if c.Name == name {
			return c, true
		}
	}
	return Control{}, false
}

// Where keeps the cells whose knobs have one of the given levels.
type Where map[string][]string

// Matches reports whether a cell's values pass the filter.
func (w Where) Matches(v Values) bool {
	for knob, levels := range w {
		found := false
		for _, l := range levels {
			found = found || v[knob] == l
		}
		if !found {
			return false
		}
	}
	return true
}

// Values are the knobs of a trial in canonical text, every knob of the system
// present.
type Values map[string]string

// In reports whether all of v are among a cell's values.
func (v Values) In(cell Values) bool {
	for knob, level := range v {
		if cell[knob] != level {
			return false
		}
	}
	return true
}

// Quantile splits "response.p99" into its histogram and 0.99, and
// "response.mean" into its histogram and -1. ok is false for any other name.
func Quantile(metric string) (name string, q float64, ok bool) {
	for i := len(metric) - 1; i > 0; i-- {
		if metric[i] != '.' {
			continue
		}
		name, stat := metric[:i], metric[i+1:]
		if stat == "mean" {
			return name, -1, true
		}
		if len(stat) < 2 || stat[0] != 'p' {
			return "", 0, false
		}
		n, err := strconv.ParseUint(stat[1:], 10, 32)
		if err != nil {
			return "", 0, false
		}
		q = float64(n)
		for d := q; d >= 100; d /= 10 { // p999 is 99.9 %, p9999 is 99.99 %
			q /= 10
		}
		return name, q / 100, true
	}
	return "", 0, false
}
