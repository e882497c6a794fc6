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

// Compared is what others' software does beside each system, a table for each:
// whoever is better than the system comes first. Empty when nothing was measured.
func (o *overview) Compared() (string, error) {
	tables := make(map[string][][]string)
	var order []string
	for _, r := range o.store.Results {
		for _, p := range r.Run.Experiment.Peers {
			row, better, err := r.compare(p)
			if err != nil {
				return "", fmt.Errorf("experiment %s: peer %s: %w", r.Run.Experiment.Name, p.Name, err)
			}
			if row == nil {
				continue // no part of this run
			}
			system := r.Run.Experiment.System
			if !slices.Contains(order, system) {
				order = append(order, system)
			}
			if better {
				row[0] = "**" + row[0] + "**"
				first := len(slices.DeleteFunc(slices.Clone(tables[system]), func(row []string) bool { return row[0][0] != '*' }))
				tables[system] = slices.Insert(tables[system], first, row)
			} else {
				tables[system] = append(tables[system], row)
			}
		}
	}
	var out []string
	for _, system := range order {
		t := table.New("rival", "software", "what it promises", "figure", "trials and checks passed", "in a sentence")
		for _, row := range tables[system] {
			t.Add(row...)
		}
		out = append(out, "### "+system+" and its rivals\n\n"+t.String())
	}
	return strings.Join(out, "\n\n"), nil
}

// compare is a peer's row, and whether it is better than the system; no row when
// the run was not to measure it.
func (r *Result) compare(p record.Peer) (row []string, better bool, err error) {
	m, err := r.measure(p.Metric, record.KindScalar)
	if err != nil {
		return nil, false, err
	}
	theirs := r.meant(p.Where)
	if theirs == nil || len(theirs.trials) == 0 {
		return nil, false, nil
	}
	figure, blocks := strings.TrimPrefix(m.words(), "rival ")+" "+r.level(theirs, m, p.Where), 0 // whose it is, the row says
	if strings.HasPrefix(m.of.Help, "share of ") {
		figure = "share of " + figure
	}
	if len(p.Over) > 0 {
		ours := r.meant(p.Over)
		figure += ", " + r.Run.Experiment.System + " " + r.level(ours, m, p.Over)
		if ours != nil {
			s, err := stats.PerBlockRatio(stats.PerBlock(theirs.trials, p.Metric), stats.PerBlock(ours.trials, p.Metric))
			if err == nil {
				figure += ", ratio " + table.Number(s) + fmt.Sprintf(" of %s", plural(int64(s.N), "block"))
				blocks = s.N
				better = m.of.Better == record.Higher && s.Lo > 1 || m.of.Better == record.Lower && s.Hi < 1
			}
		}
	}
	used, passed := proven(theirs.trials)
	if v := r.Run.Environment.Dependencies[p.Library]; v != "" {
		used = p.Library + " " + v
	}
	says := p.Says
	switch {
	case better && blocks == 1:
		says = "The rival was better here, in the one block that there is. " + says
	case better:
		says = "The rival is better here. " + says
	}
	return []string{table.Text(p.Rival), table.Text(used), table.Text(p.Promise), figure, passed, table.Text(says)}, better, nil
}

// level is what a cell of a comparison was measured to be.
func (r *Result) level(c *cell, m measure, where record.Values) string {
	if c == nil {
		return noCell([]string{selector(where)})
	}
	s, err := c.number(m.name)
	if err != nil {
		return unknownNumber(c.why(err), "")
	}
	return strings.TrimSpace(table.Number(s) + " " + m.unit)
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
