package ladder

import (
	"fmt"
	"slices"
	"time"

	"dyno/experiments"
	"dyno/internal/record"
	"dyno/internal/stats"
	"dyno/systems"
)

// Status is how the try at a rung ended.
type Status string

// The statuses.
const (
	Holds      Status = "holds"
	Broken     Status = "broken"      // a promise is, or the program is: it crashed, hung, never came up
	Unproved   Status = "unproved"    // nothing wrong was found, and nothing proved
	Absent     Status = "left out"    // the machine lacks what it needs
	NotReached Status = "not reached" // a rung below does not hold
)

// Result is one rung of a scorecard.
type Result struct {
	Name     string   `json:"name"`
	Promise  string   `json:"promise"`
	Status   Status   `json:"status"`
	Examined int64    `json:"examined,omitempty"` // facts that the checks looked at
	Seconds  float64  `json:"seconds,omitempty"`
	Reasons  []string `json:"reasons,omitempty"` // why it does not hold, as the checks say
	History  []string `json:"history,omitempty"` // the smallest one that breaks the promise, in words
	Diagram  string   `json:"diagram,omitempty"` // the same as a picture, a file
	Trial    string   `json:"trial,omitempty"`
	Seed     uint64   `json:"seed,omitempty,string"`
	Replay   string   `json:"replay,omitempty"` // the command that runs the trial again
	Bundle   string   `json:"bundle,omitempty"` // folder of logs and history
	Costs    []Cost   `json:"costs,omitempty"`
}

// Cost is a figure of the implementation beside dyno's own, medians over blocks.
type Cost struct {
	Metric string  `json:"metric"`
	Unit   string  `json:"unit"`
	Given  float64 `json:"given"`
	Own    float64 `json:"own,omitempty"`   // 0: dyno's own roles are what was measured
	Ratio  float64 `json:"ratio,omitempty"` // of both, the median over the blocks
	Blocks int     `json:"blocks"`
}

// Card is a scorecard.
type Card struct {
	System  string       `json:"system"`
	Impl    systems.Impl `json:"impl,omitempty"`
	Until   string       `json:"until"`
	Seed    uint64       `json:"seed"`
	Command []string     `json:"command"`
	Started time.Time    `json:"started"`
	Rungs   []Result     `json:"rungs"`
}

// Holds says whether every rung so far does.
func (c *Card) Holds() bool {
	return !slices.ContainsFunc(c.Rungs, func(r Result) bool { return r.Status != Holds })
}

// Reached is how many rungs hold from the ground up, and the last one's name.
func (c *Card) Reached() (n int, last string) {
	for _, r := range c.Rungs {
		if r.Status != Holds {
			break
		}
		n, last = n+1, r.Name
	}
	return n, last
}

// costs compares the metrics of a rung.
func costs(rung Rung, s *systems.System, plan *experiments.Plan, trials []*record.Trial) (out []Cost, err error) {
	of := make(map[string][]*record.Trial)
	for _, t := range trials {
		label := t.Values["impl"]
		of[label] = append(of[label], t)
	}
	given, own := of[record.Given], of[systems.Own]
	if len(plan.Impl) == 0 {
		given, own = trials, nil
	}
	for _, m := range rung.Costs {
		g, err := stats.Of(given, m)
		if err != nil {
			return nil, fmt.Errorf("rung %s: %s: %w", rung.Name, m, err)
		}
		c := Cost{Metric: m, Unit: unit(s, m), Given: g.Center, Blocks: plan.Blocks}
		if len(own) > 0 {
			o, err := stats.Of(own, m)
			if err != nil {
				return nil, fmt.Errorf("rung %s: %s of dyno's own: %w", rung.Name, m, err)
			}
			c.Own, c.Ratio = o.Center, ratio(stats.PerBlock(given, m), stats.PerBlock(own, m))
			if c.Ratio == 0 && o.Center > 0 { // no block alone has enough samples for a quantile
				c.Ratio = g.Center / o.Center
			}
		}
		out = append(out, c)
	}
	return out, nil
}

// ratio is the median of the blocks' ratios; 0: no block has both.
func ratio(given, own map[int]float64) float64 {
	var all []float64
	for block, o := range own {
		if g, ok := given[block]; ok && o > 0 {
			all = append(all, g/o)
		}
	}
	if len(all) == 0 {
		return 0
	}
	slices.Sort(all)
	return stats.Summarize(all).Center
}

func unit(s *systems.System, metric string) string {
	name, _, ok := record.Quantile(metric)
	if !ok {
		name = metric
	}
	m, _ := s.Metric(name)
	return m.Unit
}
