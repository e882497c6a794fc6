package report

import (
	"maps"

	"dyno/internal/record"
)

// LayOut gives a run the cells that a planner would: those of its sweeps with
// what other knobs are by default, then its controls.
func LayOut(run *record.Run, blocks, detail int, defaults record.Values) {
	x := &run.Experiment
	run.Cells, run.Planned = nil, 0
	add := func(c record.Cell, n int) {
		c.Index, c.Blocks = len(run.Cells)+1, n
		c.Warmup, c.Length = x.Scales[run.Scale].Warmup, x.Scales[run.Scale].Length
		run.Cells, run.Planned = append(run.Cells, c), run.Planned+n
	}
	for i, sweep := range sweeps(x) {
		all := []record.Values{{}}
		for _, f := range sweep {
			var next []record.Values
			for _, v := range all {
				for _, l := range f.Levels {
					w := maps.Clone(v)
					w[f.Knob] = l
					next = append(next, w)
				}
			}
			all = next
		}
		for _, v := range all {
			values := maps.Clone(defaults)
			if values == nil {
				values = record.Values{}
			}
			maps.Copy(values, x.Knobs)
			maps.Copy(values, v)
			add(record.Cell{Detail: i >= len(x.Core), Factors: v, Values: values}, map[bool]int{false: blocks, true: detail}[i >= len(x.Core)])
		}
	}
	for _, c := range x.Controls {
		values := maps.Clone(defaults)
		maps.Copy(values, x.Knobs)
		maps.Copy(values, c.Where)
		maps.Copy(values, c.Knobs)
		add(record.Cell{Control: c.Name, Values: values}, blocks)
	}
	run.Seeds = nil
	for b := range blocks {
		run.Seeds = append(run.Seeds, uint64(b+1))
	}
	for i := range x.Claims {
		c := &x.Claims[i]
		for _, k := range run.Cells {
			if !k.Detail && k.Control == "" && c.Where.In(k.Values) {
				c.Cell = k.Index
			}
			if !k.Detail && k.Control == "" && c.Over != nil && c.Over.In(k.Values) {
				c.OverCell = k.Index
			}
		}
	}
}

// laid is a result without trials.
func laid(run record.Run, blocks, detail int, defaults record.Values) *Result {
	LayOut(&run, blocks, detail, defaults)
	r := &Result{Run: run}
	var err error
	if r.cells, err = cells(&r.Run); err != nil {
		panic(err)
	}
	r.controls = controls(&r.Run)
	return r
}

// put gives trials to their cells.
func (r *Result) put(t *record.Trial) {
	r.cells[t.Cell-1].trials = append(r.cells[t.Cell-1].trials, t)
	r.Trials = append(r.Trials, t)
}
