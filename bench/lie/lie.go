// Package lie falsifies figures on purpose, each at the place where the mistake
// would be made by accident: while a client makes its histogram, while outcomes
// are counted, while CPU time is summed up, while figures are set. The checks
// must find every one: a system offers them by a knob, and an experiment's
// negative controls show that they are found.
//
// No lie changes what really happened, only what is said of it.
package lie

import (
	"context"
	"slices"
	"sync/atomic"
	"time"

	"dyno/bench/load"
	"dyno/internal/record"
)

// The lies.
const (
	None           = "none"
	HalvedLatency  = "halved-latency"  // the histogram holds half of every duration
	CutTail        = "cut-tail"        // what is above its 99th percentile counts as that
	LeftOutSlow    = "left-out-slow"   // the slowest tenth is in no figure
	FasterRate     = "faster-rate"     // throughput is multiplied by 1.2
	ErrorsAsOK     = "errors-as-ok"    // calls that failed count as answered
	HalvedCPU      = "halved-cpu"      // half of the CPU time is said to have been used
	UnsampledChild = "unsampled-child" // the CPU time of one process is not read
)

// All are the lies, for a knob that chooses one.
var All = []string{None, HalvedLatency, CutTail, LeftOutSlow, FasterRate, ErrorsAsOK, HalvedCPU, UnsampledChild}

const (
	slowest = 10  // left out is one of so many
	tail    = 100 // cut is what is above all but one of so many
	failing = 100 // one call of so many is made to fail, so that there are errors to hide
	faster  = 1.2
)

// Op makes one call of many fail, and says that it was answered.
func Op(lie string, op load.Op) load.Op {
	if lie != ErrorsAsOK {
		return op
	}
	var calls atomic.Int64
	return func(ctx context.Context, client int) (int32, record.Outcome) {
		if calls.Add(1)%failing != 0 {
			return op(ctx, client)
		}
		ctx, cancel := context.WithCancel(ctx)
		cancel()
		target, _ := op(ctx, client)
		return target, record.OK
	}
}

// Result falsifies what a client made of its spans.
func Result(lie string, r *load.Result) {
	times := measured(r)
	if len(times) == 0 {
		return
	}
	slices.Sort(times)
	switch n := len(times); lie {
	case HalvedLatency:
		for i := range times {
			times[i] /= 2
		}
	case CutTail:
		top := times[n-1-n/tail]
		for i := range times {
			times[i] = min(times[i], top)
		}
	case LeftOutSlow:
		left := int64(n - n/slowest)
		r.Answered -= int64(n) - left
		r.Window.Sent, r.Window.OK = r.Window.Sent-int64(n)+left, left
		times = times[:left]
	default:
		return
	}
	r.Latency = record.NewHistogram()
	for _, d := range times {
		r.Latency.Record(d)
	}
}

// measured are the durations that the histogram was made of.
func measured(r *load.Result) (times []time.Duration) {
	for _, s := range r.Spans {
		at := s.End
		if r.Schedule != nil {
			at = s.Begin
		}
		if s.Outcome == record.OK && at >= r.BeginNS && at <= r.EndNS {
			times = append(times, time.Duration(s.End-s.Begin))
		}
	}
	return times
}

// CPU falsifies the CPU time of the i-th of some processes.
func CPU(lie string, i int, used float64) float64 {
	switch {
	case lie == HalvedCPU:
		return used / 2
	case lie == UnsampledChild && i == 0:
		return 0
	}
	return used
}

// Rate falsifies a rate as it is set.
func Rate(lie string, rate float64) float64 {
	if lie == FasterRate {
		return rate * faster
	}
	return rate
}
