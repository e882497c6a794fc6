package load

import "dyno/internal/record"

// Summary is a result without its spans, for a client process that hands it
// to its parent as JSON. The checks that need the spans are made before they
// are dropped.
type Summary struct {
	Clients     int               `json:"clients"`
	Counts      record.Counts     `json:"counts"`
	Window      record.Counts     `json:"window"`
	BeginUnixNS int64             `json:"begin_unix_ns"`
	EndUnixNS   int64             `json:"end_unix_ns"`
	Throughput  float64           `json:"throughput_rps"`
	InFlight    float64           `json:"in_flight"`
	Latency     *record.Histogram `json:"latency"`
	Targets     map[int32]Target  `json:"targets"`
	Checks      []record.Check    `json:"checks"` // counts, little
}

// Summary drops the spans.
func (r *Result) Summary() Summary {
	return Summary{
		Clients:     r.Clients,
		Counts:      r.Counts,
		Window:      r.Window,
		BeginUnixNS: r.Begin.UnixNano(),
		EndUnixNS:   r.End.UnixNano(),
		Throughput:  r.Throughput(),
		InFlight:    r.InFlight,
		Latency:     r.Latency,
		Targets:     r.Targets,
		Checks:      []record.Check{r.CheckCounts(), r.CheckLittle()},
	}
}
