package cli

import (
	"fmt"
	"io"
	"time"

	"dyno/experiments"
	"dyno/internal/record"
)

// rivalProgress shows a comparison on standard error: on a terminal one line
// that is redrawn, elsewhere one line per finished trial.
type rivalProgress struct {
	w        io.Writer
	terminal bool
	out      string // of --out; empty: nothing is kept
}

func newRivalProgress(w io.Writer, terminal bool, out string) *rivalProgress {
	return &rivalProgress{w: w, terminal: terminal, out: out}
}

func (p *rivalProgress) begin(plan *experiments.Plan, about time.Duration) {
	fmt.Fprintf(p.w, "%s: %s\n  old and new in turns: %d cells, %d blocks, %d trials, about %v (seed %d)\n", plan.Name, plan.Question,
		len(plan.Cells), plan.Blocks, 2*len(plan.Trials), about.Round(time.Second), plan.Seed)
}

func (p *rivalProgress) update(u experiments.RivalProgress) {
	place := fmt.Sprintf("block %d/%d  %v  %s", u.Trial.Block, u.Plan.Blocks, u.Side, u.Trial.Cell.Label(u.Plan.Experiment))
	left := u.Left.Round(time.Second)
	if u.Result == nil {
		if p.terminal {
			fmt.Fprintf(p.w, "\r\x1b[K[%d/%d] %s  %v left", u.Done, u.Total, place, left)
		}
		return
	}
	failed := u.Result.Status() != record.Valid
	if p.terminal && !failed {
		return
	}
	p.end()
	status := string(u.Result.Status())
	if u.Result.Observation == nil {
		status = "error"
	}
	fmt.Fprintf(p.w, "[%d/%d] %s  %s  %v left\n", u.Done, u.Total, place, status, left)
	if !failed {
		return
	}
	for _, reason := range reasons(u.Result) {
		fmt.Fprintf(p.w, "    %s\n", reason)
	}
	switch {
	case p.out == "":
		fmt.Fprintln(p.w, "    its logs are not kept; keep them with --out DIR")
	case u.Bundle != "":
		fmt.Fprintf(p.w, "    logs: %s\n", u.Bundle)
	}
}

// end leaves the cursor on a fresh line.
func (p *rivalProgress) end() {
	if p.terminal {
		fmt.Fprint(p.w, "\r\x1b[K")
	}
}
