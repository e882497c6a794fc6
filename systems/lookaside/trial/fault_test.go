package trial

import (
	"bytes"
	"errors"
	"flag"
	"slices"
	"strings"
	"testing"
	"time"

	"dyno/systems"
	"dyno/systems/lookaside/knobs"
)

func TestFaultFlags(t *testing.T) {
	parse := func(args ...string) (FaultFlags, error) {
		var f FaultFlags
		fs := flag.NewFlagSet("demo", flag.ContinueOnError)
		fs.SetOutput(new(bytes.Buffer))
		f.Declare(fs)
		err := fs.Parse(args)
		return f, err
	}
	f, err := parse("--kill", "s2@2s", "--pause", "s1@100ms", "--restart-lb", "3s", "--drain", "s2@1s", "--stop", "s1@4s")
	if err != nil {
		t.Fatal(err)
	}
	err = f.Check(2, 10*time.Second)
	want := FaultFlags{
		{knobs.Kill, "s2", 2 * time.Second},
		{knobs.Pause, "s1", 100 * time.Millisecond},
		{knobs.Restart, "", 3 * time.Second},
		{knobs.Stop, "s2", time.Second},
		{knobs.Stop, "s1", 4 * time.Second},
	}
	if err != nil || !slices.Equal(f, want) {
		t.Errorf("faults %v, %v; want %v", f, err, want)
	}
	if err := f.Check(2, 3*time.Second); !systems.IsUsage(err) || !strings.Contains(err.Error(), "--restart-lb 3s") {
		t.Errorf("a fault after the end: error %v", err)
	}
	err = f.Check(1, 0)
	var choice *systems.ChoiceError
	if !systems.IsUsage(err) || !errors.As(err, &choice) || choice.Word != "s2" {
		t.Errorf("an unknown server: error %v", err)
	}
	for _, args := range [][]string{
		{"--kill", "s2"},
		{"--kill", "@2s"},
		{"--pause", "s2@x"},
		{"--drain", "s1@-1s"},
		{"--restart-lb", "s1@2s"},
		{"--kill", "s1@1s..2s"},
		{"--kill", "s1@1s; kill s2@2s"},
	} {
		if _, err := parse(args...); err == nil {
			t.Errorf("%v: no error", args)
		}
	}
}

// Only the server that a fault ends need not be sampled to the end.
func TestEnded(t *testing.T) {
	for kind, want := range map[string]bool{knobs.Kill: true, knobs.Stop: true, knobs.Pause: false, knobs.Hang: false, knobs.Fail: false} {
		r := Run{struck: []*strike{{Fault: Fault{kind: kind, server: "s1"}}}}
		if got := r.ended("s1"); got != want || r.ended("s2") {
			t.Errorf("%s: s1 ended: %v, s2 ended: %v", kind, got, r.ended("s2"))
		}
	}
}
