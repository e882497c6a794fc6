package load

import (
	"time"

	"dyno/internal/record"
)

// maxSteps bounds a [Timeline]: 40 KiB each while the run is summed up, and more
// would be a hedge in a figure.
const maxSteps = 120

// steps are the times that a step of a timeline may take.
var steps = []time.Duration{
	10 * time.Millisecond, 20 * time.Millisecond, 50 * time.Millisecond,
	100 * time.Millisecond, 200 * time.Millisecond, 500 * time.Millisecond,
	time.Second, 2 * time.Second, 5 * time.Second, 10 * time.Second, 15 * time.Second, 30 * time.Second,
	time.Minute, 2 * time.Minute, 5 * time.Minute, 10 * time.Minute, 15 * time.Minute, 30 * time.Minute, time.Hour,
}

// Step is the step of a timeline of a window: the shortest that makes no more
// of them than are bearable, whatever the window's length.
func Step(window time.Duration) time.Duration {
	for _, s := range steps {
		if window <= maxSteps*s {
			return s
		}
	}
	return window/maxSteps + 1
}

// Timeline is what became of the measured operations step by step, from the
// window's begin on; the last step may be shorter. An open loop's operations are
// in the step in which they were to start, a closed one's in that in which they
// ended.
type Timeline struct {
	Step  time.Duration   `json:"step_ns"`
	Sent  []int64         `json:"sent"`
	OK    []int64         `json:"ok"`
	P50   []time.Duration `json:"p50_ns"` // of those that were OK; 0 where none was
	P99   []time.Duration `json:"p99_ns"`
	Worst []time.Duration `json:"worst_ns"`
}

// moment is a step while it is summed up.
type moment struct {
	sent, ok int64
	latency  *record.Histogram // made when it is needed
}

// moments are all of them; the zero value has none and takes in nothing.
type moments struct {
	step time.Duration
	of   []moment
}

func newMoments(window, step time.Duration) moments {
	if step <= 0 || window <= 0 {
		return moments{}
	}
	return moments{step, make([]moment, (window+step-1)/step)}
}

// see takes in a measured operation, at a time since the window's begin.
func (m *moments) see(at int64, span record.Span) {
	if m.of == nil {
		return
	}
	i := &m.of[min(max(at, 0)/int64(m.step), int64(len(m.of)-1))]
	i.sent++
	if span.Outcome != record.OK {
		return
	}
	i.ok++
	if i.latency == nil {
		i.latency = record.NewCoarseHistogram()
	}
	i.latency.Record(time.Duration(span.End - span.Begin))
}

func (m *moments) merge(other moments) {
	for k, o := range other.of {
		i := &m.of[k]
		i.sent += o.sent
		i.ok += o.ok
		switch {
		case o.latency == nil:
		case i.latency == nil:
			i.latency = o.latency
		default:
			i.latency.Merge(o.latency)
		}
	}
}

// timeline is nil when none was asked for.
func (m *moments) timeline() *Timeline {
	if m.of == nil {
		return nil
	}
	t := &Timeline{Step: m.step}
	for _, i := range m.of {
		var p50, p99, worst time.Duration
		if i.latency != nil {
			p50, p99, worst = i.latency.Quantile(0.5), i.latency.Quantile(0.99), i.latency.Max()
		}
		t.Sent, t.OK = append(t.Sent, i.sent), append(t.OK, i.ok)
		t.P50, t.P99, t.Worst = append(t.P50, p50), append(t.P99, p99), append(t.Worst, worst)
	}
	return t
}

// CheckTimeline is the check "timeline" of a run that has one: its steps must
// add up to the window's operations, and the longest time must be that of the
// histogram.
func (r *Result) CheckTimeline() record.Check {
	const name = "timeline"
	var sent, ok int64
	var worst time.Duration
	for i := range r.Timeline.Sent {
		sent, ok, worst = sent+r.Timeline.Sent[i], ok+r.Timeline.OK[i], max(worst, r.Timeline.Worst[i])
	}
	if sent != r.Window.Sent || ok != r.Window.OK || worst != r.Latency.Max() {
		return record.Fail(name, sent, "its steps have %d operations, %d OK, the longest of %v; the window has %d, %d and %v", sent, ok, worst,
			r.Window.Sent, r.Window.OK, r.Latency.Max())
	}
	return record.Pass(name, int64(len(r.Timeline.Sent)))
}
