package figure

import (
	"fmt"
	"image/color"
	"math"

	"gonum.org/v1/plot"
	"gonum.org/v1/plot/vg"

	"dyno/internal/record"
)

// lines shows a metric over a knob that is a number: marks with whiskers,
// joined by lines. Over a knob that is not, marks stand side by side and
// nothing joins them, since there is nothing in between.
var lines = Kind{
	Name:    "lines",
	Help:    "marks with error bars, joined by lines, over a knob that is a number",
	Of:      record.KindScalar,
	columns: func(*Chart) int { return 2 },
	prepare: func(p *panelPlot) {
		if p.Panel.X == nil {
			p.categories()
			if p.chart.X.Log {
				p.notes = append(p.notes, "The x axis is not logarithmic, though that was asked for: its levels are not numbers.")
			}
		} else {
			p.numbers()
		}
		p.explain("Open triangle at the foot of the axis: the value is zero, which has no logarithm.",
			"Open triangle at the foot of the axis: the value is zero or negative, which has no logarithm.", "× at the foot of the axis: ")
		p.Add(painter(p.drawLines))
	},
	thumb: func(p pen, s Series) {
		st, y := styleOf(s.Color), p.Center().Y
		p.joined(st, vg.Point{X: p.Min.X, Y: y}, vg.Point{X: p.Max.X, Y: y})
		p.mark(st, p.Center())
	},
}

// numbers sets up an x axis with a tick at every category; labels that would
// collide are left out, the last one never.
func (p *panelPlot) numbers() {
	xs := p.Panel.X
	p.x = xspan(xs, p.chart.X.Log)
	if p.x.note != "" {
		p.notes = append(p.notes, p.x.note)
	}
	type label struct {
		i        int
		from, to vg.Length
	}
	var kept []label
	for i, x := range xs {
		at := vg.Length(p.x.norm(x)) * p.dataWide()
		half := p.Plot.X.Tick.Label.Width(p.Categories[i])/2 + 3
		l := label{i, at - half, at + half}
		for len(kept) > 0 && l.from < kept[len(kept)-1].to && i == len(xs)-1 {
			kept = kept[:len(kept)-1]
		}
		if len(kept) == 0 || l.from >= kept[len(kept)-1].to {
			kept = append(kept, l)
		}
	}
	for _, x := range xs {
		p.x.ticks = append(p.x.ticks, plot.Tick{Value: x})
	}
	for _, l := range kept {
		p.x.ticks[l.i].Label = p.Categories[l.i]
	}
	p.x.apply(&p.Plot.X)
}

// xspan is the range of numeric positions with room on both sides.
func xspan(xs []float64, log bool) span {
	lo, hi := math.Inf(1), math.Inf(-1)
	for _, x := range xs {
		lo, hi = min(lo, x), max(hi, x)
	}
	const room = 0.05
	if log && lo > 0 {
		f := max(math.Pow(hi/lo, room), 1.1)
		return span{lo: lo / f, hi: hi * f, log: true}
	}
	r := (hi - lo) * room
	if r == 0 {
		r = max(1, math.Abs(lo)*room)
	}
	s := span{lo: lo - r, hi: hi + r}
	if log {
		s.note = fmt.Sprintf("The x axis is linear, though a logarithmic one was asked for: %s has no logarithm.", plainNumber(lo))
	}
	return s
}

// drawLines draws, from below: lines, theory, whiskers, marks.
func (p *panelPlot) drawLines(pn pen) {
	at := func(i, k int) vg.Point {
		pt := vg.Point{X: p.xat(pn, p.position(k)) + p.dodge(i), Y: pn.Min.Y}
		if q := &p.Series[i].Points[k]; q.drawn() {
			pt.Y = p.yat(pn, q.Y)
		}
		return pt
	}
	for i, s := range p.Series {
		if p.Panel.X != nil {
			p.drawLine(pn, s, func(k int) vg.Point { return at(i, k) })
		}
	}
	p.eachPoint(func(i, k int, pt *Point) {
		if pt.Theory != nil {
			pn.theory(p.rim(i), at(i, k).X, p.yat(pn, *pt.Theory), 22)
		}
	})
	p.eachPoint(func(i, k int, pt *Point) {
		if pt.drawn() && pt.Lo < pt.Hi {
			pn.errorBar(at(i, k).X, p.whiskerFoot(pn, pt), p.yat(pn, pt.Hi), 7, 0, pt.Bare)
		}
	})
	p.eachPoint(func(i, k int, pt *Point) {
		p.drawMark(pn, styleOf(p.Series[i].Color), pt, at(i, k))
	})
}

// rim tells of which of several series a dash is the theory.
func (p *panelPlot) rim(series int) color.Color {
	if len(p.Series) == 1 {
		return nil
	}
	return styleOf(p.Series[series].Color).fill
}

// drawLine joins the points of a series: across cells that were never
// planned, not across those that are missing.
func (p *panelPlot) drawLine(pn pen, s Series, at func(int) vg.Point) {
	var run []vg.Point
	flush := func() {
		if len(run) > 1 {
			pn.joined(styleOf(s.Color), run...)
		}
		run = nil
	}
	for k := range s.Points {
		switch pt := &s.Points[k]; {
		case pt.Absent:
		case pt.Missing != "" || p.y.log && pt.Y <= 0:
			flush()
		default:
			run = append(run, at(k))
		}
	}
	flush()
}

func (p *panelPlot) drawMark(pn pen, st style, pt *Point, at vg.Point) {
	switch {
	case pt.Absent:
	case pt.Missing != "":
		pn.cross(st, at.Add(vg.Point{Y: 5}))
	case p.y.log && pt.Y <= 0:
		foot := mark{3, -math.Pi / 2}
		pn.polygon(shade(st.fill), foot.outline(at.Add(vg.Point{Y: 5}), markRadius+1.5))
		pn.polygon(white, foot.outline(at.Add(vg.Point{Y: 5}), markRadius-1))
	default:
		pn.mark(st, at)
	}
}

// position is where a category stands on the x axis.
func (p *panelPlot) position(k int) float64 {
	if p.Panel.X == nil {
		return float64(k)
	}
	return p.Panel.X[k]
}

// dodge moves the marks of a series a little to one side, so that whiskers at
// the same place do not hide each other.
func (p *panelPlot) dodge(i int) vg.Length {
	n := vg.Length(len(p.Series))
	step := min(3.5, 16/n)
	if p.Panel.X == nil {
		step = min(14, p.dataWide()/vg.Length(len(p.Categories))*groupShare/n)
	}
	return (vg.Length(i) - (n-1)/2) * step
}

// joined draws a line through points; a pale one gets a dark rim.
func (p pen) joined(s style, pts ...vg.Point) {
	const pale = 0.7
	if luminance(s.fill) > pale {
		p.line(shade(s.fill), lineWidth+1.2, s.dashes, pts...)
	}
	p.line(s.fill, lineWidth, s.dashes, pts...)
}
