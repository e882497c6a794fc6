package lookaside

import (
	"dyno/internal/record"
	"dyno/systems"
)

// proof is all that the verdict of a run rests on: what its bundle keeps.
type proof struct {
	Load    []record.Check `json:"load"` // as the clients checked their load, call by call
	History *History       `json:"history"`
}

// proof gathers it.
func (r *run) proof() proof { return proof{Load: r.account.Load.Checks, History: r.history()} }

// judge holds a run against everything it promises.
func (p proof) judge() record.Verdict {
	return record.Judge(append(append([]record.Check(nil), p.Load...), p.History.Checks()...)...)
}

// judge judges the run of a bundle again.
func judge(bundle string) (record.Verdict, error) {
	var p proof
	if err := systems.ReadHistory(bundle, &p); err != nil {
		return record.Verdict{}, err
	}
	if p.History == nil {
		p.History = new(History) // which proves nothing
	}
	return p.judge(), nil
}
