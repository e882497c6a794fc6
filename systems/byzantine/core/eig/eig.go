package eig

import (
	"math/bits"

	"dyno/systems/byzantine/core/general"
)

// Game is a broadcast of one commander's order by OM(t).
type Game struct {
	N, T      int // 2 ≤ N ≤ general.MaxGenerals, 0 ≤ T < N
	Commander int
	Order     general.Value
	Traitors  general.Set
	Traitor   general.Traitor // may be nil if there are no traitors
}

// Full returns what each general decides, a bit per id, and the values carried
// in each round. Bits of traitors mean nothing.
func Full(g Game) (decisions general.Set, messages []int64) {
	r := newResolver(g)
	decisions = r.run()
	return decisions, r.carried
}

// Pruned returns the same decisions without following the paths of loyal
// generals: what a loyal general says is believed by all loyal ones, which
// holds for n > 3t (with at most t traitors) and is wrong beyond.
func Pruned(g Game) (decisions general.Set) {
	r := newResolver(g)
	r.pruned = true
	return r.run()
}

// resolver walks the tree of paths once, from the commander down, and brings
// the votes back up.
type resolver struct {
	Game
	pruned  bool
	path    []byte
	relay   general.Relay
	carried []int64
}

func newResolver(g Game) *resolver {
	return &resolver{
		Game: g, path: make([]byte, 0, g.T+1), carried: make([]int64, g.T+1),
		relay: general.Relay{N: g.N, T: g.T, Rounds: g.T + 1, Commander: g.Commander, Traitors: g.Traitors},
	}
}

func (r *resolver) run() general.Set {
	others := general.First(r.N) &^ general.Only(r.Commander)
	heard := r.say(r.Commander, r.Order, others)
	decisions := r.resolve(heard, others)
	if r.Order == general.Attack {
		decisions |= general.Only(r.Commander)
	}
	return decisions
}

// say appends a general to the path and returns what each of the others hears
// from him, who would honestly tell a value. Silence is retreat.
func (r *resolver) say(id int, honest general.Value, to general.Set) general.Set {
	r.path = append(r.path, byte(id))
	if !r.Traitors.Has(id) {
		r.carried[len(r.path)-1] += int64(to.Len())
		return honest.Spread() & to
	}
	r.relay.Round, r.relay.Path, r.relay.Honest, r.relay.To = len(r.path), r.path, honest, to
	w := r.Traitor.Say(&r.relay)
	w.Spoken &= to
	r.carried[len(r.path)-1] += int64(w.Spoken.Len())
	return w.Attack & w.Spoken
}

// resolve returns what the generals beyond the path make of it, given what each
// heard along it.
func (r *resolver) resolve(heard, beyond general.Set) general.Set {
	if len(r.path) == r.T+1 {
		return heard
	}
	var votes counter
	loyal := beyond &^ r.Traitors
	ask := beyond
	if r.pruned || len(r.path) == r.T {
		// Whatever a loyal general heard he tells everybody, and in the last
		// round (or by the lemma) that is what they believe: one number for all.
		votes.fill(uint(bits.OnesCount64(uint64(heard & loyal))))
		others := int64(beyond.Len() - 1)
		r.carried[len(r.path)] += int64(loyal.Len()) * others
		ask = beyond & r.Traitors
	}
	for id := range ask.All() {
		own := heard & general.Only(id)
		to := beyond &^ general.Only(id)
		said := r.say(id, heard.At(id), to)
		votes.add(r.resolve(said, to) | own)
		r.path = r.path[:len(r.path)-1]
	}
	return votes.above(uint(beyond.Len())/2) & beyond
}

// planes is how many bits a count of votes may have: there are at most 64.
const planes = 7

// counter holds a number per general, sliced by bits: plane k has bit k of
// everybody's number.
type counter [planes]general.Set

// fill sets everybody's number, which must be below 128.
func (c *counter) fill(n uint) {
	for k := range c {
		c[k] = general.Value(n >> k & 1).Spread()
	}
}

// add adds one to the numbers of those whose bit is set.
func (c *counter) add(word general.Set) {
	for k := 0; word != 0 && k < planes; k++ {
		c[k], word = c[k]^word, c[k]&word
	}
}

// above returns those whose number is greater than n.
func (c *counter) above(n uint) general.Set {
	greater, equal := general.Set(0), ^general.Set(0)
	for k := planes - 1; k >= 0; k-- {
		if n>>k&1 == 1 {
			equal &= c[k]
		} else {
			greater |= equal & c[k]
			equal &^= c[k]
		}
	}
	return greater
}
