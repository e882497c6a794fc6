package trial

import (
	"strings"
	"testing"

	"dyno/systems/standby/core"
	"dyno/systems/standby/generator"
)

// Without journals the log is what was answered, and what the client who stays may
// have had done; other gaps are somebody's fault.
func TestLogOfAnswers(t *testing.T) {
	opening := []core.Account{{Name: generator.Account(0), Balance: openingBalance}}
	done := func(action uint64) generator.Done {
		return generator.Done{
			Client: 7, Number: action, Operation: generator.Deposit, Amount: 2, Ending: generator.Answered, Outcome: uint8(core.Done),
			Epoch: 1, Action: action,
		}
	}
	stay := []generator.Stay{{Client: 9, Number: 1, Epoch: 1, Action: 2}}
	for name, c := range map[string]struct {
		done   []generator.Done
		stayed []generator.Stay
		want   string // of the error; empty: a whole log
	}{
		"whole":                  {[]generator.Done{done(1), done(2)}, nil, ""},
		"with who stays":         {[]generator.Done{done(1), done(3)}, stay, ""},
		"and what he lost":       {[]generator.Done{done(1), done(4)}, stay, ""},
		"done, and nobody asked": {[]generator.Done{done(1), done(3)}, nil, "after action 1 of all that were acknowledged comes action 3"},
		"more than he lost":      {[]generator.Done{done(1), done(5)}, stay, "after action 2"},
		"what he lost, twice":    {[]generator.Done{done(1), done(4), done(6)}, stay, "after action 4"},
		"two under one number":   {[]generator.Done{done(1), done(2)}, stay, "action 2 was acknowledged twice"},
		"the first is missing":   {[]generator.Done{done(2)}, nil, "after action 0"},
	} {
		log, err := logOfAnswers(opening, c.done, c.stayed)
		if c.want != "" {
			if err == nil || !strings.Contains(err.Error(), c.want) {
				t.Errorf("%s: %v, want %q", name, err, c.want)
			}
			continue
		}
		if err != nil {
			t.Errorf("%s: %v", name, err)
		}
		for i, e := range log {
			if e.ID != uint64(i)+1 {
				t.Errorf("%s: action %d at place %d", name, e.ID, i+1)
			}
		}
	}
}
