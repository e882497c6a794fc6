package load_test

import (
	"context"
	"testing"
	"testing/synctest"
	"time"

	"dyno/bench/load"
	"dyno/internal/record"
)

// counted is an exact alarm of virtual time, which can be set anew, and counts how
// often it rings.
type counted struct {
	timer *time.Timer
	rings int
}

func (c *counted) Wait(d time.Duration) error {
	if d > 0 {
		c.timer.Reset(d)
		<-c.timer.C
		c.rings++
	}
	return nil
}

func (c *counted) Reset(d time.Duration) { c.timer.Reset(d) }

func (c *counted) Close() {}

// paced is how late operations were sent at 1,000 per second, at worst, and how often
// the alarm rang for them. They are answered so long after they were due.
func paced(t *testing.T, answered time.Duration, resets bool) (late time.Duration, rings int) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) {
		c := &counted{timer: time.NewTimer(time.Hour)}
		o := load.Open{Arrivals: "constant", Rate: 1000, Length: time.Second, Alarm: c}
		if !resets {
			o.Alarm = struct{ load.Alarm }{c}
		}
		begin := time.Now()
		r, err := o.Run(t.Context(), func(context.Context, int) (int32, record.Outcome) {
			time.Sleep(answered - time.Since(begin)%ms)
			return 0, record.OK
		})
		if err != nil || r.Counts.Offered != 1000 || r.Counts.OK != 1000 {
			t.Errorf("of 1000: %+v, %v", r.Counts, err)
		}
		for i, s := range r.Spans {
			late = max(late, time.Duration(r.SentNS[i]-s.Begin))
		}
		rings = c.rings
	})
	return late, rings
}

// An operation waits for an answer that is awaited, a little; and nothing is late
// where none is, or where the alarm cannot be told.
func TestPatience(t *testing.T) {
	const patience = 25 * time.Microsecond
	if late, rings := paced(t, ms+10*time.Microsecond, true); late != 10*time.Microsecond || rings > 10 {
		t.Errorf("answers that come just after the next request is due: %v late, %d rings for 1,000 requests", late, rings)
	}
	if late, _ := paced(t, 5*ms+ms/2, true); late != patience {
		t.Errorf("answers that come between: %v late", late)
	}
	if late, _ := paced(t, ms/10, true); late != 0 {
		t.Errorf("answers that come before the next request is due: %v late", late)
	}
	if late, _ := paced(t, 5*ms+ms/2, false); late != 0 {
		t.Errorf("with an alarm that cannot be told: %v late", late)
	}
}
