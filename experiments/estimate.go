package experiments

import (
	"cmp"
	"slices"
	"time"

	"dyno/internal/record"
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
	sum := time.Duration(blocks) * p.yardsticks()
	for _, c := range p.Cells {
		sum += time.Duration(p.repeats(c, blocks, detail)) * c.cost()
	}
	return sum
}

func (c *Cell) cost() time.Duration {
	return cmp.Or(c.overhead, trialOverhead) + time.Duration(c.Probes)*(c.Warmup+c.Length)
}

// Sparing says that yardsticks need not be measured: a quick run, of which they would
// be a twentieth, does without where no metric is divided by one.
func (p *Plan) Sparing() bool {
	var metrics []string
	for _, f := range p.Figures {
		metrics = append(metrics, f.Y)
	}
	for _, t := range p.Tables {
		metrics = append(metrics, t.Columns...)
	}
	for _, c := range p.Claims {
		metrics = append(metrics, c.Metric)
	}
	return p.Scale == "quick" && !slices.ContainsFunc(metrics, func(m string) bool { _, _, ok := record.Per(m); return ok })
}

// yardsticks is what they take before each block.
func (p *Plan) yardsticks() time.Duration {
	if p.Sparing() {
		return 0
	}
	return yardstickCost
}

// Estimate is how long the trials from the given one on should take.
func (p *Plan) Estimate(from int) time.Duration {
	var sum time.Duration
	for i := min(from, len(p.Trials)); i < len(p.Trials); i++ {
		if i == 0 || p.Trials[i-1].Block != p.Trials[i].Block {
			sum += p.yardsticks()
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
