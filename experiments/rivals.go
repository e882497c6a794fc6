package experiments

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"time"

	"dyno/internal/record"
	"dyno/systems"
)

// Side says which of two binaries is meant.
type Side int

// The sides of a comparison.
const (
	Old Side = iota
	New
)

// Sides are both, old first.
var Sides = [2]Side{Old, New}

func (s Side) String() string { return [2]string{"old", "new"}[s] }

// Rivals runs one plan with two dyno binaries. Each cell of a block is measured
// by both, one right after the other, in an order that is a coin's toss from the
// seed: what the machine does to one it does to the other, and two identical
// binaries are as likely to differ in one direction as in the other.
//
// A binary is known by its command line only ("dyno run FILE …"), so that it may
// be of any version that has one; it gets an experiment file of one cell.
type Rivals struct {
	Binary [2]string // paths, by Side
	// Out receives OUT/old/results/NAME and OUT/new/results/NAME, each as a run
	// of its own binary would have written them. Whoever runs holds its [Lock].
	Out     string
	Work    string   // an existing folder for scratch files
	Command []string // as typed, for run.json
	Report  func(RivalProgress)
	// Yardsticks has both binaries measure them with their first trial of each
	// block; otherwise those that can do without are asked to.
	Yardsticks bool

	bare [2]bool // whether a binary can do without the yardsticks; see Check
}

// RivalProgress is told before each trial and after it.
type RivalProgress struct {
	Plan   *Plan
	Trial  *Trial
	Side   Side
	Done   int           // trials of both sides that are finished
	Total  int           // trials of both sides
	Result *record.Trial // nil: it begins
	Bundle string        // where the logs of a failed trial are
	Left   time.Duration // estimate
}

// Match is what came out: what each side's run.json says, and its trials. Both
// hold the same cells and blocks.
type Match struct {
	Runs   [2]record.Run
	Trials [2][]*record.Trial
}

// Core returns the plan without its controls and detail cells: these have too few blocks to
// be compared.
func (p *Plan) Core() (*Plan, error) {
	core := *p
	core.Cells, core.Trials = nil, nil
	for _, c := range p.Cells {
		if !c.Detail && c.Control == "" {
			core.Cells = append(core.Cells, c)
		}
	}
	for _, t := range p.Trials {
		if !t.Cell.Detail && t.Cell.Control == "" {
			core.Trials = append(core.Trials, t)
		}
	}
	if len(core.Cells) == 0 {
		return nil, errNoCore
	}
	return &core, nil
}

var errNoCore = errors.New("leaves no core cell, and detail cells have too few blocks to be compared")

// Run measures a plan with both binaries. When the context ends, its error is
// returned, and what was finished is stored.
func (r *Rivals) Run(ctx context.Context, p *Plan) (m *Match, err error) {
	var stores [2]*store
	defer func() {
		for _, st := range stores {
			if st != nil {
				err = errors.Join(err, st.close())
			}
		}
	}()
	m = &Match{}
	started := time.Now()
	done, total := 0, 2*len(p.Trials)
	for i := range p.Trials {
		t := &p.Trials[i]
		begins := Side(rand.New(rand.NewPCG(t.Seed, uint64(t.Cell.Index))).IntN(2))
		for _, side := range [2]Side{begins, 1 - begins} {
			u := RivalProgress{Plan: p, Trial: t, Side: side, Done: done, Total: total, Left: r.left(p, started, done, total)}
			r.progress(u)
			yardsticks := r.Yardsticks && (i == 0 || p.Trials[i-1].Block != t.Block)
			one, err := r.trial(ctx, p, t, side, yardsticks)
			if err != nil {
				return nil, err
			}
			if stores[side] == nil {
				if stores[side], err = r.open(p, one.run, side); err != nil {
					return nil, err
				}
			}
			if err := r.keep(stores[side], one, side); err != nil {
				return nil, err
			}
			m.Trials[side] = append(m.Trials[side], one.trial)
			done++
			u.Done, u.Result, u.Bundle, u.Left = done, one.trial, one.bundle, r.left(p, started, done, total)
			r.progress(u)
		}
	}
	for _, side := range Sides {
		now := time.Now().UTC()
		stores[side].run.Finished = &now
		m.Runs[side] = *stores[side].run
		if err := stores[side].describe(); err != nil {
			return nil, err
		}
	}
	return m, nil
}

func (r *Rivals) progress(u RivalProgress) {
	if r.Report != nil {
		r.Report(u)
	}
}

// startCost is what a trial costs more when a binary is started for it.
const startCost = 400 * time.Millisecond

// left estimates the time that is left: by the plan at first, then by what the
// trials took.
func (r *Rivals) left(p *Plan, started time.Time, done, total int) time.Duration {
	if done == 0 {
		return r.Estimate(p)
	}
	return time.Since(started) / time.Duration(done) * time.Duration(total-done)
}

// Estimate is how long both binaries should take for a plan.
func (r *Rivals) Estimate(p *Plan) time.Duration {
	one := p.Estimate(0) + time.Duration(len(p.Trials))*startCost
	if !r.Yardsticks {
		one -= time.Duration(p.Blocks) * yardstickCost
	}
	return 2 * one
}

// open makes the folder of a side's results. The environment, the metrics and
// the binary are those that the binary itself wrote.
func (r *Rivals) open(p *Plan, run *record.Run, side Side) (*store, error) {
	of := p.Header()
	of.Metrics, of.KnobUnits, of.Binary, of.Environment, of.Started = run.Metrics, run.KnobUnits, run.Binary, run.Environment, run.Started
	of.Command, of.Out = r.Command, filepath.Join(r.Out, side.String())
	return openStore(of.Out, &of, true, p.seed) // there is nothing yet: see Check
}

// vacant makes sure that no earlier comparison is written over.
func (r *Rivals) vacant(p *Plan) error {
	for _, side := range Sides {
		path := filepath.Join(r.Out, side.String(), "results", p.Name, "trials.jsonl")
		if info, err := os.Stat(path); err == nil && info.Size() > 0 {
			return systems.Usagef("%s holds an earlier comparison: choose another folder with --out, or remove it", path)
		}
	}
	return nil
}

// keep stores a trial, its block's noise, and the logs that it left.
func (r *Rivals) keep(st *store, one *single, side Side) error {
	if n := len(st.run.Blocks); n == 0 || st.run.Blocks[n-1].Block != one.trial.Block {
		st.run.Blocks = append(st.run.Blocks, one.noise)
	} else {
		st.run.Blocks[n-1].LoadAfter, st.run.Blocks[n-1].StealAfter = one.noise.LoadAfter, one.noise.StealAfter
	}
	if one.bundle != "" {
		to := filepath.Join(r.Out, side.String(), "results", "raw", one.trial.ID)
		if err := errors.Join(os.RemoveAll(to), os.MkdirAll(filepath.Dir(to), 0o755), os.Rename(one.bundle, to)); err != nil {
			return fmt.Errorf("logs of trial %s: %w", one.trial.ID, err)
		}
		one.bundle = to
	}
	// What the binary measured is what is stored: it made a plan of its own, of
	// one block, and may have other knobs.
	t := one.trial
	t.System, t.Load, t.Binary = st.run.Experiment.System, st.run.Experiment.Load, st.run.Binary
	c := &st.run.Cells[t.Cell-1]
	c.Values, c.Warmup, c.Length, st.run.Seeds[t.Block-1] = t.Values, t.Warmup, t.Length, t.Seed
	return errors.Join(st.append(one.trial), st.describe())
}
