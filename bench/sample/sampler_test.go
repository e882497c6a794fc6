package sample

import (
	"context"
	"errors"
	"math"
	"os"
	"strings"
	"testing"
	"testing/synctest"
	"time"
)

// worker is a source of made-up readings: a process that uses so many cores
// since it began, until it ends.
type worker struct {
	began    time.Time
	cores    float64
	ends     time.Duration // and half a second later another one has its id; 0: never
	replaced time.Duration // by a process that has used less; 0: never
	reads    int
}

func (w *worker) open(int) probe {
	return func() (reading, error) {
		w.reads++
		d := time.Since(w.began)
		if w.ends > 0 && d >= w.ends && d < w.ends+500*time.Millisecond {
			return reading{}, os.ErrNotExist
		}
		r := reading{cpu: w.cores * d.Seconds(), rss: 1000 + float64(d.Milliseconds())}
		if w.replaced > 0 && d >= w.replaced {
			r[cpu] /= 100
		}
		return r, nil
	}
}

// noClock leaves CPU time to the readings of a worker.
func noClock(int) clock { return func() (float64, bool) { return 0, false } }

// watch samples a worker for some (virtual) time.
func watch(t *testing.T, w *worker, points int, length time.Duration) *Samples {
	t.Helper()
	w.began = time.Now()
	s, err := begin(t.Context(), []Target{{Name: "w", PID: 1}}, 0, points, w.open, noClock)
	if err != nil {
		t.Fatal(err)
	}
	time.Sleep(length)
	samples := s.Stop()
	if s.Stop() != samples {
		t.Error("Stop twice gives two results")
	}
	return samples
}

func near(t *testing.T, what string, got, want float64) {
	t.Helper()
	if math.Abs(got-want) > 1e-9*math.Max(1, math.Abs(want)) {
		t.Errorf("%s = %v, want %v", what, got, want)
	}
}

func TestWindow(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		began := time.Now()
		s := watch(t, &worker{cores: 0.75}, maxPoints, 5*time.Second)
		// Borders between samples.
		begin, end := began.Add(1234*time.Millisecond), began.Add(3678*time.Millisecond)
		u := s.Window("w", begin, end)
		length := end.Sub(begin).Seconds()
		near(t, "CPUSeconds", u.CPUSeconds, 0.75*length)
		near(t, "Cores", u.Cores, 0.75)
		near(t, "MaxRSSBytes", u.MaxRSSBytes, 1000+3678)
		near(t, "Covered", u.Covered, 1)
		if u.Ended {
			t.Error("Ended is set")
		}
		if got := s.Window("w", end, begin); got != (Usage{}) {
			t.Errorf("a window that runs backwards: %+v", got)
		}
	})
}

func TestWindowBeyondTheSamples(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		began := time.Now()
		s := watch(t, &worker{cores: 1}, maxPoints, time.Second)
		u := s.Window("w", began.Add(-time.Second), began.Add(3*time.Second))
		near(t, "CPUSeconds", u.CPUSeconds, 1)
		near(t, "Covered", u.Covered, 0.25)
		if u.Ended {
			t.Error("a process that was sampled to the last is called ended")
		}
		u = s.Window("w", began.Add(2*time.Second), began.Add(3*time.Second))
		near(t, "Covered after the last sample", u.Covered, 0)
	})
}

func TestEndedProcess(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		began := time.Now()
		s := watch(t, &worker{cores: 2, ends: 1950 * time.Millisecond}, maxPoints, 4*time.Second)
		u := s.Window("w", began.Add(time.Second), began.Add(3*time.Second))
		near(t, "CPUSeconds", u.CPUSeconds, 2*0.9) // the last sample is of 1.9 s
		near(t, "Cores", u.Cores, 0.9)
		near(t, "Covered", u.Covered, 1)
		if !u.Ended {
			t.Error("Ended is not set")
		}
		if u := s.Window("w", began, began.Add(time.Second)); u.Ended {
			t.Error("Ended is set for a window before the end")
		}
	})
}

