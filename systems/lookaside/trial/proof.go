package trial

import (
	"dyno/internal/record"
	"dyno/systems"
	"dyno/systems/lookaside/check"
)

// proof is all that the verdict of a run rests on: what its bundle keeps.
type proof struct {
	Load    []record.Check `json:"load"` // as the clients checked their load, call by call
	History *check.History `json:"history"`
}

// proof gathers it.
func (r *Run) proof() proof { return proof{Load: r.Client.Load.Checks, History: r.history()} }

// Verdict holds the run against what it promises.
func (r *Run) Verdict() record.Verdict { return r.proof().judge() }

// judge holds a run against everything it promises.
func (p proof) judge() record.Verdict {
	return record.Judge(append(append([]record.Check(nil), p.Load...), p.History.Checks()...)...)
}

// Judge judges the run of a bundle again.
func Judge(bundle string) (record.Verdict, error) {
	var p proof
	if err := systems.ReadHistory(bundle, &p); err != nil {
		return record.Verdict{}, err
	}
	if p.History == nil {
		p.History = new(check.History) // which proves nothing
	}
	return p.judge(), nil
}
