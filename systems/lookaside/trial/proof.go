package trial

import (
	"io"
	"time"

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

// Explain tells what broke a promise in the run of a bundle.
func Explain(bundle string, svg io.Writer) ([]string, error) {
	var p proof
	if err := systems.ReadHistory(bundle, &p); err != nil || p.History == nil {
		return nil, err
	}
	return p.History.Story().Tell(svg)
}

// evidence is what a run's figures are held against, beside what the engine sees
// from outside: the clients' spans summed up by other code than the histograms,
// and what the servers counted by themselves.
func (r *Run) evidence() *record.Evidence {
	l := &r.Client.Load
	begin, end := time.Unix(0, l.BeginUnixNS), time.Unix(0, l.EndUnixNS)
	e := l.Evidence()
	e.Slack = int64(max(r.usage.samples.Slack(begin, end), r.Client.CPUSlack))
	e.Missed = r.usage.samples.Missed(begin, end).Seconds()
	window := end.Sub(begin).Seconds()
	for i, m := range r.members {
		st := r.stats[m.GetId()]
		if st == nil || window <= 0 {
			continue // its counts died with it
		}
		e.Facts["answered/"+m.GetId()] = float64(st.GetRequests())
		e.Facts["busy/"+m.GetId()] = time.Duration(st.GetBusyNs()).Seconds() / window
		if l.Counts.OK == l.Counts.Sent && r.Client.Broken == 0 && l.Knee == nil { // else a server may still work for a client that has gone on
			e.Facts["peak/"+m.GetId()] = float64(r.seen(i).MaxInFlight)
		}
	}
	return e
}
