package mapreduce

import (
	"fmt"
	"io"
	"time"

	"dyno/systems"

	mapreducev1 "dyno/proto/mapreduce/v1"
)

// progress shows how far a job is: one line, redrawn on a terminal, written
// anew each second elsewhere.
type progress struct {
	w        io.Writer
	terminal bool
	began    time.Time
	last     time.Time
	line     string
	done     int64 // tasks of the job so far
}

func newProgress(sh systems.Shell) *progress {
	return &progress{w: sh.Err, terminal: sh.Terminal, began: time.Now(), last: time.Now()}
}

// progressPause is between two lines where they cannot be redrawn.
const progressPause = time.Second

func (p *progress) show(s *mapreducev1.Status) {
	p.done = int64(s.GetMapsDone()) + int64(s.GetReducesDone())
	p.line = fmt.Sprintf("map %d/%d  reduce %d/%d  workers %d", s.GetMapsDone(), s.GetMaps(), s.GetReducesDone(), s.GetReduces(),
		len(s.GetWorkers()))
	if e := s.GetEvents(); e.GetReruns() > 0 {
		p.line += fmt.Sprintf("  run again %d", e.GetReruns())
	}
	switch {
	case p.terminal:
		fmt.Fprintf(p.w, "\r\x1b[K%s", p.line)
	case time.Since(p.last) >= progressPause:
		p.last = time.Now()
		fmt.Fprintf(p.w, "%3.0f s  %s\n", time.Since(p.began).Seconds(), p.line)
	}
}

// end leaves the last state behind.
func (p *progress) end() {
	if p.line == "" {
		return
	}
	if p.terminal {
		fmt.Fprintln(p.w)
		return
	}
	fmt.Fprintln(p.w, p.line)
}
