package council

import (
	"fmt"

	"dyno/systems/byzantine/core/general"
)

// Hunt looks for traitors that break a plan. Traitors and order of the plan are
// chosen by the hunt; the rest of it stays.
type Hunt struct {
	Plan  Plan
	Limit int         // most runs that are played
	Stop  func() bool // asked before each run whether to give up; may be nil
}

func (h Hunt) stopped() bool { return h.Stop != nil && h.Stop() }

// Find is a run that broke, or none.
type Find struct {
	Broken  bool
	Plan    Plan // who the traitors were and what they were to say
	Verdict Verdict
	Runs    int // how many were played, the last one included
}

// Random plays runs with random sets of t traitors who say random things.
// random returns the next number of a sequence.
func (h Hunt) Random(random func() uint64, liar func(seed uint64) general.Traitor) Find {
	for run := 1; run <= h.Limit && !h.stopped(); run++ {
		p := h.Plan
		p.Traitors = 0
		for p.Traitors.Len() < p.T {
			p.Traitors |= general.Only(int(random() % uint64(p.N)))
		}
		p.Order = general.Value(random() & 1)
		p.Traitor = liar(random())
		if v := p.Judge(Run(p).Decisions); !v.Agreement || !v.Validity {
			return Find{Broken: true, Plan: p, Verdict: v, Runs: run}
		}
	}
	return Find{Runs: h.Limit}
}

// Choices counts what traitors can choose between in all: one of two values for
// each receiver of each path that ends in a traitor, summed over sets of t
// traitors and orders. ok is false above a limit.
func (h Hunt) Choices() (runs int, ok bool) {
	for _, c := range h.cases() {
		n := len(c.spots())
		if n > 62 || runs+1<<n > h.Limit {
			return 0, false
		}
		runs += 1 << n
	}
	return runs, true
}

// Exhaustive plays every run there is: every set of t traitors, either order,
// and everything that they can say without being silent. It is an error if that
// is more than the limit.
func (h Hunt) Exhaustive() (Find, error) {
	if _, ok := h.Choices(); !ok {
		return Find{}, fmt.Errorf("what %d traitors among %d can say is more than %d runs", h.Plan.T, h.Plan.N, h.Limit)
	}
	f := Find{}
	for _, p := range h.cases() {
		open := p.spots()
		for bits := range 1 << len(open) {
			if h.stopped() {
				return f, nil
			}
			f.Runs++
			p.Traitor = open.written(bits)
			if v := p.Judge(Run(p).Decisions); !v.Agreement || !v.Validity {
				return Find{Broken: true, Plan: p, Verdict: v, Runs: f.Runs}, nil
			}
		}
	}
	return f, nil
}

// cases are the sets of t traitors, with either order. The order of a
// traitorous commander does not matter: he says what he likes.
func (h Hunt) cases() []Plan {
	var out []Plan
	for set := general.Set(1)<<h.Plan.T - 1; set <= general.First(h.Plan.N); {
		p := h.Plan
		p.Traitors, p.Order = set, general.Attack
		out = append(out, p)
		if !set.Has(p.Commander) {
			p.Order = general.Retreat
			out = append(out, p)
		}
		if set == 0 {
			break
		}
		low := set & -set // the next set of the same size (Gosper)
		up := set + low
		if up == 0 {
			break
		}
		set = up | (set^up)/low>>2
	}
	return out
}

// spot is one thing that a traitor tells one receiver.
type spot struct {
	path string
	to   int
}

type spots []spot

// spots lists what the traitors of a plan are asked to say when they are loyal,
// which names all paths.
func (p Plan) spots() spots {
	var out spots
	p.Traitor = listener(func(r *general.Relay) {
		for to := range (r.To &^ p.Traitors).All() {
			out = append(out, spot{string(r.Path), to})
		}
	})
	Run(p)
	return out
}

// listener tells the truth and writes down what it was asked.
type listener func(*general.Relay)

func (l listener) Say(r *general.Relay) general.Word {
	l(r)
	return general.Word{Attack: r.Honest.Spread(), Spoken: r.To}
}

// written is a traitor who says, spot by spot, what the bits say. What traitors
// tell one another is the truth: they know the plan anyway.
func (s spots) written(bits int) general.Traitor {
	w := make(written, len(s))
	for i, spot := range s {
		word := w[spot.path]
		word.Attack |= general.Set(bits>>i&1) << spot.to
		word.Spoken |= general.Only(spot.to)
		w[spot.path] = word
	}
	return w
}

type written map[string]general.Word

// Say implements [general.Traitor].
func (w written) Say(r *general.Relay) general.Word {
	word := w[string(r.Path)]
	return general.Word{Attack: word.Attack | r.Honest.Spread()&^word.Spoken, Spoken: r.To}
}
