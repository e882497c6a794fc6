package driver

import (
	"context"
	"runtime"
	"sync/atomic"
	"testing"
	"time"

	"dyno/bench/load"
	"dyno/internal/record"
)

// A generator of low rates has few processors, and all again when it is done.
func TestThriftyLoop(t *testing.T) {
	most := runtime.GOMAXPROCS(0)
	for rate, want := range map[float64]int{100: 1, perProcessor: 1, 2 * perProcessor: min(2, most)} {
		var seen atomic.Int64
		l := load.Open{Arrivals: "constant", Rate: rate, Length: 20 * time.Millisecond}
		res, err := thrifty(l).Run(t.Context(), func(context.Context, int) (int32, record.Outcome) {
			seen.CompareAndSwap(0, int64(runtime.GOMAXPROCS(0)))
			return 0, record.OK
		})
		if err != nil || seen.Load() != int64(want) || runtime.GOMAXPROCS(0) != most {
			t.Errorf("%v/s: %v, %d processors of %d, %d afterwards; want %d", rate, err, seen.Load(), most, runtime.GOMAXPROCS(0), want)
		}
		var o record.Observation
		(&Report{Summary: res.Summary()}).Observe(&o, Open)
		if told := int(o.Evidence.Facts["generator_processors"]); want < most && told != want || want == most && told != 0 {
			t.Errorf("%v/s: %d processors are told, want %d of %d", rate, told, want, most)
		}
	}
}

func TestGrownTo(t *testing.T) {
	for _, c := range []struct {
		now, most int
		busy      float64
		want      int
	}{
		{1, 8, 0, 1}, {1, 8, 0.5, 1}, {1, 8, 0.51, 2}, {2, 8, 0.9, 2}, {2, 8, 1.1, 4}, {4, 6, 3, 6}, {6, 6, 6, 6},
	} {
		if got := grownTo(c.now, c.most, c.busy); got != c.want {
			t.Errorf("%d of %d, %v cores busy: %d, want %d", c.now, c.most, c.busy, got, c.want)
		}
	}
}
