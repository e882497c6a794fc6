package trial

import (
	"strings"
	"testing"
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
