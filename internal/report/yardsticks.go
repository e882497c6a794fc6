package report

import (
	"fmt"
	"math"

	"dyno/internal/record"
	"dyno/internal/stats"
	"dyno/internal/table"
)

// yardsticks gives each trial those of its block. Results of before there were
// any have none; one that no division survives is an error.
func (r *Result) yardsticks(path string) error {
	for _, b := range r.Run.Blocks {
		if b.Yardsticks == nil {
			continue
		}
		for name, v := range b.Yardsticks.Values {
			if v <= 0 || math.IsInf(v, 0) {
				return fmt.Errorf("%s: run.json: block %d: yardstick %s is %v", path, b.Block, name, v)
			}
		}
	}
	all := r.Trials
	for _, c := range r.controls {
		all = append(all[:len(all):len(all)], c.trials...)
	}
	r.Run.Attach(all)
	return nil
}

// Yardsticks shows what bare exchanges cost on the machine meanwhile; empty for
// a run that measured none.
func (e *Experiment) Yardsticks() string {
	out := table.New("yardstick", "unit", "value", "what it is")
	var checked int64
	var shown []stats.Summary
	for _, m := range record.YardstickMetrics {
		var values []float64
		for _, b := range e.Run.Blocks {
			if b.Yardsticks == nil {
				continue
			}
			if v, ok := b.Yardsticks.Values[m.Name]; ok {
				values = append(values, v)
			}
		}
		if len(values) > 0 {
			s := stats.Summarize(values)
			shown = append(shown, s)
			out.Add("`"+m.Name+"`", m.Unit, table.Number(s), table.Text(m.Help))
		}
	}
	if out.Len() == 0 {
		return ""
	}
	for _, b := range e.Run.Blocks {
		if b.Yardsticks != nil {
			checked += b.Yardsticks.Checked
		}
	}
	text := fmt.Sprintf("Two processes that only exchange 16 bytes, measured right before each block (%s); all %d answers were compared "+
		"with their requests. ",
		plural(int64(shown[0].N), "block"), checked)
	return text + "A metric *per* yardstick is divided by that of its own block.\n\n" + out.Within(screen, 1)
}
