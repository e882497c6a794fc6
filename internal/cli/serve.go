package cli

import (
	"fmt"
	"io"
	"path/filepath"
	"time"

	"dyno/experiments"
	"dyno/internal/live"
	"dyno/internal/record"
	"dyno/internal/report"
)

const (
	share  = 0.02 // of a run's time, that drawing for a live page may take, between trials: never during one
	listed = 12   // trials that the page lists; who comes late is told of no more
)

// liveView is the live page of a run. A nil one shows nothing.
type liveView struct {
	server *live.Server
	out    string
	ended  int           // trials that were told of
	shown  time.Time     // when figures were last drawn
	took   time.Duration // and how long that was
}

// serve shows plans at an address; without one the view is nil.
func serve(w io.Writer, address, out string, plans []*experiments.Plan) (*liveView, error) {
	if address == "" {
		return nil, nil
	}
	var runs []record.Run
	for _, p := range plans {
		runs = append(runs, p.Header())
	}
	page, err := report.LivePage(runs)
	if err != nil {
		return nil, err
	}
	v := &liveView{out: out}
	if v.server, err = live.Listen(address); err != nil {
		return nil, fmt.Errorf("--serve: %w", err)
	}
	v.server.Show(page)
	fmt.Fprintln(w, "live at", v.server.URL())
	return v, nil
}

func (v *liveView) send(event, key string, data any) {
	if v == nil {
		return
	}
	_ = v.server.Send(event, key, data) // cannot fail: all of it is finite
}

func (v *liveView) progress(b *board) { v.send("progress", "progress", b) }

func (v *liveView) sample(s experiments.Sample) {
	v.send("sample", "", map[string]any{"trial": s.Trial.ID, "live": s.Live, "cpu": s.CPU})
}

// finished tells of a trial.
func (v *liveView) finished(t *record.Trial, cell, status string) {
	if v == nil {
		return
	}
	var why []string
	if t.Status() != record.Valid {
		why = reasons(t)
	}
	key := fmt.Sprint("trial ", v.ended%listed) // in place of the one that the page lists no longer
	v.ended++
	v.send("trial", key, map[string]any{"id": t.ID, "cell": cell, "status": status, "took": t.Took, "why": why})
}

// figures draws an experiment anew when somebody looks on and it does not cost much
// of the run's time, and at the end of its plan, though all of it was stored before.
func (v *liveView) figures(u experiments.Progress) {
	if v == nil || u.Next != nil && (!v.server.Watched() || float64(v.took) > share*float64(time.Since(v.shown))) {
		return
	}
	began := time.Now()
	if asked, err := report.Asked(filepath.Join(v.out, "results", u.Plan.Name)); err == nil { // else the next trial's end shows it
		v.send("data", "data "+u.Plan.Name, asked)
	}
	v.shown, v.took = time.Now(), time.Since(began)
}

// close says how the run ended.
func (v *liveView) close(err error) error {
	if v == nil {
		return nil
	}
	word := "The run is over; the report is " + filepath.Join(v.out, "report.html")
	if err != nil {
		word = "Cut short: " + err.Error()
	}
	return v.server.Close(word)
}
