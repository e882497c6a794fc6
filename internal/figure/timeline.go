package figure

import (
	"gonum.org/v1/plot/vg"

	"dyno/internal/record"
)

// timeline shows what happened step by step in one trial: a stepped line per
// member, over bands that say what held meanwhile.
var timeline = Kind{
	Name:    "timeline",
	Help:    "a series: one stepped line per member over time, in one trial",
	Of:      record.KindSeries,
	columns: func(*Chart) int { return 1 },
	prepare: func(p *panelPlot) {
		if p.Panel.X == nil {
			p.categories() // nothing was measured
		} else {
			last := len(p.Panel.X) - 1
			p.x = linear(p.Panel.X[0], p.Panel.X[last]+p.step())
			p.x.apply(&p.Plot.X)
		}
		p.explain("", "", "Without a value: ")
		p.Add(painter(p.drawBands), painter(p.drawSteps))
	},
	thumb: lines.thumb,
	zero:  true,
	names: true,
}

// roomForNames is the share of the y axis that bands' names have to themselves.
const roomForNames = 0.12

// step is how long a value holds.
func (p *panelPlot) step() float64 {
	if len(p.Panel.X) < 2 {
		return 1
	}
	return p.Panel.X[1] - p.Panel.X[0]
}

// drawBands shades every other band, and writes what they are at their top.
func (p *panelPlot) drawBands(pn pen) {
	words := lettering(smallSize, quiet)
	words.YAlign = -1
	reach := pn.Min.X // of the last name
	for i, b := range p.Bands {
		from, to := max(pn.Min.X, p.xat(pn, b.From)), min(pn.Max.X, p.xat(pn, b.To))
		if from >= to {
			continue
		}
		if i%2 == 1 {
			pn.polygon(bandColor, []vg.Point{{X: from, Y: pn.Min.Y}, {X: to, Y: pn.Min.Y}, {X: to, Y: pn.Max.Y}, {X: from, Y: pn.Max.Y}})
		}
		for _, x := range []vg.Length{from, to} {
			pn.line(quiet, outline, dashes[2], vg.Point{X: x, Y: pn.Min.Y}, vg.Point{X: x, Y: pn.Max.Y})
		}
		if at := from + 3; at >= reach && at+words.Width(b.Name) <= pn.Max.X {
			pn.FillText(words, vg.Point{X: at, Y: pn.Max.Y - 2}, b.Name)
			reach = at + words.Width(b.Name) + 3
		}
	}
}

// drawSteps draws each value as level for its step.
func (p *panelPlot) drawSteps(pn pen) {
	if p.Panel.X == nil {
		return
	}
	for _, s := range p.Series {
		var run []vg.Point
		for k := range s.Points {
			if pt := &s.Points[k]; pt.drawn() {
				y := p.yat(pn, pt.Y)
				run = append(run, vg.Point{X: p.xat(pn, p.Panel.X[k]), Y: y}, vg.Point{X: p.xat(pn, p.Panel.X[k]+p.step()), Y: y})
			}
		}
		if len(run) > 0 {
			pn.joined(styleOf(s.Color), run...)
		}
	}
}
