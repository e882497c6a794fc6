package sample

import (
	"testing"
	"testing/synctest"
	"time"
)

// Where there is a clock it is read more often than the rest, and what it says
// goes before ticks.
func TestClock(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := &worker{cores: 0.5, began: time.Now()}
		clock := func(int) clock {
			return func() (float64, bool) { return 0.75 * time.Since(w.began).Seconds(), true }
		}
		s, err := begin(t.Context(), []Target{{Name: "w"}}, 0, maxPoints, w.open, clock)
		if err != nil {
			t.Fatal(err)
		}
		began := time.Now()
		time.Sleep(1002 * time.Millisecond)
		samples := s.Stop()
		near(t, "Cores", samples.Window("w", began.Add(101*time.Millisecond), began.Add(904*time.Millisecond)).Cores, 0.75)
		if w.reads > 12 {
			t.Errorf("%d readings of everything", w.reads)
		}
		if got := samples.Slack(began.Add(101*time.Millisecond), began.Add(904*time.Millisecond)); got != 4*time.Millisecond {
			t.Errorf("slack %v, want that to the nearest reading of the clock", got)
		}
		if got := samples.Slack(began.Add(-time.Second), began.Add(3*time.Second)); got < time.Second {
			t.Errorf("slack %v of a window that begins a second before the samples", got)
		}
	})
}

// What a process used between its last reading and its end is not known; where
// it ended outside the window nothing is missing.
func TestMissed(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		began := time.Now()
		s := watch(t, &worker{cores: 2, ends: 1950 * time.Millisecond}, maxPoints, 4*time.Second)
		for _, c := range []struct {
			from, to int
			want     time.Duration
		}{{0, 3000, 100 * time.Millisecond}, {0, 1950, 100 * time.Millisecond}, {0, 1000, 0}, {2100, 3000, 0}} {
			begin, end := began.Add(time.Duration(c.from)*time.Millisecond), began.Add(time.Duration(c.to)*time.Millisecond)
			if got := s.Missed(begin, end); got != c.want {
				t.Errorf("from %d to %d ms: %v missed, want %v", c.from, c.to, got, c.want)
			}
		}
	})
}
