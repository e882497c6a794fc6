package report

import (
	"slices"

	"dyno/internal/figure"
	"dyno/internal/record"
	"dyno/internal/stats"
)

// group is the vector of one cell, a series of a figure of members.
type group struct {
	name    string
	cell    *cell // nil when none was planned
	members []stats.Member
	why     string // there are no members
}

// memberPanel shows a vector: a category for each label that any of the
// panel's cells has.
func (d *drawing) memberPanel(facet string) figure.Panel {
	var p figure.Panel
	groups := d.groups(facet)
	for _, g := range groups {
		for _, m := range g.members {
			if !slices.Contains(p.Categories, m.Label) {
				p.Categories = append(p.Categories, m.Label)
			}
		}
	}
	if len(p.Categories) == 0 {
		p.Categories = []string{"all"} // nothing was measured: room for the words that say so
	}
	for _, g := range groups {
		s := figure.Series{Name: g.name, Color: d.colours.of(d.Result, d.f.Series, g.name)}
		for i, label := range p.Categories {
			s.Points = append(s.Points, d.memberPoint(g, label, i == 0))
		}
		p.Series = append(p.Series, s)
	}
	return p
}

func (d *drawing) groups(facet string) []group {
	var out []group
	for _, name := range d.view.of(d.f.Series) {
		g := group{name: name, cell: d.view.at(record.Values{d.f.Series: name, d.f.Facet: facet})}
		if g.cell != nil {
			var err error
			if g.members, err = stats.Members(g.cell.trials, d.f.Y); err != nil {
				g.why = g.cell.why(err)
			}
		}
		out = append(out, g)
	}
	return out
}

// memberPoint is one member's bar. Why a whole group is missing is said once,
// at the first member.
func (d *drawing) memberPoint(g group, label string, first bool) figure.Point {
	i := slices.IndexFunc(g.members, func(m stats.Member) bool { return m.Label == label })
	switch {
	case i >= 0:
		return d.value(g.cell, g.members[i].Summary)
	case g.why != "" && first:
		return d.gap(g.cell, g.why)
	}
	return figure.Point{Absent: true}
}
