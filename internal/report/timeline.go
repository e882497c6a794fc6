package report

import (
	"slices"
	"strconv"

	"dyno/internal/figure"
	"dyno/internal/record"
	"dyno/internal/stats"
)

// timePanel shows a series of one trial of a cell: the first that is valid and
// has it. Trials cannot be averaged step by step, since what happens in them
// does not happen at the same moment.
func (d *drawing) timePanel(facet string) figure.Panel {
	c := d.view.at(record.Values{d.f.Facet: facet})
	if c == nil {
		return figure.Panel{}
	}
	valid := stats.Valid(c.trials)
	i := slices.IndexFunc(valid, func(t *record.Trial) bool { return len(seriesLines(t.Observation.Series[d.y.of.Name])) > 0 })
	if i < 0 {
		gap := figure.Series{Color: figure.Neutral, Points: []figure.Point{d.gap(c, c.why(nil))}}
		return figure.Panel{Categories: []string{"all"}, Series: []figure.Series{gap}}
	}
	d.single = append(d.single, c.label()+": block "+strconv.Itoa(valid[i].Block))
	s := valid[i].Observation.Series[d.y.of.Name]
	lines := seriesLines(s)
	var p figure.Panel
	for k := range lines[0].Values {
		at := s.From + float64(k)*s.Step
		p.X, p.Categories = append(p.X, at), append(p.Categories, strconv.FormatFloat(at, 'g', 6, 64))
	}
	for k, l := range lines {
		series := figure.Series{Name: l.Name, Color: k}
		for _, v := range l.Values {
			v = digits(v * d.scale())
			series.Points = append(series.Points, figure.Point{Y: v, Lo: v, Hi: v, Cell: c.Index})
		}
		p.Series = append(p.Series, series)
	}
	for _, phase := range s.Phases {
		p.Bands = append(p.Bands, figure.Band(phase))
	}
	return p
}

// seriesLines are the lines of a series that has something to show.
func seriesLines(s record.Series) []record.Line {
	if len(s.Lines) == 0 && len(s.Values) > 0 {
		return []record.Line{{Values: s.Values}}
	}
	return slices.DeleteFunc(slices.Clone(s.Lines), func(l record.Line) bool { return len(l.Values) == 0 })
}
