package report

import (
	"cmp"
	"fmt"
	"slices"
	"strings"
	"time"

	"dyno/internal/figure"
	"dyno/internal/page"
	"dyno/internal/record"
	"dyno/internal/stats"
)

// mostTrials bounds the trials of a cell that the page lists; trials.jsonl has all.
const mostTrials = 40

// quantiles are what a reader can switch a plot of a histogram to.
var quantiles = []string{"mean", "p50", "p90", "p95", "p99", "p999"}

// asked is what a reader can ask of an experiment on the page.
func (r *Result) asked(c colours) (page.Experiment, error) {
	x := &r.Run.Experiment
	e := page.Experiment{
		Name: x.Name, Title: x.Title, Question: x.Question, Facts: r.pageFacts(), More: make(map[int]int),
		Trials: []page.Trial{}, // in JSON a list, also before the first
	}
	columns := r.columns()
	for _, m := range columns {
		e.Columns = append(e.Columns, page.Column{Name: m.name, Unit: m.unit, Help: m.of.Help})
	}
	for _, c := range r.cells {
		e.Cells = append(e.Cells, c.label())
		for i, t := range c.trials {
			if i >= mostTrials {
				e.More[c.Index] = len(c.trials) - i
				break
			}
			e.Trials = append(e.Trials, asTrial(t, columns))
		}
	}
	for _, c := range r.Run.Cells[len(r.cells):] { // those of controls come last
		e.Cells = append(e.Cells, "control "+c.Control)
	}
	for _, c := range r.controls {
		e.Trials = append(e.Trials, c.asked(columns)...)
	}
	for _, f := range x.Figures {
		if r.leftOut(f) {
			continue
		}
		charts, err := r.charts(f, c)
		if err != nil {
			return e, err
		}
		e.Figures = append(e.Figures, charts)
	}
	return e, nil
}

// pageFacts say of a run where and how it was made.
func (r *Result) pageFacts() [][2]string {
	env := r.Run.Environment
	facts := [][2]string{
		{"machine", fmt.Sprintf("%s, %d cores, %.1f GiB", env.CPU, env.Cores, float64(env.MemoryBytes)/(1<<30))},
		{"system", strings.Trim(strings.Join([]string{env.OS, env.Kernel, env.Virtual}, ", "), ", ")},
		{"build", fmt.Sprintf("%s, commit %s", env.Go, commit(env))},
		{"run", fmt.Sprintf("%s, scale %s, seed %d", r.Run.Started.UTC().Format(time.DateTime+" UTC"), r.Run.Scale, r.Run.Seed)},
		{"command", strings.Join(r.Run.Command, " ")},
		{"load", loadModel(r.Run.Experiment.Load)},
	}
	for _, n := range r.Run.Blocks {
		facts = append(facts, [2]string{
			fmt.Sprintf("block %d", n.Block),
			fmt.Sprintf("load %.2f → %.2f, %.2f s stolen", n.LoadBefore, n.LoadAfter, max(0, n.StealAfter-n.StealBefore)),
		})
	}
	if left := r.Unfinished(); left != "" {
		facts = append(facts, [2]string{"not finished", left})
	}
	return append(facts, asides(r.Aside)...)
}

func asides(texts []string) (out [][2]string) {
	for _, a := range texts {
		out = append(out, [2]string{"left aside", a})
	}
	return out
}

// columns are the figures of a trial that are one number, and two of each
// distribution.
func (r *Result) columns() (out []measure) {
	for _, m := range r.Run.Metrics {
		names := []string{m.Name}
		if m.Kind == record.KindHistogram {
			names = []string{m.Name + ".p50", m.Name + ".p99"}
		}
		for _, name := range names {
			c, err := r.measure(name, record.KindScalar)
			if err == nil && slices.ContainsFunc(r.Trials, func(t *record.Trial) bool { return t.Observation != nil && has(t, m) }) {
				out = append(out, c)
			}
		}
	}
	return out
}

// has reports whether a trial brought a metric.
func has(t *record.Trial, m record.Metric) bool {
	_, scalar := t.Observation.Scalars[m.Name]
	_, histogram := t.Observation.Histograms[m.Name]
	return scalar || histogram
}

