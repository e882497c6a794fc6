package trial

import (
	"strings"
	"testing"

	"dyno/systems"
)

// A point that its server would refuse, or never passes, is refused before a trial.
func TestFailpoints(t *testing.T) {
	for text, want := range map[string]string{
		"": "", "gateway gateway.ack:1": "", "beta bank.after-yes:60": "",
		"gateway.ack:1": "the points are", "gateway gateway.nothing:1": "the points are", "gateway gateway.ack": "the points are",
		"gateway gateway.ack:": "whole number", "gateway gateway.ack:0": "whole number", "gateway gateway.ack:-3": "whole number",
		"gateway gateway.ack:many": "whole number",
		"gateway bank.after-yes:1": "never passes", "alpha gateway.ack:1": "never passes",
	} {
		got, err := parseFailpoint(text)
		if want == "" && (err != nil || got != text) || want != "" && (err == nil || !strings.Contains(err.Error(), want)) {
			t.Errorf("%q: %q, %v; want %q", text, got, err, want)
		}
	}
}

// Whom a fault or a failpoint strikes is there, or the cell is refused before anything
// is started, by the names of those who are.
func TestNamesOfCells(t *testing.T) {
	for _, c := range []struct{ knob, level, want string }{
		{KnobFailpoint, "beta bank.after-yes:60", ""},
		{KnobFailpoint, "gateway gateway.ack:1", ""},
		{KnobFailpoint, "omega bank.after-yes:60", `server "omega" is not one of alpha, beta, gateway; knob banks says how many banks there are`},
		{KnobFailpoint, "gamma bank.after-yes:60", `server "gamma"`}, // the third
		{"faults", "kill beta@1s..2s; cut load-gateway@1s", ""},
		{"faults", "kill omega@1s..2s", `process "omega" is not one of alpha, beta, gateway`},
		{"faults", "cut alpha-load@1s", "no link matches alpha<->load"},
	} {
		v, err := Knobs.Resolve(map[string]string{c.knob: c.level})
		if err != nil {
			t.Fatal(err)
		}
		err = checkNames(v)
		if c.want == "" && err != nil || c.want != "" && (err == nil || !systems.IsUsage(err) || !strings.Contains(err.Error(), c.want)) {
			t.Errorf("%s=%s: %v, want %q", c.knob, c.level, err, c.want)
		}
	}
}
