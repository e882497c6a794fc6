package evidence_test

import (
	"testing"

	"dyno/bench/evidence"
	"dyno/internal/record"
)

// Bounds refute what lies beyond them, and prove what they leave no room for.
func TestRoom(t *testing.T) {
	time := evidence.Room{Less: 0.25, More: 0.5}
	for _, c := range []struct {
		room             evidence.Room
		got, least, most float64
		want             record.Status
	}{
		{time, 1, 0.9, 1.1, record.Valid},
		{time, 1, 1, 1, record.Valid},
		{time, 0.75, 0.9, 1.1, record.Invalid},
		{time, 1.2, 0.9, 1.1, record.Invalid},
		{time, 1, 0.9, 1.5, record.Undetermined}, // it may have been 1.4
		{time, 1.4, 0.9, 1.5, record.Undetermined},
		{time, 1.2, 0.9, 1.5, record.Valid},
		{evidence.Room{Less: 0.25}, 1, -3, 1.1, record.Valid},
		{evidence.Room{Less: 0.25, Abs: 0.05}, 0.01, 0, 0.04, record.Valid},
		{evidence.Room{Less: 0.25, Abs: 0.05}, 0.01, 0, 0.06, record.Undetermined},
		{evidence.Room{}, 1, 0, 100, record.Valid},
		{evidence.Room{}, 101, 0, 100, record.Invalid},
	} {
		if got := c.room.Between(c.got, c.least, c.most); got.Status != c.want {
			t.Errorf("%+v: %v between %v and %v is %s, want %s", c.room, c.got, c.least, c.most, got.Status, c.want)
		}
	}
}

// A figure and what it leaves out are held against the clocks together.
func TestCPUBeside(t *testing.T) {
	per := func(*record.Observation, *record.Evidence) (float64, bool) { return 1000, true }
	road := evidence.CPUBeside("between", per, "memory")
	for name, c := range map[string]struct {
		ms, between float64
		want        record.Status
	}{
		"both":         {300, 0.2, record.Valid},
		"half of it":   {150, 0.2, record.Invalid},
		"none between": {300, 0, record.Invalid},
		"too much":     {800, 0.2, record.Invalid},
	} {
		o := &record.Observation{Evidence: &record.Evidence{
			Facts: map[string]float64{"between": c.between},
			Processes: []record.ProcessEvidence{
				{Role: "memory", Covered: true, WindowCPU: 0.5, Least: 0.495, Most: 0.505},
				{Role: "other", Covered: true, WindowCPU: 9, Least: 9, Most: 9},
			},
		}}
		o.Set("cpu_ms", c.ms)
		if got := road.Hold("cpu_ms", o); got.Status != c.want {
			t.Errorf("%s: %s %s", name, got.Status, got.Detail)
		}
		delete(o.Evidence.Facts, "between")
		if got := road.Hold("cpu_ms", o); got.Status != record.Undetermined {
			t.Errorf("%s, and nobody knows what is beside: %s", name, got.Status)
		}
	}
}