// asTrial is a trial as it is listed. Figures of one that is not valid prove
// nothing and are not.
func asTrial(t *record.Trial, columns []measure) page.Trial {
	out := page.Trial{
		ID: t.ID, Cell: t.Cell, Block: t.Block, Status: string(t.Status()), Took: digits(float64(t.Took)), Values: make([]*float64, len(columns)),
	}
	switch {
	case t.Observation == nil:
		out.Status, out.Why = "error", strings.Split(t.Error, "\n")
		if t.Absent {
			out.Status = "left out"
		}
		return out
	case t.Status() != record.Valid:
		out.Why = t.Observation.Verdict.Reasons()
	}
	for _, f := range t.Observation.Flags {
		out.Flags = append(out.Flags, f.Name+": "+f.Detail)
	}
	for i, m := range columns {
		if v, ok := stats.Value(t, m.name); ok {
			out.Values[i] = new(digits(v))
		}
	}
	return out
}

// asked are a control's trials as they are listed: caught or missed, and without
// figures, however they ended.
func (c *control) asked(columns []measure) (out []page.Trial) {
	for _, t := range c.trials[:min(len(c.trials), mostTrials)] {
		row := asTrial(t, columns)
		clear(row.Values)
		switch {
		case t.Absent:
		case c.Caught(t):
			row.Status = "caught"
		default:
			row.Status = "missed"
			row.Why = append(row.Why, c.CaughtBy+" should have caught it")
		}
		out = append(out, row)
	}
	return out
}

// charts are a figure as it is drawn, and what it would be for other quantiles of
// the same distribution.
func (r *Result) charts(f record.Figure, c colours) (page.Figure, error) {
	d, err := r.draw(f, c)
	if err != nil {
		return page.Figure{}, err
	}
	stat := cmp.Or(d.y.stat, "value")
	out := page.Figure{Name: f.Name, Stat: stat, Charts: map[string]page.Chart{stat: asChart(d.Chart)}}
	if d.y.stat == "" || d.y.per != "" {
		return out, nil
	}
	for _, q := range quantiles {
		if q == stat {
			continue
		}
		f.Y = d.y.of.Name + "." + q
		d, err := r.draw(f, c)
		if err != nil {
			return out, err
		}
		if len(d.shown) > 0 {
			chart := asChart(d.Chart)
			chart.Note = d.note(stat)
			out.Charts[q] = chart
		}
	}
	return out, nil
}

func asChart(c figure.Chart) page.Chart {
	out := page.Chart{Kind: c.Kind, Title: c.Title, X: page.Axis(c.X), Y: page.Axis(c.Y), Legend: c.Legend}
	for _, p := range c.Panels {
		panel := page.Panel{Title: p.Title, Categories: p.Categories, X: p.X}
		for _, b := range p.Bands {
			panel.Bands = append(panel.Bands, page.Band(b))
		}
		for _, s := range p.Series {
			panel.Series = append(panel.Series, asSeries(s))
		}
		out.Panels = append(out.Panels, panel)
	}
	return out
}

func asSeries(s figure.Series) page.Series {
	out := page.Series{Name: s.Name, Color: s.Color}
	set := func(column *[]*float64, k int, v float64) {
		if *column == nil {
			*column = make([]*float64, len(s.Points))
		}
		(*column)[k] = &v
	}
	out.Y = make([]*float64, len(s.Points))
	cells := make([]int, len(s.Points))
	for k, p := range s.Points {
		cells[k] = p.Cell
		if p.Theory != nil {
			set(&out.Theory, k, *p.Theory)
		}
		switch {
		case p.Absent:
			continue
		case p.Missing != "":
			if out.Why == nil {
				out.Why = make(map[int]string)
			}
			out.Why[k] = p.Missing
			continue
		}
		set(&out.Y, k, p.Y)
		if p.Lo < p.Hi {
			set(&out.Lo, k, p.Lo)
			set(&out.Hi, k, p.Hi)
		}
		if p.Bare {
			out.Bare = append(out.Bare, k)
		}
	}
	if slices.ContainsFunc(cells, func(c int) bool { return c != 0 }) {
		out.Cells = cells
	}
	return out
}
