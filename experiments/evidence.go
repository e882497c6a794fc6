package experiments

import (
	"dyno/bench/evidence"
	"dyno/bench/process"
	"dyno/internal/record"
)

// hold adds to the evidence of a trial what the group saw from outside, and to
// its verdict whether the figures stand up to both.
func hold(o *record.Observation, g *process.Group, metrics []record.Metric) {
	if o.Evidence == nil {
		o.Evidence = new(record.Evidence)
	}
	g.Witness(o.Evidence)
	o.Verdict = record.Judge(append(o.Verdict.Checks, evidence.Judge(metrics, o)...)...)
	if o.Verdict.Status == record.Valid { // what each of many processes counted has said its part
		for i := range o.Evidence.Processes {
			o.Evidence.Processes[i].Calls = nil
		}
	}
}
