package experiments

import (
	"encoding/json"
	"fmt"

	"dyno/bench/evidence"
	"dyno/bench/process"
	"dyno/internal/record"
)

// hold adds to the evidence of a trial what the group saw from outside, and to
// its verdict whether the figures stand up to both.
func hold(o *record.Observation, g process.Bench, metrics []record.Metric) error {
	if o.Evidence == nil {
		o.Evidence = new(record.Evidence)
	}
	if err := g.Witness(o.Evidence); err != nil {
		return err
	}
	o.Verdict = record.Judge(append(o.Verdict.Checks, evidence.Judge(metrics, o)...)...)
	return nil
}

// checkStored names the check that what is stored is what was judged.
const checkStored = "stored"

// certify holds a trial as it will be stored against its evidence once more:
// between the judgement and the disk nothing may happen to a figure. What each
// of many processes counted has then said its part, and is not stored with a
// valid trial.
func certify(t *record.Trial, metrics []record.Metric) error {
	if t.Observation == nil || t.Observation.Verdict.Status != record.Valid {
		return nil
	}
	line, err := json.Marshal(t)
	if err != nil {
		return fmt.Errorf("trial %s: %w", t.ID, err)
	}
	back := new(record.Trial)
	if err := json.Unmarshal(line, back); err != nil {
		return fmt.Errorf("trial %s: what is to be stored cannot be read: %w", t.ID, err)
	}
	o := t.Observation
	back.Observation.Evidence = o.Evidence
	for _, c := range evidence.Judge(metrics, back.Observation) {
		if c.Status == record.Invalid {
			c = record.Fail(checkStored, c.Examined, "as stored, %s is invalid: %s", c.Name, c.Detail)
			o.Verdict = record.Judge(append(o.Verdict.Checks, c)...)
			return nil
		}
	}
	if o.Evidence != nil {
		for i := range o.Evidence.Processes {
			o.Evidence.Processes[i].Calls = nil
		}
	}
	return nil
}
