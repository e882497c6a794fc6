package link

import (
	"context"
	"errors"
	"math/rand/v2"
	"slices"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"dyno/bench/fault"
)

// virtualClock runs in the time of a synctest bubble.
func virtualClock(t *testing.T) *clock {
	c := newClock(newTimeAlarm())
	t.Cleanup(c.close)
	return c
}

func TestClockWakesEachAtItsTime(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := virtualClock(t)
		rng := rand.New(rand.NewPCG(1, 1))
		var mu sync.Mutex
		woken := map[int][]time.Duration{}
		waits := make([]*wait, 100)
		at := make([]time.Duration, len(waits))
		for i := range waits {
			waits[i] = &wait{wake: func() {
				mu.Lock()
				defer mu.Unlock()
				woken[i] = append(woken[i], c.now())
			}}
			c.wakeAt(waits[i], time.Duration(rng.Int64N(int64(time.Second)))) // replaced below
		}
		for i, w := range waits {
			at[i] = time.Duration(rng.Int64N(int64(time.Second)))
			c.wakeAt(w, at[i])
		}
		for _, w := range waits[:10] {
			c.cancel(w)
		}
		time.Sleep(2 * time.Second)
		synctest.Wait()
		for i := range waits {
			want := []time.Duration{at[i]}
			if i < 10 {
				want = nil
			}
			if !slices.Equal(woken[i], want) {
				t.Errorf("wait %d was woken at %v, want %v", i, woken[i], want)
			}
		}
	})
}

func TestClockSleep(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := newClock(newTimeAlarm())
		if err := c.sleep(t.Context(), 30*time.Millisecond); err != nil || c.now() != 30*time.Millisecond {
			t.Errorf("slept until %v: %v", c.now(), err)
		}
		if err := c.sleep(t.Context(), 10*time.Millisecond); err != nil || c.now() != 30*time.Millisecond {
			t.Errorf("a past time took until %v: %v", c.now(), err)
		}
		ctx, cancel := context.WithTimeout(t.Context(), time.Millisecond)
		defer cancel()
		if err := c.sleep(ctx, time.Hour); !errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("the context's end gave %v", err)
		}
		if len(c.waits) > 0 {
			t.Error("a wait that was given up is still there")
		}
		time.AfterFunc(time.Millisecond, c.close)
		if err := c.sleep(t.Context(), time.Hour); !errors.Is(err, errClosed) {
			t.Errorf("closing gave %v", err)
		}
	})
}

// TestAlarmOfThisSystem: never early, set again while waited for, ended by close.
func TestAlarmOfThisSystem(t *testing.T) {
	a, err := newAlarm()
	if err != nil {
		t.Fatal(err)
	}
	begin := time.Now()
	a.set(time.Hour)
	set := time.AfterFunc(0, func() { a.set(2 * time.Millisecond) })
	defer set.Stop()
	if err := a.wait(); err != nil || time.Since(begin) < 2*time.Millisecond {
		t.Errorf("went off after %v: %v", time.Since(begin), err)
	}
	a.set(-time.Second)
	if err := a.wait(); err != nil {
		t.Errorf("a past time: %v", err)
	}
	time.AfterFunc(0, a.close)
	if a.wait() == nil {
		t.Error("went off without being set")
	}
}

func TestPlay(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := virtualClock(t)
		schedule, err := fault.Parse("cut c->d@30ms; cut a->b@10ms..20ms; refuse a->b@10ms; reset a-b@1ms")
		if err != nil {
			t.Fatal(err)
		}
		time.Sleep(5 * time.Millisecond)
		const start = 2 * time.Millisecond // in the past, as is the first step's time
		var got []string
		if err := play(t.Context(), c, start, schedule.Events(), func(s fault.Event, at time.Duration) error {
			if c.now() != max(start+s.At, 5*time.Millisecond) || at != c.now()-start {
				t.Errorf("%v at %v, %v after the start", s, c.now(), at)
			}
			got = append(got, s.String())
			return nil
		}); err != nil {
			t.Fatal(err)
		}
		want := []string{"reset a<->b@1ms", "cut a->b@10ms..20ms", "refuse a->b@10ms", "over: cut a->b@10ms..20ms", "cut c->d@30ms"}
		if !slices.Equal(got, want) {
			t.Errorf("order %q, want %q", got, want)
		}

		ctx, cancel := context.WithTimeout(t.Context(), 10*time.Millisecond)
		defer cancel()
		done := 0
		err = play(ctx, c, c.now(), schedule.Events(), func(fault.Event, time.Duration) error { done++; return nil })
		if !errors.Is(err, context.DeadlineExceeded) || done > 4 || done < 1 {
			t.Errorf("cut short after %d steps: %v", done, err)
		}
		bad := errors.New("no")
		if err := play(t.Context(), c, c.now(), schedule.Events(), func(fault.Event, time.Duration) error { return bad }); !errors.Is(err, bad) {
			t.Errorf("a failing step gave %v", err)
		}
	})
}
