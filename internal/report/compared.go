package report

import (
	"fmt"
	"slices"
	"strings"

	"dyno/internal/record"
	"dyno/internal/stats"
	"dyno/internal/table"
)

// software names the check whose detail says with which packages a trial was made.
const software = "software"

// rivalry is a rival beside the system, as readers see it.
type rivalry struct {
	system, rival, metric, theirs, ours, ratio string
	software, promise, passed, says            string
	better                                     bool // than the system, where six blocks say so
	ahead                                      bool // the same, of fewer blocks
	link                                       string
}

// rivalries are all that were measured, by system: whoever is better stands first.
func (o *overview) rivalries() (systems []string, by map[string][]rivalry, err error) {
	by = make(map[string][]rivalry)
	for _, r := range o.store.Results {
		for _, p := range r.Run.Experiment.Peers {
			row, err := r.compare(p)
			if err != nil {
				return nil, nil, fmt.Errorf("experiment %s: peer %s: %w", r.Run.Experiment.Name, p.Name, err)
			}
			if row.system == "" {
				continue // no part of this run
			}
			if by[row.system] == nil {
				systems = append(systems, row.system)
			}
			by[row.system] = append(by[row.system], row)
		}
	}
	rank := func(r rivalry) int {
		switch {
		case r.better:
			return 0
		case r.ahead:
			return 1
		}
		return 2
	}
	for _, rows := range by {
		slices.SortStableFunc(rows, func(a, b rivalry) int { return rank(a) - rank(b) })
	}
	return systems, by, nil
}

// Compared is what others' software does beside each system: a table for each
// figure, and what a reader must know of every rival. Empty when nothing was
// measured.
func (o *overview) Compared() (string, error) {
	systems, by, err := o.rivalries()
	if err != nil {
		return "", err
	}
	var out []string
	for _, system := range systems {
		var figures, notes []string
		tables := make(map[string]*table.Table)
		for _, r := range by[system] {
			name := r.rival
			if r.better || r.ahead {
				name = "**" + name + "**"
			}
			if tables[r.metric] == nil {
				tables[r.metric] = table.New(r.metric, "rival's", system, "ratio")
				figures = append(figures, r.metric)
			}
			tables[r.metric].Add(name, r.theirs, r.ours, r.ratio)
			notes = append(notes, fmt.Sprintf("- %s (%s). Promise: %s. Proof: %s. %s", name, r.software, r.promise, r.passed, r.says))
		}
		out = append(out, "### "+system+" and its rivals")
		for _, f := range figures {
			out = append(out, tables[f].Within(screen, 1))
		}
		out = append(out, strings.Join(notes, "\n"))
	}
	return strings.Join(out, "\n\n"), nil
}

// Against lists what speaks against the systems of this repository: claims that
// the runs refute, and rivals that are better.
func (o *overview) Against() (string, error) {
	var lines []string
	for _, r := range o.store.Results {
		for _, c := range r.Run.Experiment.Claims {
			if j := r.judge(c); j.ruling == Refuted {
				lines = append(lines, j.line(r.link()))
			}
		}
	}
	systems, by, err := o.rivalries()
	if err != nil {
		return "", err
	}
	ahead := 0
	for _, system := range systems {
		for _, r := range by[system] {
			if r.better {
				lines = append(lines, fmt.Sprintf("- **better than %s**: %s: %s %s, %s %s, ratio %s (%s)",
					system, r.rival, r.metric, r.theirs, system, r.ours, r.ratio, r.link))
			} else if r.ahead {
				ahead++
			}
		}
	}
	if ahead > 0 {
		lines = append(lines, fmt.Sprintf("- %s did better in fewer than six blocks, which judges nothing: [all rivals](%s).",
			plural(int64(ahead), "rival"), comparedPath))
	}
	return strings.Join(lines, "\n"), nil
}

// compare is a peer's row; one without a system when the run was not to measure it.
func (r *Result) compare(p record.Peer) (row rivalry, err error) {
	m, err := r.measure(p.Metric, record.KindScalar)
	if err != nil {
		return row, err
	}
	theirs := r.meant(p.Where)
	if theirs == nil || len(theirs.trials) == 0 {
		return row, nil
	}
	unit, _ := m.units(1)
	row = rivalry{
		system: r.Run.Experiment.System, rival: table.Text(p.Rival), promise: table.Text(p.Promise), says: table.Text(p.Says), link: r.link(),
		metric: withUnit(strings.TrimPrefix(m.words(), "rival "), unit), theirs: r.level(theirs, m, p.Where), // whose it is, the row says
	}
	if len(p.Over) > 0 {
		ours := r.meant(p.Over)
		row.ours = r.level(ours, m, p.Over)
		if ours != nil {
			s, err := stats.PerBlockRatio(stats.PerBlock(theirs.trials, p.Metric), stats.PerBlock(ours.trials, p.Metric))
			if err == nil {
				row.ratio = inSentence(s, "", "", "")
				row.ahead = m.of.Better == record.Higher && s.Lo > 1 || m.of.Better == record.Lower && s.Hi < 1
				row.better = row.ahead && s.Kind == stats.Interval
			}
		}
	}
	row.software, row.passed = proven(theirs.trials)
	if v := r.Run.Environment.Dependencies[p.Library]; v != "" {
		row.software = p.Library + " " + v
	}
	row.software = table.Text(row.software)
	return row, nil
}

// level is what a cell of a comparison was measured to be, in the unit of its column.
func (r *Result) level(c *cell, m measure, where record.Values) string {
	if c == nil {
		return noCell([]string{selector(where)})
	}
	s, err := c.number(m.name)
	if err != nil {
		return unknownNumber(c.why(err), "")
	}
	_, scale := m.units(1)
	return inSentence(scaled(s, scale), "", m.mark(), "")
}

// proven says with which software trials were made, and what of them was proved.
func proven(trials []*record.Trial) (used, passed string) {
	used = "not told"
	var valid int
	var checks []string
	for _, t := range trials {
		if t.Observation == nil {
			continue
		}
		if t.Status() == record.Valid {
			valid++
		}
		for _, c := range t.Observation.Verdict.Checks {
			if c.Name == software && c.Detail != "" {
				used = c.Detail
			} else if !slices.Contains(checks, c.Name) {
				checks = append(checks, c.Name)
			}
		}
	}
	if trials[0].Absent {
		return "not installed", "left out"
	}
	return used, fmt.Sprintf("%d of %s valid, %s", valid, plural(int64(len(trials)), "trial"), plural(int64(len(checks)), "check"))
}
