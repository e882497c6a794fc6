package experiments

import (
	"fmt"
	"hash/fnv"
	"math/rand/v2"
	"time"

	"dyno/internal/record"
	"dyno/systems"
)

// What a trial costs beside its warm-up and window: starting the processes,
// draining, checking, reaping. Seen: 0.5 to 1 s for twelve servers on two cores.
const trialOverhead = 800 * time.Millisecond

// What the yardsticks of a block take: long enough for a median, short beside
// the trials. Starting and ending their two processes comes on top.
const (
	yardstickQuick    = time.Second
	yardstickLength   = 2 * time.Second
	yardstickOverhead = 300 * time.Millisecond
)

// A trial warms up for at least this many of the system's time constants and
// measures for at least that many.
const (
	warmupConstants = 3
	lengthConstants = 6
)

// maxTrials bounds a plan.
const maxTrials = 100_000

// Cell is one combination of levels.
type Cell struct {
	Index   int // from 1, in the order of the file
	Detail  bool
	Control string        // the negative control that it is; empty for a cell whose figures count
	Factors record.Values // the swept knobs
	Values  systems.Values
	Warmup  time.Duration
	Length  time.Duration
	Probes  int // of a search: how often the two come at most; else 1
}

// Trial is one measurement to be made.
type Trial struct {
	ID    string
	Block int // from 1
	Cell  *Cell
	Seed  uint64
}

// Plan is an experiment at a scale: every trial in the order it is run.
type Plan struct {
	*Experiment
	Scale  string
	Seed   uint64
	Blocks int
	Cells  []*Cell
	Trials []Trial
	Budget time.Duration // of the scale; 0: no limit
	Notes  []string      // what the planner cut to keep it
}

// Selection narrows a plan.
type Selection struct {
	Scale  string
	Only   record.Where // levels to keep; knobs and levels are checked
	Blocks int          // instead of the scale's; 0: as the scale says
	Seed   uint64
}

// NewPlan lays out the trials. Within a block every core cell comes once, in
// an order drawn from the seed; all cells of a block share one trial seed, so
// that their random choices are the same and ratios within a block are fair.
func NewPlan(e *Experiment, sel Selection) (*Plan, error) {
	scale, ok := e.Scales[sel.Scale]
	if !ok {
		return nil, systems.Usagef("experiment %s has no scale %s", e.Name, sel.Scale)
	}
	all, err := cells(e)
	if err != nil {
		return nil, &systems.UsageError{Err: err}
	}
	controls, err := controlCells(e, all)
	if err != nil {
		return nil, &systems.UsageError{Err: err}
	}
	all = append(all, controls...)
	if all, err = narrow(e, all, scale.Only, "scale "+sel.Scale+", only"); err != nil {
		return nil, err
	}
	kept, err := narrow(e, all, sel.Only, "--only")
	if err != nil {
		return nil, err
	}
	p := &Plan{Experiment: e, Scale: sel.Scale, Seed: sel.Seed, Cells: kept, Budget: scale.Budget.Duration()}
	for _, c := range kept {
		p.stretch(c, scale)
	}
	blocks, detail := scale.Blocks, scale.DetailBlocks
	if sel.Blocks > 0 {
		blocks, detail = sel.Blocks, min(detail, sel.Blocks)
		p.Budget = 0 // asked for by name
	}
	p.Blocks, detail = p.fit(blocks, detail)
	p.lay(detail)
	if len(p.Trials) == 0 || len(p.Trials) > maxTrials {
		return nil, systems.Usagef("experiment %s at scale %s has %d trials; want 1 to %d", e.Name, sel.Scale, len(p.Trials), maxTrials)
	}
	return p, nil
}

// stretch sets how long a cell warms up and is measured.
func (p *Plan) stretch(c *Cell, scale record.Scale) {
	c.Warmup, c.Length, c.Probes = scale.Warmup.Duration(), scale.Length.Duration(), max(1, p.Load.Probes)
	if p.System.TimeConstant != nil {
		tau := p.System.TimeConstant(c.Values)
		c.Warmup, c.Length = max(c.Warmup, warmupConstants*tau), max(c.Length, lengthConstants*tau)
	}
}

// fit gives up detail blocks first, then blocks, until the budget is kept.
func (p *Plan) fit(blocks, detail int) (int, int) {
	wantBlocks, wantDetail := blocks, detail
	for p.Budget > 0 && p.cost(blocks, detail) > p.Budget && (blocks > 1 || detail > 0) {
		if detail > 0 {
			detail--
		} else {
			blocks--
		}
	}
	if blocks != wantBlocks || detail != wantDetail {
		p.Notes = append(p.Notes, fmt.Sprintf("budget %v: %d of %d blocks, %d of %d detail blocks", p.Budget, blocks, wantBlocks, detail, wantDetail))
	}
	if cost := p.cost(blocks, detail); p.Budget > 0 && cost > p.Budget {
		p.Notes = append(p.Notes, fmt.Sprintf("budget %v: even one block is estimated at %v", p.Budget, cost.Round(time.Second)))
	}
	return blocks, detail
}

func (p *Plan) cost(blocks, detail int) time.Duration {
	sum := time.Duration(blocks) * p.yardstickCost()
	for _, c := range p.Cells {
		n := blocks
		if c.Detail {
			n = detail
		}
		sum += time.Duration(n) * c.cost()
	}
	return sum
}

func (c *Cell) cost() time.Duration {
	return trialOverhead + time.Duration(c.Probes)*(c.Warmup+c.Length)
}

// Estimate is how long the trials from the given one on should take.
func (p *Plan) Estimate(from int) time.Duration {
	var sum time.Duration
	for i := min(from, len(p.Trials)); i < len(p.Trials); i++ {
		if i == 0 || p.Trials[i-1].Block != p.Trials[i].Block {
			sum += p.yardstickCost()
		}
		sum += p.Trials[i].Cell.cost()
	}
	return sum
}

// yardstick is how long the yardsticks are measured before each block.
func (p *Plan) yardstick() time.Duration {
	if p.Scale == "quick" {
		return yardstickQuick
	}
	return yardstickLength
}

func (p *Plan) yardstickCost() time.Duration { return p.yardstick() + yardstickOverhead }

// lay writes out the trials, block by block.
func (p *Plan) lay(detail int) {
	for block := 1; block <= p.Blocks; block++ {
		seed := mix(p.Seed, p.Name, block)
		order := rand.New(rand.NewPCG(seed, 0)).Perm(len(p.Cells))
		for _, i := range order {
			c := p.Cells[i]
			if c.Detail && block > detail {
				continue
			}
			id := fmt.Sprintf("%s-b%02d-c%03d", p.Name, block, c.Index)
			p.Trials = append(p.Trials, Trial{ID: id, Block: block, Cell: c, Seed: seed})
		}
	}
}

// mix derives a block's seed.
func mix(seed uint64, name string, block int) uint64 {
	h := fnv.New64a()
	fmt.Fprintf(h, "%d/%s/%d", seed, name, block)
	return h.Sum64()
}
