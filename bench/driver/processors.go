package driver

import (
	"context"
	"math"
	"runtime"
	"time"

	"dyno/bench/load"
)

const (
	// perProcessor is the rate that one processor surely sends at: a call takes it
	// 20 to 80 µs, one with TLS and a template 200.
	perProcessor = 2500

	// Above half of what its processors have, a generator gets twice as many: calls
	// cost more than is foreseen.
	often = 100 * time.Millisecond
	much  = 0.5
)

// thrifty runs an open loop on as few of Go's processors as do, up to as many as
// there are. An idle one is no gain: at every answer the scheduler wakes a thread
// for it, which finds nothing to do; at 2,000 calls per second that is a third of
// what the generator costs. How many it had in the end is in the result: CPU figures
// of two rates are of as many as each took.
func thrifty(l load.Open) Single { return thriftyLoop{l, l.Peak()} }

type thriftyLoop struct {
	Single
	rate float64
}

func (t thriftyLoop) Run(ctx context.Context, op load.Op) (res load.Result, err error) {
	most := runtime.GOMAXPROCS(0)
	few := int(min(math.Ceil(t.rate/perProcessor), float64(most)))
	if few == most {
		return t.Single.Run(ctx, op)
	}
	runtime.GOMAXPROCS(few)
	ctx, stop := context.WithCancel(ctx)
	grown := make(chan struct{})
	go func() {
		defer close(grown)
		grow(ctx, few, most)
	}()
	defer func() {
		stop()
		<-grown
		res.Processors = runtime.GOMAXPROCS(most)
	}()
	return t.Single.Run(ctx, op)
}

// grow gives the process more processors when it is short of them, until it has
// the most or the context ends.
func grow(ctx context.Context, now, most int) {
	tick := time.NewTicker(often)
	defer tick.Stop()
	last, used := time.Now(), CPUTime()
	for now < most {
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
		}
		at, cpu := time.Now(), CPUTime()
		if now = grownTo(now, most, (cpu-used).Seconds()/at.Sub(last).Seconds()); now != runtime.GOMAXPROCS(0) {
			runtime.GOMAXPROCS(now)
		}
		last, used = at, cpu
	}
}

// grownTo is how many processors those who keep so many cores busy should have.
func grownTo(now, most int, busy float64) int {
	if busy > much*float64(now) {
		return min(2*now, most)
	}
	return now
}
