package sim

import (
	"cmp"
	"context"
	"fmt"
	"slices"
	"time"

	"dyno/internal/splitmix"
)

// Branch says from when on a world goes another way: up to and including the
// moment At it is as the seed has it, and after that all chance comes from Seed.
// What is under way, such as messages and timers, stays.
type Branch struct {
	At   time.Duration
	Seed uint64
}

// fork takes the branch.
func (w *World) fork() {
	w.forked = true
	w.seed = splitmix.Mix(w.cfg.Branch.Seed ^ splitmix.Mix(w.cfg.Seed))
	for _, n := range w.nodes {
		n.net = *stream(w.seed, "net", n.id, 0)
		n.store.chance = *stream(w.seed, "disk", n.id, 0)
		if n.env != nil {
			*n.env.pcg = *stream(w.seed, "branch", n.id, n.life)
		}
	}
}

// Inevitable says when a failure had become one: of the branches that leave
// the failing run at or after At all fail too, whatever chance and faults do
// then; before, some come through.
type Inevitable struct {
	At       time.Duration
	Branches int // that were tried at each moment
	Tried    []Odds
}

// Odds are those of one moment.
type Odds struct {
	At     time.Duration
	Failed int // branches
}

// String names the moment and the odds before it.
func (i *Inevitable) String() string {
	text := fmt.Sprintf("inevitable from %v on: all of %d other ways from there fail", i.At, i.Branches)
	before := Odds{At: -1}
	for _, o := range i.Tried {
		if o.At < i.At && o.At > before.At {
			before = o
		}
	}
	if before.At >= 0 {
		text += fmt.Sprintf("; at %v %d of them did", before.At, before.Failed)
	}
	return text
}

// Inevitable looks for the moment at which a failure became inevitable. It
// leaves the run at moments of its record, each time by so many branches (0
// means 20): with another seed and, for what of Profile is left, with other
// faults. It halves the time between a moment from which some branches come
// through and one from which none does, so it finds one such border; where the
// odds rise and fall, it need not be the first.
func (h Hunt) Inevitable(ctx context.Context, f *Failure, branches int) (*Inevitable, error) {
	branches = cmp.Or(branches, 20)
	if branches < 0 {
		return nil, misused("Inevitable wants branches above 0, not %d", branches)
	}
	moments := f.Record.times()
	out := &Inevitable{Branches: branches}
	if len(moments) == 0 {
		return out, nil
	}
	lost := func(i int) (bool, error) {
		failed, err := h.odds(ctx, f, moments[i], branches)
		out.Tried = append(out.Tried, Odds{moments[i], failed})
		return failed == branches, err
	}
	low, high := 0, len(moments)-1 // from high all is lost, since there the failure is seen
	for low < high {
		middle := (low + high) / 2
		all, err := lost(middle)
		if err != nil {
			return nil, err
		}
		if all {
			high = middle
		} else {
			low = middle + 1
		}
	}
	out.At = moments[high]
	slices.SortFunc(out.Tried, func(a, b Odds) int { return cmp.Compare(a.At, b.At) })
	return out, nil
}

// odds counts the branches from a moment that fail.
func (h Hunt) odds(ctx context.Context, f *Failure, at time.Duration, branches int) (failed int, err error) {
	for b := range branches {
		if ctx.Err() != nil {
			return 0, ctx.Err()
		}
		faults := until(f.Shrunk.Faults, at)
		if p := h.Profile; at+max(p.MinFor, 1) < p.Until {
			p.From = max(p.From, at+1)
			others, err := Generate(uint64(b)^splitmix.Mix(uint64(at)), p)
			if err != nil {
				return 0, err
			}
			faults = append(faults, others...)
		}
		cfg := h.config(f.Seed, faults)
		cfg.Branch = Branch{At: max(at, 1), Seed: uint64(b)}
		if Run(cfg, h.Scenario).Err != nil {
			failed++
		}
	}
	return failed, nil
}

// until returns a copy of the faults that begin by a moment.
func until(s Schedule, at time.Duration) Schedule {
	return slices.DeleteFunc(slices.Clone(s), func(f Fault) bool { return f.At > at })
}
