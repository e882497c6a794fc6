package report

import (
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"dyno/internal/record"
	"dyno/internal/table"
)

// tally counts how trials ended.
type tally struct{ valid, invalid, unknown, errors, flagged int }

func count(trials []*record.Trial) tally {
	var t tally
	for _, tr := range trials {
		switch {
		case tr.Observation == nil:
			t.errors++
		case tr.Status() == record.Valid:
			t.valid++
		case tr.Status() == record.Invalid:
			t.invalid++
		default:
			t.unknown++
		}
		if len(flagNames(tr)) > 0 {
			t.flagged++
		}
	}
	return t
}

func (t *tally) add(u tally) {
	t.valid += u.valid
	t.invalid += u.invalid
	t.unknown += u.unknown
	t.errors += u.errors
	t.flagged += u.flagged
}

// Checks shows what was proved: per check how many trials passed, and how many
// facts were looked at.
func (e *Experiment) Checks() string {
	type row struct{ valid, invalid, unknown, examined int64 }
	rows := make(map[string]*row)
	var order []string
	for _, t := range e.Trials {
		if t.Observation == nil {
			continue
		}
		for _, c := range t.Observation.Verdict.Checks {
			r := rows[c.Name]
			if r == nil {
				r = new(row)
				rows[c.Name] = r
				order = append(order, c.Name)
			}
			r.examined += c.Examined
			switch c.Status {
			case record.Valid:
				r.valid++
			case record.Invalid:
				r.invalid++
			default:
				r.unknown++
			}
		}
	}
	if len(order) == 0 {
		return "(nothing was checked)"
	}
	slices.Sort(order) // the first trial is drawn by lot
	out := table.New("check", "valid trials", "invalid trials", "unknown trials", "facts examined")
	for _, name := range order {
		r := rows[name]
		out.Add(table.Text(name), fmt.Sprint(r.valid), fmt.Sprint(r.invalid), fmt.Sprint(r.unknown), fmt.Sprint(r.examined))
	}
	text := out.Within(screen, 1)
	if n := count(e.Trials).errors; n > 0 {
		text += fmt.Sprintf("\n%s ended without a result and proved nothing.\n", plural(int64(n), "trial"))
	}
	return text
}

// Setup shows under which conditions the experiment was made.
func (e *Experiment) Setup() string {
	x := &e.Run.Experiment
	var lines []string
	add := func(what, text string) { lines = append(lines, "- *"+what+"*: "+text) }
	add("load model", sentence(loadModel(x.Load)))
	for _, knob := range sweptKnobs(x) {
		k, _ := e.knob(knob) // without a unit if the run does not say
		var levels []string
		for _, l := range e.levels(knob) {
			levels = append(levels, legible(l))
		}
		add("swept, "+table.Text(withUnit(knob, k.Unit)), table.Text(strings.Join(levels, " · ")))
	}
	for _, knob := range slices.Sorted(maps.Keys(x.Knobs)) {
		k, _ := e.knob(knob)
		add("fixed, "+table.Text(withUnit(knob, k.Unit)), table.Text(legible(x.Knobs[knob])))
	}
	scale := x.Scales[e.Run.Scale]
	add("scale", table.Text(e.Run.Scale))
	add("cells", e.cellCounts())
	add("warm-up", e.seconds(scale.Warmup, func(t *record.Trial) record.Seconds { return t.Warmup }))
	add("measured window", e.seconds(scale.Length, func(t *record.Trial) record.Seconds { return t.Length }))
	add("seed", fmt.Sprint(e.Run.Seed))
	return strings.TrimSuffix(strings.Join(lines, "\n")+"\n\n"+e.Yardsticks(), "\n\n")
}

func sweptKnobs(x *record.Experiment) []string {
	var out []string
	for _, sweep := range sweeps(x) {
		for _, f := range sweep {
			if !slices.Contains(out, f.Knob) {
				out = append(out, f.Knob)
			}
		}
	}
	return out
}

// cellCounts says how many cells were run how often.
func (e *Experiment) cellCounts() string {
	var parts []string
	for _, kind := range []struct {
		name string
		is   bool
	}{{"core", false}, {"detail", true}} {
		cells, blocks := int64(0), make(map[int]bool)
		for _, c := range e.cells {
			if c.Detail != kind.is || len(c.trials) == 0 {
				continue
			}
			cells++
			for _, t := range c.trials {
				blocks[t.Block] = true
			}
		}
		if cells > 0 {
			parts = append(parts, fmt.Sprintf("%s in %s", plural(cells, kind.name+" cell"), plural(int64(len(blocks)), "block")))
		}
	}
	if len(parts) == 0 {
		return "none was run"
	}
	return strings.Join(parts, "; ")
}

// seconds gives the times that trials really had, or what the scale asks for
// when there is no trial.
func (e *Experiment) seconds(planned record.Seconds, of func(*record.Trial) record.Seconds) string {
	lo, hi := planned, planned
	for i, t := range e.Trials {
		if i == 0 {
			lo, hi = of(t), of(t)
		}
		lo, hi = min(lo, of(t)), max(hi, of(t))
	}
	text := func(s record.Seconds) string { return s.Duration().Round(time.Microsecond).String() }
	if lo == hi {
		return text(lo)
	}
	return fmt.Sprintf("%s to %s, by cell", text(lo), text(hi))
}

// Metrics explains the metrics that the experiment's figures and tables show.
func (e *Experiment) Metrics() string {
	var names []string
	for _, f := range e.Run.Experiment.Figures {
		names = append(names, f.Y)
	}
	for _, t := range e.Run.Experiment.Tables {
		names = append(names, t.Columns...)
	}
	var lines []string
	var seen []string
	for _, name := range names {
		base, _, _ := record.Per(name)
		if h, _, ok := record.Quantile(base); ok {
			base = h
		}
		i := slices.IndexFunc(e.Run.Metrics, func(m record.Metric) bool { return m.Name == base })
		if i < 0 || slices.Contains(seen, base) {
			continue
		}
		seen = append(seen, base)
		m := e.Run.Metrics[i]
		if m.Kind == record.KindHistogram {
			m.Unit = "ms"
		}
		about := m.Unit
		if m.Better != "" {
			about += ", " + string(m.Better) + " is better"
		}
		lines = append(lines, fmt.Sprintf("- `%s` (%s): %s", m.Name, strings.TrimPrefix(about, "1, "), table.Text(m.Help)))
	}
	return strings.Join(lines, "\n")
}
