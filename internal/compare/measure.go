package compare

import (
	"maps"
	"slices"
	"strings"

	"dyno/internal/record"
	"dyno/internal/stats"
)

// measure is one number per trial that can be compared.
type measure struct {
	name   string
	unit   string
	better record.Better
	judged bool
	of     func([]*record.Trial) map[int]float64 // by block
}

// quantiles of a latency that are compared: the middle, and the tail.
var quantiles = []string{".p50", ".p99"}

// measures lists what can be compared of trials with these metrics.
func measures(metrics []record.Metric) []measure {
	var out []measure
	work, perWork := throughput(metrics)
	for _, m := range metrics {
		switch {
		case m.Better == "":
		case m.Kind == record.KindHistogram:
			for _, q := range quantiles {
				out = append(out, plain(m.Name+q, "ms", m.Better, true))
			}
		case m.Kind != record.KindScalar:
		case m.Unit == "cores" && work != "":
			out = append(out, measure{
				name: m.Name + " / " + work, unit: perWork, better: m.Better, judged: true,
				of: func(trials []*record.Trial) map[int]float64 { return per(trials, m.Name, work) },
			})
		default:
			out = append(out, plain(m.Name, m.Unit, m.Better, m.Unit != "1" && m.Unit != "cores"))
		}
	}
	return out
}

func plain(name, unit string, better record.Better, judged bool) measure {
	return measure{name: name, unit: unit, better: better, judged: judged, of: func(trials []*record.Trial) map[int]float64 {
		return stats.PerBlock(trials, name)
	}}
}

// throughput finds the metric of the work done per second, and the unit of
// processor time per piece of it. Empty when there is none, or several.
func throughput(metrics []record.Metric) (name, unit string) {
	for _, m := range metrics {
		work, ok := strings.CutSuffix(m.Unit, "/s")
		if !ok || m.Kind != record.KindScalar || m.Better != record.Higher {
			continue
		}
		if name != "" {
			return "", ""
		}
		name, unit = m.Name, "µs/"+work
	}
	return name, unit
}

// per is processor time per piece of work, in microseconds.
func per(trials []*record.Trial, cores, work string) map[int]float64 {
	const micro = 1e6
	out := make(map[int]float64)
	done := stats.PerBlock(trials, work)
	for block, c := range stats.PerBlock(trials, cores) {
		if d := done[block]; d > 0 {
			out[block] = c / d * micro
		}
	}
	return out
}

// Judged is how many metrics of a system can be judged in one cell: those that
// it declares, whether or not a trial reports them.
func Judged(metrics []record.Metric) int {
	n := 0
	for _, m := range measures(metrics) {
		if m.judged {
			n++
		}
	}
	return n
}

// common keeps what both sides declare alike.
func common(metrics [2][]record.Metric) (both []measure, onlyOne []string) {
	other := make(map[string]measure)
	for _, m := range measures(metrics[1]) {
		other[m.name] = m
	}
	for _, m := range measures(metrics[0]) {
		if o, ok := other[m.name]; ok && o.unit == m.unit && o.better == m.better {
			both = append(both, m)
			delete(other, m.name)
		} else {
			onlyOne = append(onlyOne, m.name)
		}
	}
	return both, slices.Compact(slices.Sorted(slices.Values(append(onlyOne, slices.Collect(maps.Keys(other))...))))
}

// yardstick is the bare exchange that a metric is a multiple of: its rate, its
// response time, or its processor time. Empty when none is of the metric's kind.
func (m measure) yardstick() string {
	switch {
	case strings.HasSuffix(m.unit, "/s"):
		return record.GRPCRate
	case strings.HasPrefix(m.unit, "µs/") || m.unit == "µs" && strings.Contains(m.name, "_us_per_"):
		return record.GRPCCPU
	case m.unit == "ms" || m.unit == "µs" || m.unit == "s":
		return record.GRPCMedian
	}
	return ""
}
