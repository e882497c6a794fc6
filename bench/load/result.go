package load

import (
	"time"

	"dyno/internal/record"
)

// Result is what a run brought. The window is the measured part: from the end
// of the warm-up, Length long; shorter when the run was stopped before; the
// whole run when Requests ended it.
//
// Of a closed loop those operations are measured that ended in the window: a
// client waits, so they are as many as began there. Of an open loop those are
// measured that were to start in it, so that none of its callers is left out
// because its answer came late.
type Result struct {
	Clients  int           // of an open loop: the most operations that were in flight at once
	Schedule *Schedule     // of an open loop; nil for a closed one
	Counts   record.Counts // the whole run, warm-up and drain included, as the clients counted

	Begin, End     time.Time // the window by the wall clock
	BeginNS, EndNS int64     // the same on the clock of the spans: nanoseconds since the run began

	Window   record.Counts     // operations that are measured
	Answered int64             // operations that ended in the window and were OK
	Latency  *record.Histogram // of measured operations that were OK, from the intended start
	Targets  map[int32]Target  // by who served; -1: nobody did
	InFlight float64           // operations in flight, mean over the window; 0 for an empty one

	// Of an open loop; nil for a closed one, which intends to send when it does.
	Service *record.Histogram // as Latency, from the actual start
	Lag     *record.Histogram // from the intended to the actual start of all that are measured and were sent

	IdleNS int64         // time in the window that clients spent between operations, summed
	LagNS  int64         // time in the window between intended and actual starts, summed
	Spans  []record.Span // operations that were sent, by client, then by time; all of them up to MaxSpans
	SentNS []int64       // of an open loop: the actual start of each span
	Folded Folded        // the other operations

	Timeline *Timeline // nil: none was asked for

	Silence *record.Silence // nil: none that the load does not explain

	Processors int // of Go in the end, where the run was given fewer than there are; 0: it had all

	whole  bool   // nothing stopped the run before its time
	unsent uint64 // of an open loop: fingerprint of the starts of operations that were not sent

	inTime, prompt int64 // of a search: measured and OK within its bound, from the intended and from the actual start
}

// Target is one server's part of a run.
type Target struct {
	Counts     record.Counts `json:"counts"`         // the whole run
	Window     record.Counts `json:"window"`         // operations that are measured
	LatencySum time.Duration `json:"latency_sum_ns"` // of those that are measured and were OK
}

// Length is the window's length.
func (r *Result) Length() time.Duration { return time.Duration(r.EndNS - r.BeginNS) }

// Throughput is the number of OK operations per second that ended in the
// window; 0 when it is empty.
func (r *Result) Throughput() float64 { return r.rate(r.Answered) }

// OfferedRate is the number of operations per second that the load model asked
// for in the window; 0 when it is empty.
func (r *Result) OfferedRate() float64 { return r.rate(r.Window.Offered) }

// SentRate is the number of operations per second among these that were sent.
func (r *Result) SentRate() float64 { return r.rate(r.Window.Sent) }

func (r *Result) rate(n int64) float64 {
	if r.EndNS <= r.BeginNS {
		return 0
	}
	return float64(n) / r.Length().Seconds()
}

// result gathers what the workers left behind, once they are all done.
// whole: nothing stopped them before their time.
func (r *run) result(workers []*worker, whole bool) Result {
	r.tap.close()
	res := Result{Clients: len(workers), Schedule: r.schedule, BeginNS: r.begin, whole: whole}
	total := 0
	var last int64
	for _, w := range workers {
		total += w.spans.len()
		last = max(last, w.last)
		res.Counts.Add(w.counts)
	}
	res.Counts.Offered = res.Counts.Sent // a closed loop offers what it sends
	if r.schedule != nil {
		res.Counts.Offered = r.offered
		res.SentNS = make([]int64, 0, total)
	}
	if whole && r.Requests == 0 {
		res.EndNS = r.end
	} else { // nobody was there to answer after the last answer
		res.EndNS = max(r.begin, min(last, r.end))
	}
	res.Begin, res.End = r.origin.Add(time.Duration(res.BeginNS)), r.origin.Add(time.Duration(res.EndNS))
	res.Spans = make([]record.Span, 0, total)
	for _, w := range workers {
		res.IdleNS += w.idle + clip(w.last, res.EndNS, res.BeginNS, res.EndNS)
		res.LagNS += w.lag
		res.Spans = w.spans.moveTo(res.Spans)
		res.SentNS = w.sent.moveTo(res.SentNS)
	}
	res.Folded, res.unsent = r.folded, r.unsent
	all := r.newSums()
	all.add(res.Spans, res.SentNS)
	all.take(r.folded)
	res.report(all, r.windowOffers)
	return res
}

// report takes the figures from the sums over all operations. offered is what
// an open loop offered in the window.
func (r *Result) report(all *sums, offered int64) {
	r.Latency, r.Service, r.Lag = all.latency, all.service, all.lag
	r.Timeline = all.moments.timeline()
	r.Answered, r.inTime, r.prompt = all.answered, all.inTime, all.prompt
	r.Targets = make(map[int32]Target, len(all.targets))
	for id, t := range all.targets {
		t.Counts.Offered, t.Window.Offered = t.Counts.Sent, t.Window.Sent
		r.Window.Add(t.Window)
		r.Targets[id] = *t
	}
	if r.EndNS > r.BeginNS {
		r.InFlight = float64(all.sojourn) / float64(r.EndNS-r.BeginNS)
	}
	if r.Schedule != nil {
		r.Window.Offered = offered
	}
	r.Silence = r.silence(all.voices)
}
