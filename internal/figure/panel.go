package figure

import (
	"math"
	"slices"
	"strings"

	"gonum.org/v1/plot"
	"gonum.org/v1/plot/plotter"
	"gonum.org/v1/plot/vg"
	"gonum.org/v1/plot/vg/draw"
)

// panelPlot is one set of axes on its way to the sheet.
type panelPlot struct {
	*plot.Plot
	*Panel
	chart    *Chart
	x, y     span
	wide     vg.Length // room for the panel, axes included
	high     vg.Length
	overhang vg.Length // by how much labels reach beyond the left edge
	notes    []string
}

// painter is a plot.Plotter from a function.
type painter func(pen)

// Plot implements plot.Plotter.
func (f painter) Plot(c draw.Canvas, _ *plot.Plot) { f(pen{c}) }

// xat and yat place values on the canvas of the data.
func (p *panelPlot) xat(pn pen, v float64) vg.Length { return pn.Canvas.X(p.x.norm(v)) }
func (p *panelPlot) yat(pn pen, v float64) vg.Length { return pn.Canvas.Y(p.y.norm(v)) }

func newPanelPlot(s *sheet, p *Panel, wide, high vg.Length) *panelPlot {
	pp := &panelPlot{Plot: plot.New(), Panel: p, chart: s.Chart, y: s.y, wide: wide, high: high}
	pp.BackgroundColor = nil // the sheet is white
	pp.Plot.Title.Text = p.Title
	pp.Plot.Title.TextStyle = bold(lettering(panelSize, ink))
	pp.Plot.Title.TextStyle.XAlign, pp.Plot.Title.TextStyle.YAlign = draw.XCenter, draw.YTop
	pp.Plot.Title.Padding = 5
	grid := plotter.NewGrid()
	grid.Vertical.Width = 0
	grid.Horizontal = draw.LineStyle{Color: gridColor, Width: 0.8}
	pp.Add(grid)
	return pp
}

// axes styles both axes; only the outer panels carry labels.
func (p *panelPlot) axes(left, bottom bool) {
	for _, a := range []*plot.Axis{&p.Plot.X, &p.Plot.Y} {
		a.LineStyle = draw.LineStyle{Color: ink, Width: 0.9}
		a.Tick.LineStyle = draw.LineStyle{Color: ink, Width: 0.7}
		a.Tick.Length = 4
		a.Padding = 0
		size := a.Tick.Label
		a.Tick.Label = lettering(tickSize, ink)
		a.Tick.Label.XAlign, a.Tick.Label.YAlign = size.XAlign, size.YAlign
		a.Label.TextStyle = lettering(labelSize, ink)
		a.Label.TextStyle.XAlign, a.Label.TextStyle.YAlign = draw.XCenter, draw.YBottom
		a.Label.Padding = 4
	}
	if left {
		p.label(&p.Plot.Y, p.chart.Y.Label, p.high-45)
	}
	if bottom {
		p.label(&p.Plot.X, p.chart.X.Label, p.wide-70)
	}
	p.y.apply(&p.Plot.Y)
}

// label writes an axis label on as few lines as its length allows; type gets
// smaller only when a single word is too long.
func (p *panelPlot) label(a *plot.Axis, words string, length vg.Length) {
	lines := wrap(a.Label.TextStyle, length, words)
	for _, l := range lines {
		a.Label.TextStyle = shrink(a.Label.TextStyle, length, l)
	}
	a.Label.Text = strings.Join(lines, "\n")
}

// dataWide estimates the width that is left for the data.
func (p *panelPlot) dataWide() vg.Length { return p.wide - p.leftWide() - 8 }

// leftWide estimates the width of the y axis with its label.
func (p *panelPlot) leftWide() vg.Length {
	w := vg.Length(0)
	for _, t := range p.y.ticks {
		w = max(w, p.Plot.Y.Tick.Label.Width(t.Label))
	}
	return w + p.Plot.Y.Label.TextStyle.Height(p.Plot.Y.Label.Text) + 16
}

// categories puts the categories side by side at 0, 1, 2 … and finds labels
// that do not collide: on one or two lines, slanted, or only every k-th.
func (p *panelPlot) categories() {
	n := len(p.Categories)
	slot := p.dataWide() / vg.Length(n)
	labels, ok := p.twoLines(slot)
	every := 1
	if !ok {
		labels = p.Categories
		p.slant(slot)
		every = int(math.Ceil(float64(tickSize * 1.3 / slot)))
	}
	p.x = span{lo: -0.5, hi: float64(n) - 0.5}
	for i, l := range labels {
		if i%every == 0 {
			p.x.ticks = append(p.x.ticks, plot.Tick{Value: float64(i), Label: l})
		}
	}
	p.x.apply(&p.Plot.X)
}

// twoLines breaks the labels into at most two lines and reports whether they
// fit. All get the same number of lines, since the axis aligns their middles.
func (p *panelPlot) twoLines(slot vg.Length) ([]string, bool) {
	const most, gap = 2, 5
	st := p.Plot.X.Tick.Label
	var broken [][]string
	highest := 0
	for _, name := range p.Categories {
		lines := wrapName(st, slot-gap, name)
		for _, l := range lines {
			if st.Width(l) > slot-gap || len(lines) > most {
				return nil, false
			}
		}
		broken, highest = append(broken, lines), max(highest, len(lines))
	}
	labels := make([]string, len(broken))
	for i, lines := range broken {
		labels[i] = strings.Join(lines, "\n") + strings.Repeat("\n ", highest-len(lines))
	}
	return labels, true
}

// slant turns the labels of the x axis and makes room for them.
func (p *panelPlot) slant(slot vg.Length) {
	const angle = math.Pi / 5
	st := &p.Plot.X.Tick.Label
	st.Rotation, st.XAlign, st.YAlign = angle, draw.XRight, draw.YTop
	longest, reach := vg.Length(0), vg.Length(0)
	for i, name := range p.Categories {
		w := st.Width(name)
		longest = max(longest, w)
		reach = max(reach, w*vg.Length(math.Cos(angle))-slot*(vg.Length(i)+0.5))
	}
	p.overhang = max(0, reach-p.leftWide()+6)
	p.high += longest * vg.Length(math.Sin(angle))
}

// explain says in small print what the signs at the foot of the axis mean: of
// values without a logarithm, all zero or some negative, and of missing values.
// Without a sign for these, the gap itself says why.
func (p *panelPlot) explain(zero, negative, missing string) {
	var why []string
	least, theory := math.Inf(1), math.Inf(1)
	p.eachPoint(func(_, _ int, pt *Point) {
		if pt.Theory != nil && !pt.Absent {
			theory = min(theory, *pt.Theory)
		}
		switch {
		case pt.Absent:
		case pt.Missing == "":
			least = min(least, pt.Y)
		case missing != "" && !slices.Contains(why, pt.Missing):
			why = append(why, pt.Missing)
		}
	})
	switch {
	case p.y.log && least < 0:
		p.notes = append(p.notes, negative)
	case p.y.log && least == 0:
		p.notes = append(p.notes, zero)
	}
	if p.y.log && theory <= 0 {
		p.notes = append(p.notes, "Theory at the foot of the axis: it expects zero or less, which has no logarithm.")
	}
	if len(why) > 0 {
		slices.Sort(why)
		p.notes = append(p.notes, missing+strings.Join(why, "; ")+".")
	}
}

func (p *panelPlot) eachPoint(f func(series, category int, pt *Point)) {
	for i, s := range p.Series {
		for k := range s.Points {
			f(i, k, &s.Points[k])
		}
	}
}
