package byzantine

import (
	"fmt"
	"math/rand/v2"

	"dyno/systems"
	"dyno/systems/byzantine/core/general"
)

// cell is what the knobs of a trial say.
type cell struct {
	words     systems.Values
	n, t      int
	traitors  int
	commander string
	process   bool
	lie       string
	base      battle
}

func newCell(v systems.Values) (*cell, error) {
	c := &cell{
		words: v, n: v.Int(knobN), t: v.Int(knobT), traitors: v.Int(knobTraitors),
		commander: v.Text(knobCommander), process: v.Text(knobTransport) == transportProcess, lie: v.Text(knobLie),
	}
	if err := checkSize(c.n, c.t); err != nil {
		return nil, err
	}
	switch {
	case c.traitors > c.n, c.traitors == c.n && c.commander == commanderLoyal, c.traitors == 0 && c.commander == commanderTraitor:
		return nil, fmt.Errorf("%d traitors among %d generals, the commander %s: that cannot be", c.traitors, c.n, c.commander)
	case c.lie == lieUnframed && !c.process:
		return nil, errUnframed
	}
	c.base = newBattle(v, c.n, c.t, 0)
	c.base.timeout = v.Duration(knobTimeout)
	var err error
	if c.base.Order, err = general.ParseValue(v.Text("order")); err != nil {
		return nil, err
	}
	if c.base.Interactive {
		c.base.Initial = drawInitial(c.n, 0) // drawn anew for every run
	}
	c.base.Traitors = general.First(c.traitors) // as many as there will be
	return c, c.base.settle(c.process)
}

// battle is run number i of a trial: traitors and what they say come from the
// seed, so that all cells of a block face the same.
func (c *cell) battle(seed uint64, i int) battle {
	rng := rand.New(rand.NewPCG(seed, streamTraitor+uint64(i)))
	b := c.base
	b.seed = rng.Uint64()
	b.Seed = b.seed
	b.Traitor = b.adversary.New(b.seed)
	if b.Interactive {
		b.Initial = drawInitial(c.n, b.seed)
	}
	b.Traitors = 0
	left := c.traitors
	order := rng.Perm(c.n)
	if c.commander == commanderTraitor {
		b.Traitors, left = general.Only(b.Commander), left-1
	}
	for _, id := range order {
		if left > 0 && (id != b.Commander || c.commander == commanderAny) {
			b.Traitors |= general.Only(id)
			left--
		}
	}
	return b
}
