package trial

import (
	"testing"

	"dyno/systems/standby/generator"
)

// Actions that nobody was answered for may be there, as many as were asked for.
func TestUnheard(t *testing.T) {
	answered, not := generator.Done{Ending: generator.Answered}, generator.Done{Ending: generator.Unknown}
	for _, c := range []struct {
		done      []generator.Done
		at, heard uint64
		want      uint64
	}{
		{[]generator.Done{answered, not}, 8, 7, 8},
		{[]generator.Done{answered, not}, 7, 7, 7},
		{[]generator.Done{answered, not}, 9, 7, 8}, // one more than anybody asked for
		{[]generator.Done{answered}, 8, 7, 7},
		{[]generator.Done{answered, not}, 6, 7, 7}, // one that was answered is lost
	} {
		x := &examined{found: found{Servers: [2]serverAt{{Action: c.at}, {Action: c.at}}}, done: c.done}
		if got := x.unheard(c.heard); got != c.want {
			t.Errorf("a server at %d, %d heard of, %d requests: %d, want %d", c.at, c.heard, len(c.done), got, c.want)
		}
	}
}
