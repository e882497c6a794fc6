package experiments

import (
	"bytes"
	"encoding/json"
	"math"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"dyno/bench/load"
	"dyno/internal/record"
)

func TestUsage(t *testing.T) {
	before := map[string]time.Duration{"s1": time.Second}
	after := map[string]time.Duration{"s2": 125 * time.Millisecond, "s1": 1250 * time.Millisecond}
	if got := usage(before, after, 500*time.Millisecond); !slices.Equal(got, []Usage{{"s1", 0.5}, {"s2", 0.25}}) {
		t.Errorf("%+v", got)
	}
	// On other machines nothing is known, and the page reads a list.
	if text, err := json.Marshal(usage(nil, nil, 0)); string(text) != "[]" || err != nil {
		t.Errorf("of nobody: %s, %v", text, err)
	}
}

// What several processes of several machines tell is one sample, told once: operations
// add up, and so do histograms.
func TestLookoutSums(t *testing.T) {
	dir := t.TempDir()
	l := (&Runner{}).newLookout(dir)
	for _, told := range []struct {
		machine string
		live    load.Live
		latency []time.Duration
	}{
		{"a", load.Live{PID: 1, Seconds: 0.5, OK: 2, Other: 1}, []time.Duration{2 * time.Millisecond, 2 * time.Millisecond}},
		{"b", load.Live{PID: 1, Seconds: 0.4, OK: 1}, []time.Duration{12 * time.Millisecond}},
		{"a", load.Live{PID: 1, Seconds: 0.5, Other: 1}, nil},
	} {
		for _, d := range told.latency {
			if told.live.Latency == nil {
				told.live.Latency = record.NewCoarseHistogram()
			}
			told.live.Latency.Record(d)
		}
		text, err := json.Marshal(told.live)
		if err != nil {
			t.Fatal(err)
		}
		l.far(told.machine, text)
	}
	l.far("a", []byte("nonsense"))
	got := l.sum()
	if got == nil || math.Abs(got.P50-2) > 0.03 || math.Abs(got.P99-12) > 0.13 || got.Worst != 12 {
		t.Fatalf("%+v", got)
	}
	if got.Seconds != 1 || got.OK != 3 || got.Other != 2 {
		t.Errorf("%+v", got)
	}
	if again := l.sum(); again != nil {
		t.Errorf("told again: %+v", again)
	}
	l.close()
	text, err := os.ReadFile(filepath.Join(dir, LiveFile))
	if err != nil || bytes.Count(text, []byte("\n")) != 3 || bytes.Count(text, []byte(`{"machine":"a","live":{`)) != 2 {
		t.Errorf("%v, kept %s", err, text)
	}
}

// Process 1 of machine a1 is not process 11 of machine a.
func TestLookoutTellsProcessesApart(t *testing.T) {
	l := (&Runner{}).newLookout(t.TempDir())
	defer l.close()
	l.far("a1", []byte(`{"pid":1,"s":0.5,"ok":1}`))
	l.far("a", []byte(`{"pid":11,"s":0.5,"ok":1}`))
	if got := l.sum(); got == nil || got.Seconds != 0.5 || got.OK != 2 {
		t.Errorf("%+v", got)
	}
}

// What is told of a window that ends before anybody looked is seen when the trial ends,
// and nothing is when nothing was told.
func TestWatchLooksOnceMore(t *testing.T) {
	for told, want := range map[string]int{`{"pid":1,"s":0.1,"ok":7}`: 1, "nonsense": 0} {
		var seen []Sample
		r := &Runner{Watch: func(s Sample) { seen = append(seen, s) }}
		l := r.newLookout(t.TempDir())
		stop := r.watch(t.Context(), l, &Plan{}, &Trial{Cell: &Cell{Length: time.Hour}}, nil)
		l.far("a", []byte(told))
		stop()
		l.close()
		if len(seen) != want || want == 1 && (seen[0].Live == nil || seen[0].Live.OK != 7) {
			t.Errorf("%s: %d samples, %+v", told, len(seen), seen)
		}
	}
}

// A trial that never began leaves neither a socket nor a folder behind.
func TestLookoutIsClosed(t *testing.T) {
	t.Setenv("TMPDIR", t.TempDir())
	l := (&Runner{Live: true, Watch: func(Sample) {}}).newLookout(t.TempDir())
	if l.here == nil {
		t.Skip("nowhere to listen: the path of the temporary folder is too long")
	}
	_, path, _ := strings.Cut(l.here.Env()[0], "=")
	if _, err := os.Stat(path); err != nil {
		t.Fatal(err)
	}
	l.close()
	if _, err := os.Stat(filepath.Dir(path)); err == nil {
		t.Error("its folder is still there")
	}
	l.far("a", []byte("{}"))
	if _, err := os.Stat(l.file); err == nil {
		t.Error("what came too late was kept")
	}
}
