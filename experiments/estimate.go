package experiments

import (
	"cmp"
	"time"
)

// What a trial costs beside its warm-up and window: starting the processes,
// draining, checking, reaping. Seen: 0.5 to 1 s for twelve servers on two cores.
const trialOverhead = 800 * time.Millisecond

// What the yardsticks of a block take: long enough for a median, short beside
// the trials. Starting and ending their two processes comes on top.
const (
	yardstickLength   = 200 * time.Millisecond
	yardstickOverhead = 200 * time.Millisecond
	yardstickCost     = yardstickLength + yardstickOverhead
)

func (p *Plan) cost(blocks, detail int) time.Duration {
	sum := time.Duration(blocks) * yardstickCost
	for _, c := range p.Cells {
		sum += time.Duration(p.repeats(c, blocks, detail)) * c.cost()
	}
	return sum
}

func (c *Cell) cost() time.Duration {
	return cmp.Or(c.overhead, trialOverhead) + time.Duration(c.Probes)*(c.Warmup+c.Length)
}

// Estimate is how long the trials from the given one on should take.
func (p *Plan) Estimate(from int) time.Duration {
	var sum time.Duration
	for i := min(from, len(p.Trials)); i < len(p.Trials); i++ {
		if i == 0 || p.Trials[i-1].Block != p.Trials[i].Block {
			sum += yardstickCost
		}
		sum += p.share(p.Trials[i].Cell)
	}
	return sum
}

// besides says whether trials of a cell may be measured beside each other.
func (p *Plan) besides(c *Cell) bool { return p.Scale == "quick" && c.Control != "" && !p.Away }

// share is what a trial adds to the whole: those that are measured at once share
// their time.
func (p *Plan) share(c *Cell) time.Duration {
	if p.besides(c) {
		return c.cost() / together
	}
	return c.cost()
}
