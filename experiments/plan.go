package experiments

import (
	"fmt"
	"hash/fnv"
	"maps"
	"math/rand/v2"
	"slices"
	"strings"
	"time"

	"dyno/internal/record"
	"dyno/systems"
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
	Index    int // from 1, in the order of the file
	Detail   bool
	Control  string        // the negative control that it is; empty for a cell whose figures count
	Factors  record.Values // the swept knobs
	Values   systems.Values
	Warmup   time.Duration
	Length   time.Duration
	Probes   int           // of a search: how often the two come at most; else 1
	overhead time.Duration // of a trial, beside that; 0: trialOverhead
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
	Breaks int           // blocks that controls are measured in; 0: all
	Notes  []string      // what the planner cut to keep it
	Away   bool          // trials run on other machines, one after the other: a runner sets it, too
	all    []*Cell       // with those that the plan leaves out
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
		return nil, systems.Usagef("experiment %s has no scale %s: give another with --scale, one of %s", e.Name, sel.Scale,
			strings.Join(slices.Sorted(maps.Keys(e.Scales)), ", "))
	}
	all, err := everyCell(e)
	if err != nil {
		return nil, err
	}
	kept, err := narrow(e, all, scale.Only, "scale "+sel.Scale+", only")
	if err != nil {
		return nil, err
	}
	if kept, err = narrow(e, kept, sel.Only, "--only"); err != nil {
		return nil, err
	}
	p := &Plan{
		Experiment: e, Scale: sel.Scale, Seed: sel.Seed, Cells: kept,
		Budget: scale.Budget.Duration(), Breaks: scale.ControlBlocks, all: all,
	}
	for _, c := range all {
		p.stretch(c, scale)
	}
	for _, c := range kept {
		if err := p.check(c); err != nil {
			return nil, err
		}
	}
	blocks, detail := scale.Blocks, scale.DetailBlocks
	if sel.Blocks > 0 {
		blocks, detail = sel.Blocks, min(detail, sel.Blocks)
		p.Budget = 0 // asked for by name
	}
	if p.count(blocks, detail) > maxTrials { // before they are laid out, which takes memory
		return nil, systems.Usagef("experiment %s at scale %s: %d blocks have more than %d trials", e.Name, sel.Scale, blocks, maxTrials)
	}
	p.Blocks, detail = p.fit(blocks, detail)
	p.lay(detail)
	if len(p.Trials) == 0 {
		return nil, systems.Usagef("experiment %s at scale %s has no trial", e.Name, sel.Scale)
	}
	return p, nil
}

// count is how many trials there are, or some number above maxTrials.
func (p *Plan) count(blocks, detail int) (n int) {
	const most = maxTrials + 1
	for _, c := range p.Cells {
		n += p.repeats(c, min(blocks, most), min(detail, most))
	}
	return n
}

// stretch sets how long a cell warms up and is measured.
func (p *Plan) stretch(c *Cell, scale record.Scale) {
	c.Warmup, c.Length, c.Probes = scale.Warmup.Duration(), scale.Length.Duration(), max(1, p.Load.Probes)
	if p.System.TimeConstant != nil {
		tau := p.System.TimeConstant(c.Values)
		c.Warmup, c.Length = max(c.Warmup, warmupConstants*tau), max(c.Length, lengthConstants*tau)
	}
	if p.System.Overhead != nil {
		c.overhead = p.System.Overhead(c.Values)
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
		p.Notes = append(p.Notes,
			fmt.Sprintf("budget %v: %d of %d blocks, %d of %d detail blocks", p.Budget, blocks, wantBlocks, detail, wantDetail))
	}
	if cost := p.cost(blocks, detail); p.Budget > 0 && cost > p.Budget {
		p.Notes = append(p.Notes, fmt.Sprintf("budget %v: even one block is estimated at %v", p.Budget, cost.Round(time.Second)))
	}
	return blocks, detail
}

// repeats is in how many blocks a cell comes: the first ones.
func (p *Plan) repeats(c *Cell, blocks, detail int) int {
	switch {
	case c.Detail:
		return detail
	case c.Control != "" && p.Breaks > 0:
		return min(p.Breaks, blocks)
	}
	return blocks
}

// lay writes out the trials, block by block.
func (p *Plan) lay(detail int) {
	for block := 1; block <= p.Blocks; block++ {
		seed := p.seed(block)
		order := rand.New(rand.NewPCG(seed, 0)).Perm(len(p.Cells))
		for _, i := range order {
			c := p.Cells[i]
			if block > p.repeats(c, p.Blocks, detail) {
				continue
			}
			id := fmt.Sprintf("%s-b%02d-c%03d", p.Name, block, c.Index)
			p.Trials = append(p.Trials, Trial{ID: id, Block: block, Cell: c, Seed: seed})
		}
	}
}

// Header is what the results of a plan say of it, before any trial.
func (p *Plan) Header() record.Run {
	run := p.Experiment.Header()
	run.Scale, run.Seed, run.Planned = p.Scale, p.Seed, len(p.Trials)
	blocks := make(map[*Cell]int)
	for _, t := range p.Trials {
		blocks[t.Cell] = max(blocks[t.Cell], t.Block)
	}
	run.Cells = nil
	for _, c := range p.all {
		run.Cells = append(run.Cells, c.stored(blocks[c]))
	}
	return run
}

// seed is that of all trials of a block.
func (p *Plan) seed(block int) uint64 { return mix(p.Seed, p.Name, block) }

// mix derives a block's seed.
func mix(seed uint64, name string, block int) uint64 {
	h := fnv.New64a()
	fmt.Fprintf(h, "%d/%s/%d", seed, name, block)
	return h.Sum64()
}
