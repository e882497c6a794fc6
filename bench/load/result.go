package load

import (
	"time"

	"dyno/internal/record"
)

// Result is what a run brought. The window is the measured part: from the end
// of the warm-up, Length long; shorter when the run was stopped before; the
// whole run when Requests ended it.
type Result struct {
	Clients int
	Counts  record.Counts // the whole run, warm-up and drain included, as the clients counted

	Begin, End     time.Time // the window by the wall clock
	BeginNS, EndNS int64     // the same on the clock of the spans: nanoseconds since the run began

	Window   record.Counts     // operations that ended in the window
	Latency  *record.Histogram // of those that ended in the window and were OK
	Targets  map[int32]Target  // by who served; -1: nobody did
	InFlight float64           // operations in flight, mean over the window; 0 for an empty one

	IdleNS int64         // time in the window that clients spent between operations, summed
	Spans  []record.Span // every operation, by client, then by time
}

// Target is one server's part of a run.
type Target struct {
	Counts     record.Counts `json:"counts"`         // the whole run
	Window     record.Counts `json:"window"`         // operations that ended in the window
	LatencySum time.Duration `json:"latency_sum_ns"` // of those that ended in the window and were OK
}

// Length is the window's length.
func (r *Result) Length() time.Duration { return time.Duration(r.EndNS - r.BeginNS) }

// Throughput is the number of OK operations per second that ended in the
// window; 0 when it is empty.
func (r *Result) Throughput() float64 {
	if r.EndNS <= r.BeginNS {
		return 0
	}
	return float64(r.Window.OK) / r.Length().Seconds()
}

// result gathers what the workers left behind, once they are all done.
// complete: nothing stopped them before their time.
func (r *run) result(workers []worker, complete bool) Result {
	res := Result{Clients: r.Clients, BeginNS: r.begin}
	total := 0
	var last int64
	for i := range workers {
		total += workers[i].log.len()
		last = max(last, workers[i].last)
		res.Counts.Add(workers[i].counts)
	}
	res.Counts.Offered = res.Counts.Sent // a closed loop offers what it sends
	if complete && r.Requests == 0 {
		res.EndNS = r.end
	} else { // nobody was there to answer after the last answer
		res.EndNS = max(r.begin, min(last, r.end))
	}
	res.Begin, res.End = r.origin.Add(time.Duration(res.BeginNS)), r.origin.Add(time.Duration(res.EndNS))
	res.Spans = make([]record.Span, 0, total)
	for i := range workers {
		w := &workers[i]
		res.IdleNS += w.idle + clip(w.last, res.EndNS, res.BeginNS, res.EndNS)
		res.Spans = w.log.moveTo(res.Spans)
	}
	res.measure()
	return res
}

// measure computes from the spans what concerns the window and the targets.
func (r *Result) measure() {
	r.Latency = record.NewHistogram()
	targets := make(map[int32]*Target)
	var sojourn int64
	for _, s := range r.Spans {
		t := targets[s.Target]
		if t == nil {
			t = new(Target)
			targets[s.Target] = t
		}
		t.Counts.Tally(s.Outcome)
		sojourn += clip(s.Begin, s.End, r.BeginNS, r.EndNS)
		if !r.measured(s) {
			continue
		}
		t.Window.Tally(s.Outcome)
		if s.Outcome == record.OK {
			d := time.Duration(s.End - s.Begin)
			t.LatencySum += d
			r.Latency.Record(d)
		}
	}
	r.Targets = make(map[int32]Target, len(targets))
	for id, t := range targets {
		t.Counts.Offered, t.Window.Offered = t.Counts.Sent, t.Window.Sent
		r.Window.Add(t.Window)
		r.Targets[id] = *t
	}
	if r.EndNS > r.BeginNS {
		r.InFlight = float64(sojourn) / float64(r.EndNS-r.BeginNS)
	}
}

// measured says whether an operation ended in the window. What ends on the
// stroke that begins it belongs to the warm-up, if there is one.
func (r *Result) measured(s record.Span) bool {
	return s.End <= r.EndNS && (s.End > r.BeginNS || r.BeginNS == 0)
}
