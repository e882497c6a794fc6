package record

// Kind says what shape a metric has.
type Kind string

// The shapes of a metric.
const (
	KindScalar    Kind = "scalar"    // one number per trial
	KindHistogram Kind = "histogram" // a distribution of durations; tables and figures ask for NAME.p50, NAME.p99, NAME.mean
	KindVector    Kind = "vector"    // one number per member (server, worker, branch)
	KindSeries    Kind = "series"    // a number over time
)

// Better says in which direction a metric improves.
type Better string

// Directions of improvement. The zero value means that neither is better.
const (
	Higher Better = "higher"
	Lower  Better = "lower"
)

// Metric declares one figure that a system's trials report. Units are written
// as they are to appear on an axis: "req/s", "ms", "1" for a pure ratio.
// Histograms hold nanoseconds and are shown in milliseconds.
type Metric struct {
	Name   string `json:"name"`
	Words  string `json:"words,omitempty"` // what readers see in place of the name, without unit
	Kind   Kind   `json:"kind"`
	Unit   string `json:"unit"`
	Better Better `json:"better,omitempty"`
	Help   string `json:"help"` // one line: what it is and where it comes from
	Road   Road   `json:"road,omitzero"`
}
