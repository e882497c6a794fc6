package trial

import (
	"testing"

	"dyno/systems/standby/core"
	"dyno/systems/standby/generator"
)

// The last action may be one that nobody was answered for: what the client who stays
// waited for in the end, and no more.
func TestUnheard(t *testing.T) {
	stays := []generator.Stay{{Client: 9, Number: 1, Action: 2}, {Client: 9, Number: 2, Action: 5}}
	for name, c := range map[string]struct {
		stayed []generator.Stay
		log    []core.Entry
		done   []generator.Done
		at     uint64
		want   uint64
	}{
		"his":                     {stayed: stays, at: 8, want: 8},
		"none":                    {stayed: stays, at: 7, want: 7},
		"one more than his":       {stayed: stays, at: 9, want: 7},
		"it came before others":   {stayed: stays, log: []core.Entry{{Client: 9, Number: 3, ID: 6}}, at: 8, want: 7},
		"nobody stays":            {at: 8, want: 7},
		"a question is no asking": {done: []generator.Done{{Operation: generator.Lookup, Ending: generator.Unknown}}, at: 8, want: 7},
		"one is lost":             {stayed: stays, at: 6, want: 7},
	} {
		x := &examined{found: found{Servers: [2]serverAt{{Action: c.at}, {Action: c.at}}, Stayed: c.stayed}, done: c.done}
		x.history.Log = c.log
		if got := x.unheard(7); got != c.want {
			t.Errorf("%s: %d, want %d", name, got, c.want)
		}
	}
}
