package cli

import (
	"context"
	"fmt"
	"io"
	"log/slog"
	"os"
	"strings"
	"sync"
	"time"

	"golang.org/x/term"

	"dyno/bench/load"
	"dyno/bench/yardstick"
	"dyno/experiments"
	"dyno/internal/record"
	"dyno/systems"
)

// progress shows a sweep on standard error: on a terminal a table that is redrawn,
// elsewhere one line per finished trial; and on a live page, where one is served.
type progress struct {
	mu       sync.Mutex
	w        io.Writer
	log      *slog.Logger // nil: lines are for people
	terminal bool
	width    func() int // of the terminal
	drawn    int        // lines of the table on it
	view     *liveView  // nil: none is served
	out      string     // where results go, for the command that replays a trial
	before   int        // trials of the plans that are over
	tally    experiments.Tally
	board    board
	later    time.Duration // estimate for the plans not begun
	stop     chan struct{}
	stopped  sync.WaitGroup
}

func newProgress(w io.Writer, terminal bool, out string, plans []*experiments.Plan) *progress {
	p := &progress{w: w, terminal: terminal, width: func() int { return columns(w) }, out: out, stop: make(chan struct{})}
	for _, plan := range plans {
		p.board.Total += len(plan.Trials)
		p.later += plan.Estimate(0)
	}
	if os.Getenv(systems.LogFormatVar) != "" {
		p.log, p.terminal = systems.NewLog(w), false
	}
	if p.terminal {
		p.stopped.Go(p.tick)
	}
	return p
}

// columns is how wide a terminal is.
func columns(w io.Writer) int {
	const usual = 80
	if f, ok := w.(*os.File); ok {
		if width, _, err := term.GetSize(int(f.Fd())); err == nil && width > 0 {
			return width
		}
	}
	return usual
}

// tick redraws while a trial runs, so that the time left is seen to pass.
func (p *progress) tick() {
	t := time.NewTicker(load.LiveEvery)
	defer t.Stop()
	for {
		select {
		case <-p.stop:
			return
		case <-t.C:
			p.mu.Lock()
			p.draw()
			p.board.left = max(0, p.board.left-load.LiveEvery)
			p.board.Left = p.board.left.Round(time.Second).String()
			p.mu.Unlock()
		}
	}
}

// watch takes in what the trial at hand is like.
func (p *progress) watch(s experiments.Sample) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.board.sample = s
	p.view.sample(s)
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
	b := &p.board
	b.Done, b.Again, b.left = p.before+u.Done, "", u.Left+p.later
	b.Left = b.left.Round(time.Second).String()
	if n := len(u.Again); n > 0 {
		b.Again = u.Again[n-1]
		p.line("    again, for it proved nothing: %s", b.Again)
	}
	if u.Last != nil {
		p.finished(u)
	}
	if u.Next == nil {
		p.before += len(u.Plan.Trials)
	} else {
		b.Experiment, b.Block, b.Blocks, b.Cell = u.Plan.Name, u.Next.Block, u.Plan.Blocks, u.Next.Cell.Label(u.Plan.Experiment)
		b.sample = experiments.Sample{}
	}
	p.view.progress(b)
	p.view.figures(u)
	p.draw()
}

func (p *progress) finished(u experiments.Progress) {
	t, cell, status := u.Last, cellOf(u.Plan, u.Last), verdict(u.Plan, u.Last)
	p.tally.Count(u.Plan, t)
	p.board.tally(p.tally)
	p.board.lastVerdict = fmt.Sprintf("%s  %s  %.1fs", status, cell, float64(t.Took))
	p.view.finished(t, cell, status)
	if p.terminal && u.Bundle == "" {
		return
	}
	if p.log != nil {
		p.log.Info("trial", "id", t.ID, "experiment", t.Experiment, "block", t.Block, "cell", cell, "control", t.Control, "status", status,
			"took_s", float64(t.Took), "reasons", reasons(t), "logs", u.Bundle, "done", p.board.Done, "of", p.board.Total)
		return
	}
	p.line("[%d/%d] block %d/%d  %s  %s  %.1fs", p.board.Done, p.board.Total, t.Block, u.Plan.Blocks, cell, status, float64(t.Took))
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

// line prints above the table.
func (p *progress) line(format string, args ...any) {
	if p.log != nil {
		p.log.Info(strings.TrimSpace(fmt.Sprintf(format, args...)))
		return
	}
	p.wipe()
	fmt.Fprintf(p.w, format+"\n", args...)
}

// wipe takes the table off the terminal.
func (p *progress) wipe() {
	if p.drawn > 0 {
		fmt.Fprintf(p.w, "\x1b[%dA\x1b[J", p.drawn)
		p.drawn = 0
	}
}

// draw puts the table where it was.
func (p *progress) draw() {
	if !p.terminal || p.board.Experiment == "" {
		return
	}
	lines := p.board.table(p.width())
	up := ""
	if p.drawn > 0 {
		up = fmt.Sprintf("\x1b[%dA\x1b[J", p.drawn)
	}
	fmt.Fprint(p.w, up+strings.Join(lines, "\n")+"\n")
	p.drawn = len(lines)
}

// end leaves the cursor on a fresh line.
func (p *progress) end() {
	if p.terminal {
		close(p.stop)
		p.stopped.Wait()
		p.wipe()
	}
}

// measure runs the plans one after the other.
func (f *runFlags) measure(
	ctx context.Context, r *experiments.Runner, plans []*experiments.Plan, show *progress,
) (tally experiments.Tally, err error) {
	defer show.end()
	for _, p := range plans {
		show.begin(p)
		r.Yardsticks = nil
		if f.bare && (f.asked || !p.Sparing()) {
			r.Yardsticks = yardstick.Measure
		}
		t, err := r.Run(ctx, p)
		tally.Add(t)
		if err != nil {
			return tally, err
		}
	}
	return tally, nil
}
