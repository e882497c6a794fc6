package cli

import (
	"fmt"
	"io"
	"strings"
	"sync"
	"time"

	"dyno/experiments"
	"dyno/internal/record"
)

// progress shows a sweep on standard error: on a terminal one line that is
// redrawn, elsewhere one line per finished trial.
type progress struct {
	mu       sync.Mutex
	w        io.Writer
	terminal bool
	out      string // where results go, for the command that replays a trial
	total    int    // trials of all plans
	before   int    // trials of the plans that are over
	last     experiments.Progress
	later    time.Duration // estimate for the plans not begun
	stop     chan struct{}
	stopped  sync.WaitGroup
}

func newProgress(w io.Writer, terminal bool, out string, plans []*experiments.Plan) *progress {
	p := &progress{w: w, terminal: terminal, out: out, stop: make(chan struct{})}
	for _, plan := range plans {
		p.total += len(plan.Trials)
		p.later += plan.Estimate(0)
	}
	if terminal {
		p.stopped.Go(p.tick)
	}
	return p
}

// tick redraws while a trial runs, so that the time left is seen to pass.
func (p *progress) tick() {
	t := time.NewTicker(500 * time.Millisecond)
	defer t.Stop()
	for {
		select {
		case <-p.stop:
			return
		case <-t.C:
			p.mu.Lock()
			p.draw()
			p.last.Left = max(0, p.last.Left-500*time.Millisecond)
			p.mu.Unlock()
		}
	}
}

// begin announces a plan.
func (p *progress) begin(plan *experiments.Plan) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.later -= plan.Estimate(0)
	p.line("%s: %s", plan.Name, plan.Question)
	p.line("  %d cells, %d blocks, %d trials, about %v (seed %d)", len(plan.Cells), plan.Blocks, len(plan.Trials),
		plan.Estimate(0).Round(time.Second), plan.Seed)
	for _, n := range plan.Notes {
		p.line("  %s", n)
	}
}

// update is called by the runner.
func (p *progress) update(u experiments.Progress) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if u.Message != "" {
		return // a trial's own lines are in its logs; the sweep stays readable
	}
	if u.Note != "" {
		p.line("  %s", u.Note)
		return
	}
	p.last = u
	if n := len(u.Again); n > 0 {
		p.line("    again, for it proved nothing: %s", u.Again[n-1])
	}
	if u.Last != nil {
		p.finished(u)
	}
	if u.Next == nil {
		p.before += len(u.Plan.Trials)
	}
	p.draw()
}

func (p *progress) finished(u experiments.Progress) {
	t := u.Last
	cell := ""
	for _, c := range u.Plan.Cells {
		if c.Index == t.Cell {
			cell = c.Label(u.Plan.Experiment)
		}
	}
	status := string(t.Status())
	switch c, control := u.Plan.Control(t.Control); {
	case t.Absent:
		status = "left out"
	case t.Observation == nil:
		status = "error"
	case control && c.Caught(t):
		status = "caught by " + c.CaughtBy
	case control:
		status = fmt.Sprintf("MISSED: %s, and %s should have caught it", t.Status(), c.CaughtBy)
	}
	if p.terminal && u.Bundle == "" {
		return
	}
	p.line("[%d/%d] block %d/%d  %s  %s  %.1fs", p.before+u.Done, p.total, t.Block, u.Plan.Blocks, cell, status, float64(t.Took))
	if t.Control == "" || u.Bundle != "" {
		for _, reason := range reasons(t) {
			p.line("    %s", reason)
		}
	}
	if u.Bundle != "" {
		p.line("    logs: %s", u.Bundle)
		p.line("    again: dyno replay %s --out %s", t.ID, p.out)
	}
}

func reasons(t *record.Trial) []string {
	if t.Observation == nil {
		return strings.Split(t.Error, "\n")
	}
	return t.Observation.Verdict.Reasons()
}

// line prints above the redrawn line.
func (p *progress) line(format string, args ...any) {
	if p.terminal {
		fmt.Fprint(p.w, "\r\x1b[K")
	}
	fmt.Fprintf(p.w, format+"\n", args...)
}

func (p *progress) draw() {
	if !p.terminal || p.last.Next == nil {
		return
	}
	text := fmt.Sprintf("[%d/%d] block %d/%d  %s  %v left", p.before+p.last.Done, p.total, p.last.Next.Block, p.last.Plan.Blocks,
		p.last.Next.Cell.Label(p.last.Plan.Experiment), (p.last.Left + p.later).Round(time.Second))
	fmt.Fprint(p.w, "\r\x1b[K"+text)
}

// end leaves the cursor on a fresh line.
func (p *progress) end() {
	if p.terminal {
		close(p.stop)
		p.stopped.Wait()
		fmt.Fprint(p.w, "\r\x1b[K")
	}
}
