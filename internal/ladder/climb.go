package ladder

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"dyno/bench/evidence"
	"dyno/experiments"
	"dyno/internal/record"
	"dyno/systems"
)

// Climb says whose ladder is climbed, with what, and how far.
type Climb struct {
	Catalog experiments.Catalog
	System  *systems.System
	Impl    systems.Impl // empty: dyno's own roles
	Rungs   []Rung       // nil: all of the system's
	Until   string       // the last rung; empty: all
	On      bool         // go on above a rung that does not hold
	Seed    uint64
	Out     string   // folder for results, logs and diagrams; whoever climbs holds its lock
	Command []string // as typed

	Begin func(*experiments.Plan) // a rung begins; nil: nobody wants to know
	End   func(Result)            // a rung is over
	Note  func(line string)       // what is waited for
}

// Run climbs. An error means that the climb could not go on; that a rung does not
// hold is no error.
func (c *Climb) Run(ctx context.Context) (*Card, error) {
	rungs, err := c.rungs()
	if err != nil {
		return nil, err
	}
	card := &Card{
		System: c.System.Name, Impl: c.Impl, Seed: c.Seed, Command: c.Command, Started: time.Now().UTC(),
		Until: rungs[len(rungs)-1].Name,
	}
	for i, rung := range rungs {
		if !c.On && i > 0 && !card.Holds() {
			card.Rungs = append(card.Rungs, Result{Name: rung.Name, Promise: rung.Promise, Status: NotReached})
			continue
		}
		r, err := c.climb(ctx, rung)
		if err != nil {
			return nil, err
		}
		card.Rungs = append(card.Rungs, r)
		if c.End != nil {
			c.End(r)
		}
	}
	return card, nil
}

// Check refuses what could not be climbed, before anything is made or started.
func (c *Climb) Check() error {
	_, err := c.rungs()
	return err
}

// rungs are those that are to be climbed.
func (c *Climb) rungs() ([]Rung, error) {
	if err := c.System.Admit(c.Impl); err != nil {
		return nil, err
	}
	rungs := c.Rungs
	if rungs == nil {
		book, err := Read(c.System)
		if rungs = book.Ladder; err != nil {
			return nil, err
		}
	}
	if len(rungs) == 0 {
		return nil, systems.Usagef("%s has no ladder", c.System.Name)
	}
	if c.Until == "" {
		return rungs, nil
	}
	names := Names(rungs)
	i := slices.Index(names, c.Until)
	if i < 0 {
		return nil, systems.Usagef("--until: rung %w of %s", &systems.ChoiceError{Word: c.Until, Allowed: names}, c.System.Name)
	}
	return rungs[:i+1], nil
}

// tries is how often a rung is tried on which nothing was proved: what a busy
// machine leaves open may be settled by the next try.
const tries = 3

// climb tries one rung.
func (c *Climb) climb(ctx context.Context, rung Rung) (r Result, err error) {
	for range tries {
		if r, err = c.try(ctx, rung); err != nil || r.Status != Unproved {
			break
		}
	}
	return r, err
}

func (c *Climb) try(ctx context.Context, rung Rung) (Result, error) {
	r := Result{Name: rung.Name, Promise: rung.Promise, Status: Holds}
	plan, err := Plan(c.Catalog, c.System, rung, c.Impl, c.Seed)
	if err != nil {
		return r, err
	}
	if c.Begin != nil {
		c.Begin(plan)
	}
	var trials []*record.Trial
	var failed *record.Trial
	began := time.Now()
	runner := &experiments.Runner{Out: c.Out, Typed: c.Out, Command: c.Command, Fresh: true, Report: func(p experiments.Progress) {
		if p.Note != "" && c.Note != nil {
			c.Note(p.Note)
		}
		if p.Last != nil {
			trials = append(trials, p.Last)
		}
		if p.Last != nil && c.against(rung, p.Last) > c.against(rung, failed) {
			failed, r.Bundle = p.Last, p.Bundle
		}
	}}
	_, err = runner.Run(ctx, plan)
	r.Seconds = time.Since(began).Seconds()
	if err != nil {
		return r, err
	}
	if failed != nil {
		return r, c.tell(&r, rung, failed)
	}
	for _, t := range trials {
		for _, check := range t.Observation.Verdict.Checks {
			r.Examined += check.Examined
		}
	}
	r.Costs, err = costs(rung, c.System, plan, trials)
	return r, err
}

// status is how a trial ended. A rung that shows no figures rests on promises
// alone: the laws that figures are held against then say nothing of it.
func (c *Climb) status(rung Rung, t *record.Trial) record.Status {
	if t.Observation == nil || len(rung.Costs) > 0 {
		return t.Status()
	}
	return record.Judge(slices.DeleteFunc(slices.Clone(t.Observation.Verdict.Checks), func(k record.Check) bool {
		return evidence.IsRoad(k.Name) || slices.Contains(c.System.OfFigures, k.Name)
	})...).Status
}

// against says how much a trial says against its rung: nothing (0), that nothing was
// proved (1), or that the rung does not hold (2), which no other trial excuses.
func (c *Climb) against(rung Rung, t *record.Trial) int {
	switch {
	case t == nil || c.status(rung, t) == record.Valid:
		return 0
	case t.Absent || t.Observation != nil && c.status(rung, t) == record.Undetermined:
		return 1
	}
	return 2
}

// tell says why a rung does not hold.
func (c *Climb) tell(r *Result, rung Rung, t *record.Trial) error {
	r.Trial, r.Seed = t.ID, t.Seed
	r.Replay = fmt.Sprintf("dyno replay %s --out %s", t.ID, c.Out)
	switch {
	case t.Absent:
		r.Status, r.Reasons = Absent, []string{t.Error}
	case t.Observation == nil:
		r.Status, r.Reasons = Broken, strings.Split(t.Error, "\n")
	case c.status(rung, t) == record.Invalid:
		r.Status, r.Reasons = Broken, t.Observation.Verdict.Reasons()
	default:
		r.Status, r.Reasons = Unproved, t.Observation.Verdict.Reasons()
	}
	if c.System.Explain == nil || r.Status != Broken || t.Observation == nil {
		return nil
	}
	var svg bytes.Buffer
	words, err := c.System.Explain(r.Bundle, &svg)
	if errors.Is(err, fs.ErrNotExist) {
		return nil // what is wrong was found after the trial, in its figures: there is no history of that
	}
	if err != nil {
		return fmt.Errorf("rung %s: the history in %s: %w", r.Name, r.Bundle, err)
	}
	if r.History = words; svg.Len() == 0 {
		return nil
	}
	r.Diagram = filepath.Join(r.Bundle, "history.svg")
	return os.WriteFile(r.Diagram, svg.Bytes(), 0o644)
}
