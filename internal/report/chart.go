package report

import (
	"fmt"
	"slices"
	"strconv"
	"sync"

	"dyno/bench/fault"
	"dyno/internal/figure"
	"dyno/internal/record"
	"dyno/internal/stats"
)

// drawing is a figure as a chart, with what its caption says.
type drawing struct {
	figure.Chart
	*Result
	f       record.Figure
	kind    figure.Kind
	y       measure
	view    *view
	colours colours

	// What the caption has to say.
	shown   []stats.Summary
	missing []string
	single  []string // the trials that a time line shows
}

// draw prepares a figure of an experiment, once: the PNG, the page and the text
// show the same. Colours are those of the whole report.
func (r *Result) draw(f record.Figure, c colours) (*drawing, error) {
	once, _ := r.drawn.LoadOrStore([2]string{f.Name, f.Y}, sync.OnceValues(func() (*drawing, error) { return r.prepare(f, c) }))
	return once.(func() (*drawing, error))()
}

func (r *Result) prepare(f record.Figure, c colours) (*drawing, error) {
	d := &drawing{Result: r, f: f, colours: c}
	fail := func(err error) (*drawing, error) {
		return nil, fmt.Errorf("experiment %s, figure %s: %w", r.Run.Experiment.Name, f.Name, err)
	}
	var ok bool
	if d.kind, ok = figure.Lookup(f.Kind); !ok {
		return fail(fmt.Errorf("no kind %q", f.Kind))
	}
	var err error
	if d.y, err = r.measure(f.Y, d.kind.Of); err != nil {
		return fail(err)
	}
	if f.Theory != "" {
		if _, err := r.measure(f.Theory, record.KindScalar); err != nil {
			return fail(err)
		}
	}
	var knobs []string
	for _, knob := range []string{f.X, f.Series, f.Facet} {
		if knob == "" || knob == f.X && d.kind.Of != record.KindScalar {
			continue
		}
		if _, err := r.knob(knob); err != nil {
			return fail(err)
		}
		knobs = append(knobs, knob)
	}
	if d.view, err = r.view(knobs, f.Where); err != nil {
		return fail(err)
	}
	d.Chart = d.chart()
	return d, nil
}

func (d *drawing) chart() figure.Chart {
	c := figure.Chart{
		Kind:   d.f.Kind,
		Title:  d.f.Title,
		X:      figure.Axis{Label: d.knobLabel(d.f.X), Log: d.f.LogX},
		Y:      figure.Axis{Label: d.y.label(), Log: d.f.LogY},
		Legend: d.knobLabel(d.f.Series),
	}
	if d.f.YFormat == percent {
		c.Y.Label = withUnit(d.y.words(), "%")
	}
	switch d.kind.Of {
	case record.KindVector:
		c.X.Label = "member"
	case record.KindSeries:
		c.X.Label = "time (s)"
	}
	for _, facet := range d.view.of(d.f.Facet) {
		p := d.panel(facet)
		p.Series = slices.DeleteFunc(p.Series, func(s figure.Series) bool {
			return !slices.ContainsFunc(s.Points, func(p figure.Point) bool { return !p.Absent })
		})
		if d.f.Facet != "" {
			p.Title = d.f.Facet + " = " + legible(facet)
		}
		if len(p.Categories) > 0 && len(p.Series) > 0 {
			c.Panels = append(c.Panels, p)
		}
	}
	if len(c.Panels) == 0 { // no cell is known to belong here
		nothing := figure.Series{Color: figure.Neutral, Points: []figure.Point{{Missing: "not measured"}}}
		c.Panels = []figure.Panel{{Categories: []string{"all"}, Series: []figure.Series{nothing}}}
	}
	return c
}

// percent is the format that shows a share of 0.5 as 50 %.
const percent = "percent"

func (d *drawing) knobLabel(name string) string {
	k, err := d.knob(name)
	if err != nil {
		return "" // no knob
	}
	return withUnit(k.Name, k.Unit)
}

func (d *drawing) panel(facet string) figure.Panel {
	switch d.kind.Of {
	case record.KindVector:
		return d.memberPanel(facet)
	case record.KindSeries:
		return d.timePanel(facet)
	}
	p := figure.Panel{Categories: slices.Clone(d.view.of(d.f.X))}
	if sorted, numbers, ok := numeric(p.Categories); ok && d.f.Kind == "lines" {
		p.Categories, p.X = sorted, numbers
	}
	for _, s := range d.view.of(d.f.Series) {
		series := figure.Series{Color: d.colours.of(d.Result, d.f.Series, s)}
		if d.f.Series != "" { // else the legend would name what has no other beside it
			series.Name = inFigure(d.f.Series, s)
		}
		for _, x := range p.Categories {
			series.Points = append(series.Points, d.point(d.view.at(record.Values{d.f.X: x, d.f.Series: s, d.f.Facet: facet})))
		}
		p.Series = append(p.Series, series)
	}
	for i, x := range p.Categories {
		if d.f.X != "" {
			p.Categories[i] = inFigure(d.f.X, x)
		}
	}
	if p.X == nil {
		planned(&p)
	}
	return p
}

// planned drops the categories of which a panel has no cell.
func planned(p *figure.Panel) {
	for i := len(p.Categories) - 1; i >= 0; i-- {
		if slices.ContainsFunc(p.Series, func(s figure.Series) bool { return !s.Points[i].Absent }) {
			continue
		}
		p.Categories = slices.Delete(p.Categories, i, i+1)
		for k := range p.Series {
			p.Series[k].Points = slices.Delete(p.Series[k].Points, i, i+1)
		}
	}
}

// legible is a level as readers see it: faults in words, and a text that is empty
// would be a gap.
func legible(level string) string { return fault.Tell(level) }

// inFigure is a level of a knob in a figure, where whoever has no rival is dyno.
func inFigure(knob, level string) string {
	if knob == "" {
		return ""
	}
	if knob == "rival" && level == "none" {
		return "dyno (this)"
	}
	return legible(level)
}

func (d *drawing) point(c *cell) figure.Point {
	if c == nil {
		return figure.Point{Absent: true}
	}
	s, err := c.number(d.f.Y)
	if err != nil {
		return d.gap(c, c.why(err))
	}
	return d.value(c, s)
}

// gap is a point without a value, for the reason given.
func (d *drawing) gap(c *cell, why string) figure.Point {
	d.missing = append(d.missing, c.label()+" ("+why+")")
	return figure.Point{Missing: why, Theory: d.theory(c), Cell: c.Index}
}

func (d *drawing) value(c *cell, s stats.Summary) figure.Point {
	d.shown = append(d.shown, s)
	k := d.scale()
	return figure.Point{
		Y: digits(s.Center * k), Lo: digits(s.Lo * k), Hi: digits(s.Hi * k), Bare: s.Kind == stats.Range, Theory: d.theory(c), Cell: c.Index,
	}
}

func (d *drawing) scale() float64 {
	if d.f.YFormat == percent {
		return 100
	}
	return 1
}

func (d *drawing) theory(c *cell) *float64 {
	if d.f.Theory == "" {
		return nil
	}
	s, err := c.number(d.f.Theory)
	if err != nil {
		return nil
	}
	return new(digits(s.Center * d.scale()))
}

// digits keeps six of a value that is drawn: more cannot be seen in a plot, and would
// be half of the page.
func digits(x float64) float64 {
	const kept = 6
	short, err := strconv.ParseFloat(strconv.FormatFloat(x, 'g', kept, 64), 64)
	if err != nil {
		return x // next to the greatest of all numbers
	}
	return short
}