func TestSeriesCores(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		began := time.Now()
		s := watch(t, &worker{cores: 1.5, ends: 1050 * time.Millisecond}, maxPoints, 2*time.Second)
		got := s.SeriesCores("w", began.Add(30*time.Millisecond), began.Add(1600*time.Millisecond), 500*time.Millisecond)
		want := []float64{1.5, 1.5 * 470 / 500, 0} // sampled until 1000 ms
		if got.Step != 0.5 || len(got.Values) != len(want) {
			t.Fatalf("%+v, want %d steps of 0.5 s", got, len(want))
		}
		for i := range want {
			near(t, "step", got.Values[i], want[i])
		}
		if n := len(s.SeriesCores("w", began, began.Add(time.Second), 0).Values); n != 0 {
			t.Errorf("%d steps of no length", n)
		}
		if n := len(s.SeriesCores("w", began, began.Add(time.Second), time.Nanosecond).Values); n != maxPoints {
			t.Errorf("%d steps, want the bound of %d", n, maxPoints)
		}
	})
}

func TestNumberOfSamplesIsBounded(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		const points = 16
		began := time.Now()
		w := &worker{cores: 0.5}
		s := watch(t, w, points, time.Minute)
		for f, tr := range s.histories["w"].tracks {
			if len(tr.at) > points+1 { // the last sample of all comes on top
				t.Errorf("figure %d has %d points", f, len(tr.at))
			}
		}
		if w.reads > 100 {
			t.Errorf("%d readings: the interval did not grow", w.reads)
		}
		u := s.Window("w", began.Add(7*time.Second), began.Add(47*time.Second))
		near(t, "Cores", u.Cores, 0.5)
		near(t, "Covered", s.Window("w", began, began.Add(time.Minute)).Covered, 1)
	})
}

func TestReplacedProcessHasEnded(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		began := time.Now()
		s := watch(t, &worker{cores: 1, replaced: 1050 * time.Millisecond}, maxPoints, 2*time.Second)
		u := s.Window("w", began, began.Add(2*time.Second))
		near(t, "CPUSeconds", u.CPUSeconds, 1)
		if !u.Ended || !errors.Is(s.histories["w"].err, errReplaced) {
			t.Errorf("Ended %v, error %v", u.Ended, s.histories["w"].err)
		}
	})
}

func TestSamplingEndsWithTheContext(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		ctx, cancel := context.WithCancel(t.Context())
		w := &worker{began: time.Now()}
		s, err := begin(ctx, []Target{{Name: "w"}}, time.Second, maxPoints, w.open, noClock)
		if err != nil {
			t.Fatal(err)
		}
		cancel()
		time.Sleep(time.Minute)
		if w.reads != 1 {
			t.Errorf("%d readings after the context had ended", w.reads-1)
		}
		s.Stop()
	})
}

func TestRefusedStarts(t *testing.T) {
	here := Target{Name: "me", PID: os.Getpid()}
	for _, tt := range []struct {
		targets  []Target
		interval time.Duration
		want     string
	}{
		{[]Target{here, here}, 0, `called "me"`},
		{[]Target{here, {Name: "nobody", PID: math.MaxInt32}}, 0, "cannot sample nobody (pid 2147483647)"},
		{[]Target{here}, time.Millisecond, "below 10ms"},
		{make([]Target, maxTargets+1), 0, "257 processes"},
	} {
		if _, err := Start(t.Context(), tt.targets, tt.interval); err == nil || !strings.Contains(err.Error(), tt.want) {
			t.Errorf("%+.60v: got %v, want an error that says %q", tt.targets, err, tt.want)
		}
	}
}

func TestUnknownNamePanics(t *testing.T) {
	defer func() {
		if r := recover(); r == nil || !strings.Contains(r.(string), "nobody") {
			t.Errorf("recovered %v", r)
		}
	}()
	(&Samples{}).Window("nobody", time.Time{}, time.Time{})
}
