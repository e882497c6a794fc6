package driver

import (
	"bytes"
	"flag"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"dyno/bench/load"
	"dyno/internal/record"
	"dyno/systems"
)

func shaped(t *testing.T, given map[string]string) systems.Values {
	t.Helper()
	v, err := append(Knobs("poisson"), ShapeKnobs...).Resolve(given)
	if err != nil {
		t.Fatal(err)
	}
	return v
}

// A load that does not fit its window, or that its driver does not have, is
// refused before anything is measured.
func TestMeasurableShapes(t *testing.T) {
	set := systems.Setting{Load: record.Load{Loop: "swept"}, Warmup: time.Second, Length: 10 * time.Second}
	for name, c := range map[string]struct {
		knobs map[string]string
		want  string
	}{
		"a ramp":             {map[string]string{KnobDriver: Open, KnobRamp: "1..50/s over 10s"}, ""},
		"ten a minute":       {map[string]string{KnobDriver: Open, KnobRate: "10/min"}, ""},
		"one a minute":       {map[string]string{KnobDriver: Open, KnobRate: "1/min"}, "raise the length to 1m"},
		"a replay":           {map[string]string{KnobDriver: Open, KnobReplay: "times.txt"}, ""},
		"both":               {map[string]string{KnobDriver: Open, KnobReplay: "times.txt", KnobRamp: "1..2/s"}, "one of them"},
		"a ramp of clients":  {map[string]string{KnobDriver: Closed, KnobRamp: "1..2/s"}, "open loop"},
		"a ramp of ghz":      {map[string]string{KnobDriver: GHZ, KnobRamp: "1..2/s"}, "open loop"},
		"a ramp too long":    {map[string]string{KnobDriver: Open, KnobRamp: "1..2/s over 11s"}, "length of 11s"},
		"no time for a part": {map[string]string{KnobDriver: Open, KnobRamp: "1..2/s over 10s, 5/s"}, "no time"},
	} {
		err := Measurable(set, shaped(t, c.knobs))
		if (err == nil) != (c.want == "") || err != nil && !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s: %v; want %q", name, err, c.want)
		}
	}
}

// What a person asks for takes as long as it does, unless a length is given.
func TestShapeMakesTheLength(t *testing.T) {
	file := filepath.Join(t.TempDir(), "times.txt")
	if err := os.WriteFile(file, []byte("0\n0.5\n3\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	for name, c := range map[string]struct {
		knobs map[string]string
		args  []string
		want  time.Duration
	}{
		"none":           {nil, nil, 5 * time.Second},
		"ramp":           {map[string]string{KnobRamp: "1..9/s over 2m"}, nil, 2 * time.Minute},
		"short ramp":     {map[string]string{KnobRamp: "1..9/s over 2s"}, nil, 2 * time.Second},
		"ramp and rest":  {map[string]string{KnobRamp: "1..9/s over 2s, 9/s"}, nil, 5 * time.Second},
		"given":          {map[string]string{KnobRamp: "1..9/s over 2s"}, []string{"--length", "7s"}, 7 * time.Second},
		"replay":         {map[string]string{KnobReplay: file}, nil, 3*time.Second + 1},
		"part of replay": {map[string]string{KnobReplay: file}, []string{"--length", "1s"}, time.Second},
	} {
		fs := flag.NewFlagSet("x", flag.ContinueOnError)
		f := BindFlags(fs)
		if err := fs.Parse(c.args); err != nil {
			t.Fatal(err)
		}
		if _, err := f.Loop(Closed, Model{Clients: 1, Rate: 5, Arrivals: "constant", Shape: ShapeOf(shaped(t, c.knobs))}); err != nil || f.Length != c.want {
			t.Errorf("%s: %v, %v; want %v", name, f.Length, err, c.want)
		}
	}
}

// Each bound is told, and one that is missed, or not shown, is an error.
func TestObjective(t *testing.T) {
	r := &Report{Summary: load.Summary{Latency: record.NewHistogram(), Throughput: 80, Counts: record.Counts{Sent: 1000, OK: 998, Failed: 2}}}
	for i := range 1000 {
		r.Latency.Record(time.Duration(i) * time.Millisecond)
	}
	for text, want := range map[string]string{
		"p99 < 1s and errors < 0.5 %":   "",
		"p99 < 900ms and errors < 0.5%": "missed: p99 < 900ms",
		"errors < 0.1%":                 "missed: errors < 0.1%",
		"rate > 100/s":                  "missed: rate > 100/s",
		"p99.9 < 1h":                    "missed: p99.9 < 1h", // of 1000 calls one is beyond
		"mean < 500ms":                  "",
	} {
		o := new(Objective)
		if err := o.Set(text); err != nil {
			t.Fatal(err)
		}
		var out bytes.Buffer
		err := o.Judge(&out, r)
		if (err == nil) != (want == "") || err != nil && !strings.Contains(err.Error(), want) || strings.Count(out.String(), "\n") != len(o.bounds) {
			t.Errorf("%s: %v; want %q\n%s", text, err, want, out.String())
		}
	}
}
