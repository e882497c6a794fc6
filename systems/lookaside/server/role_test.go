package server

import (
	"flag"
	"strings"
	"testing"
	"time"

	"dyno/systems"
)

// A request takes modelled time or real work, not both.
func TestServiceTimeAndCPUExcludeEachOther(t *testing.T) {
	kinds := systems.Knobs{
		{Name: "service-time", Default: "20ms", Type: systems.Duration{Max: time.Minute}},
		{Name: "cpu", Default: "0s", Type: systems.Duration{Max: time.Second}},
	}
	for _, c := range []struct {
		args []string
		bad  bool
	}{
		{[]string{"--service-time", "20ms", "--cpu", "5ms"}, true},
		{[]string{"--cpu", "5ms"}, false},
		{[]string{"--service-time", "5ms"}, false},
		{[]string{"--service-time", "0s", "--cpu", "5ms"}, false}, // as a trial says it
	} {
		fs := flag.NewFlagSet("server", flag.ContinueOnError)
		check := OneWork(fs, kinds.Bind(fs, "service-time", "cpu"))
		if err := fs.Parse(c.args); err != nil {
			t.Fatal(err)
		}
		err := check()
		if systems.IsUsage(err) != c.bad {
			t.Errorf("%v: %v", c.args, err)
		}
		if c.bad && (!strings.Contains(err.Error(), "--service-time 20ms") || !strings.Contains(err.Error(), "--cpu 5ms")) {
			t.Errorf("%v does not name both", err)
		}
	}
}
