package record

import (
	"fmt"
	"maps"
)

// Cell is one combination of levels, as the planner laid it out. All that is
// shown of an experiment is a function of its stored cells.
type Cell struct {
	Index   int     `json:"index"` // from 1, in the order of the file; controls come last
	Detail  bool    `json:"detail,omitempty"`
	Control string  `json:"control,omitempty"` // the negative control that it is
	Factors Values  `json:"factors"`           // the swept knobs
	Values  Values  `json:"values"`            // every knob of the system
	Warmup  Seconds `json:"warmup_s"`
	Length  Seconds `json:"length_s"`
	Blocks  int     `json:"blocks"` // it is planned in the blocks from 1 to this; 0: not part of the run
}

// measured is what a trial measures, but for the block: it makes two trials
// repeats of one another, whatever their files, plans and cells were called.
func measured(system string, l Load, control string, v Values, warmup, length Seconds) string {
	return fmt.Sprintf("%q %+v %q %q %v %v", system, l, control, v, float64(warmup), float64(length))
}

// finder finds the cell of the run that a trial measured; nil: none.
func (r *Run) finder() func(*Trial) *Cell {
	cells := make(map[string]*Cell)
	texts := make([]string, len(r.Cells))
	for i := range r.Cells {
		c := &r.Cells[i]
		texts[i] = measured(r.Experiment.System, r.Experiment.Load, c.Control, c.Values, c.Warmup, c.Length)
		cells[texts[i]] = c
	}
	return func(t *Trial) *Cell {
		if i := t.Cell - 1; i >= 0 && i < len(r.Cells) { // mostly its number is still right, and to compare costs less than the text
			c := &r.Cells[i]
			if t.System == r.Experiment.System && t.Load == r.Experiment.Load && t.Control == c.Control &&
				t.Warmup == c.Warmup && t.Length == c.Length && maps.Equal(t.Values, c.Values) {
				return cells[texts[i]]
			}
		}
		return cells[measured(t.System, t.Load, t.Control, t.Values, t.Warmup, t.Length)]
	}
}

// Chosen are the trials of a file that a run draws, and how many it does not.
type Chosen struct {
	Trials []*Trial // one for each cell and block at most, in the order of the file
	Mixed  int      // among them: of another build than the run's
	Older  int      // of another build, not drawn
	Other  int      // of another plan (other knobs, load, times or seed), not drawn
	Again  int      // measured again later, since they proved nothing; not drawn
}

// Choose finds out which stored trials are those of the run: what they measured
// is one of its cells with the seed of their block, and the build is the same.
// Mixed takes those of other builds where there are none. The cell of a chosen
// trial is that of the run, whatever it was when it was measured.
func (r *Run) Choose(stored []*Trial, mixed bool) Chosen {
	cellOf := r.finder()
	type place struct{ cell, block int }
	best := make(map[place]*Trial)
	var out Chosen
	for _, t := range stored {
		c := cellOf(t)
		switch {
		case c == nil || t.Block < 1 || t.Block > len(r.Seeds) || t.Seed != r.Seeds[t.Block-1]:
			out.Other++
		case t.Binary != r.Binary && !mixed:
			out.Older++
		default:
			t.Cell, t.Detail = c.Index, c.Detail
			if t.Observation != nil {
				t.Observation.HoldAgain(r.Experiment.Allowed())
			}
			at := place{c.Index, t.Block}
			worse := best[at]
			if best[at] = t; worse != nil && r.rank(worse) > r.rank(t) {
				best[at], worse = worse, t
			}
			switch {
			case worse == nil:
			case worse.Binary != r.Binary:
				out.Older++
			default:
				out.Again++
			}
		}
	}
	for _, t := range stored {
		if best[place{t.Cell, t.Block}] != t {
			continue
		}
		out.Trials = append(out.Trials, t)
		if t.Binary != r.Binary {
			out.Mixed++
		}
	}
	return out
}

// rank orders trials of one cell and block; of equals the later one counts.
func (r *Run) rank(t *Trial) int {
	rank := 0
	for i, better := range []bool{t.Observation != nil, t.Proved(), t.Binary == r.Binary} {
		if better {
			rank += 1 << i
		}
	}
	return rank
}

// Aside says how many stored trials are not drawn, and what to do about it; nil
// when all are.
func (c Chosen) Aside() []string {
	var out []string
	say := func(n int, format string) {
		if n > 0 {
			out = append(out, fmt.Sprintf(format, n))
		}
	}
	say(c.Mixed, "%d of another build: drawn with the others (--mixed)")
	say(c.Older, "%d of another build: not drawn; report --mixed draws them where this build has none, run --fresh replaces them")
	say(c.Other, "%d of another plan (knobs, load, times or seed): not drawn; run --fresh replaces them")
	say(c.Again, "%d that proved nothing, measured again since: not drawn")
	return out
}
