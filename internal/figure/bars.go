package figure

import (
	"gonum.org/v1/plot/vg"

	"dyno/internal/record"
)

// bars compares levels side by side: one group of bars per category, one bar
// per series, whiskers for intervals.
var bars = Kind{
	Name:    "bars",
	Help:    "grouped bars over a knob with few levels",
	Of:      record.KindScalar,
	columns: barColumns,
	prepare: func(p *panelPlot) {
		p.categories()
		p.explain("0 at the foot of the axis: the value is zero, which has no logarithm.",
			"A number at the foot of the axis is the value: zero or negative, which has no logarithm.", "")
		p.Add(painter(p.drawBars))
	},
	thumb: barThumb,
	zero:  true,
}

// barColumns stacks panels that hold too many bars for half the width.
func barColumns(c *Chart) int {
	const most = 14
	for _, p := range c.Panels {
		if len(p.Categories)*len(p.Series) > most {
			return 1
		}
	}
	return 2
}

func barThumb(p pen, s Series) { p.bar(styleOf(s.Color), p.Rectangle) }

// groupShare is the part of a category's width that its bars fill.
const groupShare = 0.8

// drawBars draws every bar of the panel, then what lies across them.
func (p *panelPlot) drawBars(pn pen) {
	const widest = 70
	n := vg.Length(len(p.Series))
	wide := min(widest, (p.xat(pn, 1)-p.xat(pn, 0))*groupShare/n)
	floor := p.yat(pn, max(0, p.y.lo))
	for i, s := range p.Series {
		for k := range s.Points {
			at := p.xat(pn, float64(k)) + (vg.Length(i)-(n-1)/2)*wide
			p.drawBar(pn, styleOf(s.Color), &s.Points[k], at, wide, floor)
		}
	}
	pn.line(ink, 0.9, nil, vg.Point{X: pn.Min.X, Y: floor}, vg.Point{X: pn.Max.X, Y: floor})
}

func (p *panelPlot) drawBar(pn pen, st style, pt *Point, at, wide, floor vg.Length) {
	switch {
	case pt.Absent:
	case pt.Missing != "":
		size := min(smallSize, max(5, wide))
		pn.upward(lettering(size, quiet), at, floor+4, pt.Missing)
	case p.y.log && pt.Y <= 0, pt.Y == 0 && pt.Lo == pt.Hi: // no bar, which an absent one would look like
		words := lettering(min(smallSize, max(5, wide)), ink)
		words.XAlign = -0.5
		pn.FillText(words, vg.Point{X: at, Y: floor + 3}, plainNumber(pt.Y))
	default:
		top := p.yat(pn, pt.Y)
		pn.bar(st, vg.Rectangle{
			Min: vg.Point{X: at - wide*0.46, Y: min(floor, top)},
			Max: vg.Point{X: at + wide*0.46, Y: max(floor, top)},
		})
		if pt.Lo < pt.Hi {
			pn.errorBar(at, p.whiskerFoot(pn, pt), p.yat(pn, pt.Hi), min(wide*0.5, 9), halo, pt.Bare)
		}
	}
	if pt.Theory != nil {
		pn.theory(nil, at, p.yat(pn, *pt.Theory), wide*1.1)
	}
}

// whiskerFoot is where a whisker ends below; one that reaches below a
// logarithmic axis ends below the canvas.
func (p *panelPlot) whiskerFoot(pn pen, pt *Point) vg.Length {
	if p.y.log && pt.Lo < p.y.lo {
		return pn.Min.Y - 1
	}
	return p.yat(pn, pt.Lo)
}
