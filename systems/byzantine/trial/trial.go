// Package trial measures run after run, in memory (role memory) or with a process
// for each general, and holds the figures against evidence from other roads.
package trial

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"strconv"

	"dyno/internal/record"
	"dyno/systems"
	"dyno/systems/byzantine/cluster"
	"dyno/systems/byzantine/core/general"
	"dyno/systems/byzantine/play"
)

// Run measures one configuration: run after run, each with other traitors, for as long
// as the window lasts.
func Run(ctx context.Context, b systems.Bench, v systems.Values) (record.Observation, error) {
	if loop := b.Setting().Load.Loop; loop != "closed" {
		return record.Observation{}, fmt.Errorf("byzantine: load %q: there is only a closed loop, one run after the other", loop)
	}
	c, err := newConfig(v)
	if err != nil {
		return record.Observation{}, fmt.Errorf("byzantine: %w", err)
	}
	c.blind = b.Setting().Stands(cluster.RoleName)
	c.base.Heard = c.blind // what dyno's own generals heard costs time, and they are never asked for their story
	var a *summary
	if c.process {
		a, err = c.withProcesses(ctx, b)
	} else {
		a, err = c.inMemory(ctx, b)
	}
	if err != nil {
		return record.Observation{}, err
	}
	o := c.observe(a)
	if o.Verdict.Status != record.Invalid {
		return o, nil
	}
	return o, systems.KeepHistory(b, left{a.Story})
}

// inMemory lets one process play all generals.
func (c *config) inMemory(ctx context.Context, b systems.Bench) (*summary, error) {
	set := b.Setting()
	args := append(c.knobs.Args(memoryKnobs()...),
		"--seed", strconv.FormatUint(set.Seed, 10), "--warmup", set.Warmup.String(), "--length", set.Length.String())
	p, err := b.Start(ctx, systems.Launch{Role: roleMemory, Name: "memory", Args: args})
	if err != nil {
		return nil, err
	}
	out, err := p.Wait(ctx)
	if err != nil {
		return nil, err
	}
	var a summary
	if err := json.Unmarshal(out, &a); err != nil {
		return nil, fmt.Errorf("byzantine: the summary of the runs: %w", err)
	}
	return &a, nil
}

// withProcesses gives each general a process of its own, the same ones for all
// runs.
func (c *config) withProcesses(ctx context.Context, b systems.Bench) (*summary, error) {
	generals, err := cluster.Start(ctx, b, c.n, c.lie)
	if err != nil {
		return nil, err
	}
	a, err := c.measure(ctx, b.Setting(), generals)
	if err != nil {
		return nil, errors.Join(err, generals.Disconnect())
	}
	return a, generals.Stop(ctx, 0)
}

// observe turns the summary into figures and their proof.
func (c *config) observe(a *summary) record.Observation {
	o := record.Observation{Counts: a.Counts, Verdict: record.Judge(a.Checks...), Evidence: c.evidence(a)}
	runs := float64(a.Runs)
	o.Set("agreement_share", float64(a.Agreed)/runs)
	if !c.blind { // else nobody but the runner has counted them
		o.Set("runs", runs)
	}
	o.SetHistogram("run", a.Duration)
	o.Set("run_ms", a.Duration.Sum()/1e6/runs)
	if a.CPU > 0 || !c.blind { // as generals tell it, which another program may not
		o.Set("cpu_ms", a.CPU*1e3/runs)
	}
	o.Set("dropped", float64(a.Dropped)/runs)
	if c.base.Resolver != play.ResolvePruned {
		o.Set("values", float64(a.Values)/runs)
	}
	if c.base.Resolver != play.ResolvePruned && c.base.Resolver != play.ResolveFast && !c.blind {
		o.Set("messages", float64(a.Batches)/runs)
	}
	if c.process && !c.blind {
		o.Set("kilobytes", float64(a.Bytes)/1e3/runs)
	}
	if theory, ok := c.theory(); ok {
		o.Set("theory_values", theory)
	}
	return o
}

// theory is how many values a run carries by the formula, if there is one.
func (c *config) theory() (sum float64, ok bool) {
	a := c.base.Algorithm
	part := general.Config{N: c.n, T: c.t, Interactive: c.base.Interactive}
	if a.Messages(part, 1) < 0 {
		return 0, false
	}
	if a.Name == "om" {
		return play.Values(a, part), true
	}
	for r := 1; r <= a.Rounds(c.t); r++ {
		sum += float64(a.Messages(part, r))
	}
	return sum, true
}
