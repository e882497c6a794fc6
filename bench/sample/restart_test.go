package sample

import (
	"os"
	"testing"
	"testing/synctest"
	"time"
)

// life is a process that uses so many cores from one time to another.
type life struct {
	from, to time.Duration
	cores    float64
}

// lives is a source of made-up readings of one target after another: process n
// is the n-th life.
func lives(began time.Time, all []life) (current func() int, open source) {
	current = func() int {
		pid := 0
		for i, l := range all {
			if time.Since(began) >= l.from {
				pid = i
			}
		}
		return pid
	}
	return current, func(pid int) probe {
		l := all[pid]
		return func() (reading, error) {
			at := time.Since(began)
			if at >= l.to {
				return reading{}, os.ErrNotExist
			}
			age := (at - l.from).Seconds()
			return reading{cpu: l.cores * age, rss: 1000 + 100*float64(pid)}, nil
		}
	}
}

// A target that is started again is followed: its lives add up, the time
// between them is idle, and it has not ended while the last one goes on.
func TestRestartsAreFollowed(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		began := time.Now()
		// Ends and beginnings lie half-way between two samples of 100 ms.
		current, open := lives(began, []life{
			{0, 1050 * time.Millisecond, 1}, {2050 * time.Millisecond, 3050 * time.Millisecond, 0.5}, {3060 * time.Millisecond, time.Hour, 2},
		})
		s, err := begin(t.Context(), []Target{{Name: "s", Current: current}}, 0, maxPoints, open, noClock)
		if err != nil {
			t.Fatal(err)
		}
		time.Sleep(5 * time.Second)
		samples := s.Stop()
		at := func(ms int) time.Time { return began.Add(time.Duration(ms) * time.Millisecond) }
		cores := func(what string, from, to int, want float64) {
			t.Helper()
			near(t, what, samples.Window("s", at(from), at(to)).CPUSeconds, want)
		}
		cores("first life, to its last sample", 0, 1000, 1)
		cores("the gap", 1000, 2000, 0)
		cores("second life: its first sample is at 2.1 s", 2100, 3000, 0.45)
		cores("from the last look to the first sample", 2000, 2100, 0.025)
		cores("a life that followed at once", 3100, 5000, 3.8)
		cores("all of them", 0, 5000, 1+0.475+2*1.94)
		u := samples.Window("s", at(0), at(5000))
		if u.Ended || u.Covered < 0.999 || u.MaxRSSBytes != 1200 {
			t.Errorf("the whole window: %+v", u)
		}
		if missed := samples.Missed(at(0), at(5000)); missed != (100+60)*time.Millisecond {
			t.Errorf("%v of two ends were not seen, want 100ms to the sample that found nobody, and 60ms to the next life", missed)
		}
		if gap := samples.Window("s", at(1200), at(1900)); gap.MaxRSSBytes != 0 {
			t.Errorf("while nothing runs there is %+v", gap)
		}
	})
}

// A target that is down when the samples end has ended.
func TestLastLifeEnds(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		began := time.Now()
		current, open := lives(began, []life{{0, time.Second, 1}, {2 * time.Second, 3 * time.Second, 1}})
		s, err := begin(t.Context(), []Target{{Name: "s", Current: current}}, 0, maxPoints, open, noClock)
		if err != nil {
			t.Fatal(err)
		}
		time.Sleep(4 * time.Second)
		samples := s.Stop()
		u := samples.Window("s", began, began.Add(4*time.Second))
		if !u.Ended || u.Covered != 1 {
			t.Errorf("a target whose last life is over: %+v", u)
		}
	})
}
