package demo

import (
	"fmt"
	"io"
	"strings"
	"sync"
	"time"

	lookasidev1 "dyno/proto/lookaside/v1"
)

// How often the live table is drawn.
const (
	redrawInterval = 500 * time.Millisecond
	lineInterval   = time.Second
)

// table is the demo's live view of the balancer's table: redrawn in place on a
// terminal, one line per look elsewhere.
type table struct {
	out      io.Writer
	terminal bool

	mu    sync.Mutex
	notes []string // what has happened, one per fault
	drawn int      // lines on the screen
}

// note tells of an event: at once in a log, with the next look on a terminal.
func (t *table) note(text string) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.terminal {
		t.notes = append(t.notes, text)
		return
	}
	fmt.Fprintln(t.out, text)
}

func (t *table) interval() time.Duration {
	if t.terminal {
		return redrawInterval
	}
	return lineInterval
}

// draw shows the rows as of now. An error stands for a balancer that is away.
func (t *table) draw(now time.Duration, rows []*lookasidev1.Server, err error) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if !t.terminal {
		fmt.Fprintln(t.out, line(now, rows, err))
		return
	}
	var b strings.Builder
	if t.drawn > 0 {
		fmt.Fprintf(&b, "\x1b[%dA", t.drawn)
	}
	lines := append(screen(now, rows, err), t.notes...)
	for _, l := range lines {
		b.WriteString(l + "\x1b[K\n")
	}
	b.WriteString("\x1b[J") // what is left of a longer table
	t.drawn = len(lines)
	_, _ = io.WriteString(t.out, b.String())
}

// line is the table in one line.
func line(now time.Duration, rows []*lookasidev1.Server, err error) string {
	if err != nil {
		return fmt.Sprintf("%5.1fs  no balancer: %v", now.Seconds(), err)
	}
	var b strings.Builder
	fmt.Fprintf(&b, "%5.1fs  picks(in flight):", now.Seconds())
	for _, r := range rows {
		fmt.Fprintf(&b, " %s %d(%d)%s", r.GetId(), r.GetPicks(), r.GetInFlight(), state(r))
	}
	return b.String()
}

// screen is the table in full.
func screen(now time.Duration, rows []*lookasidev1.Server, err error) []string {
	lines := []string{
		fmt.Sprintf("%5.1fs  %d servers", now.Seconds(), len(rows)),
		"server    capacity     picks  in flight  utilization",
	}
	if err != nil {
		lines[0] = fmt.Sprintf("%5.1fs  no balancer: looking for it", now.Seconds())
	}
	for _, r := range rows {
		lines = append(lines, fmt.Sprintf("%-8s %9g %9d %10d  %s %3.0f%% %s", r.GetId(), r.GetCapacity(), r.GetPicks(), r.GetInFlight(),
			bar(r.GetUtilization()), 100*r.GetUtilization(), state(r)))
	}
	return lines
}

// bar draws a share of 1 in ten characters.
func bar(x float64) string {
	n := min(max(int(x*10+0.5), 0), 10)
	return strings.Repeat("#", n) + strings.Repeat(".", 10-n)
}

// state says in what way a server is not like any other.
func state(r *lookasidev1.Server) string {
	switch {
	case r.GetDraining():
		return " draining"
	case r.GetSuspect():
		return " suspect"
	default:
		return ""
	}
}
