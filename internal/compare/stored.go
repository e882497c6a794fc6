package compare

import (
	"cmp"
	"fmt"
	"maps"
	"slices"
	"strings"

	"dyno/internal/record"
	"dyno/internal/stats"
)

// Run is one stored run of an experiment. Its trials know the yardsticks of their blocks ([record.Run.Attach]).
type Run struct {
	Dir    string
	Run    record.Run
	Trials []*record.Trial
}

// Stored sets two stored runs beside each other.
type Stored struct {
	Experiments []StoredExperiment `json:"experiments"`
	Notes       []string           `json:"notes"`
	Words       string             `json:"words"`
}

// StoredExperiment is an experiment that both runs hold.
type StoredExperiment struct {
	Name       string         `json:"name"`
	Runs       [2]Origin      `json:"runs"`
	Yardsticks []YardstickRow `json:"yardsticks"`
	Rows       []StoredRow    `json:"rows"`
}

// Origin says where and when a run was made.
type Origin struct {
	Dir     string `json:"dir"`
	Started string `json:"started"`
	Scale   string `json:"scale"`
	Blocks  int    `json:"blocks"`
	CPU     string `json:"cpu"`
	Cores   int    `json:"cores"`
	Commit  string `json:"commit,omitempty"`
}

// YardstickRow is what a bare exchange cost in either run.
type YardstickRow struct {
	Name   string    `json:"name"`
	Unit   string    `json:"unit"`
	Levels [2]*Level `json:"levels"` // nil: not measured
	sums   [2]stats.Summary
}

// StoredRow is one metric of one cell: its levels in both runs, and as ratios to
// each run's own yardstick, taken block by block.
type StoredRow struct {
	Metric string    `json:"metric"`
	Cell   string    `json:"cell"`
	Unit   string    `json:"unit"`
	Levels [2]*Level `json:"levels"`        // nil: no valid trial reports it
	Per    string    `json:"per,omitempty"` // the yardstick; empty: none fits
	Ratios [2]*Level `json:"ratios"`        // nil: not measured
	Blocks [2]int    `json:"blocks"`
	levels [2]stats.Summary
	ratios [2]stats.Summary
}

// Beside sets the runs of two folders beside each other. Nothing is judged:
// they share no block, so the machine's part in a difference is not known.
func Beside(old, now []Run) *Stored {
	s := &Stored{Experiments: []StoredExperiment{}, Notes: []string{}}
	for _, a := range old {
		i := slices.IndexFunc(now, func(b Run) bool { return b.Run.Experiment.Name == a.Run.Experiment.Name })
		if i < 0 {
			s.note("%s: not in the second run", a.Run.Experiment.Name)
			continue
		}
		s.add([2]Run{a, now[i]})
	}
	for _, b := range now {
		if !slices.ContainsFunc(old, func(a Run) bool { return b.Run.Experiment.Name == a.Run.Experiment.Name }) {
			s.note("%s: not in the first run", b.Run.Experiment.Name)
		}
	}
	s.Words = "shown, not judged: these runs share no blocks, so part of any difference is the machine's; for a verdict: dyno compare " +
		"--old BIN --new BIN NAME"
	if len(s.Experiments) == 0 {
		s.Words = "nothing to compare: the runs have no experiment in common"
	}
	return s
}

func (s *Stored) add(runs [2]Run) {
	e := StoredExperiment{Name: runs[0].Run.Experiment.Name, Rows: []StoredRow{}}
	for side, r := range runs {
		e.Runs[side] = origin(r)
		if n := len(r.Trials) - len(stats.Valid(r.Trials)); n > 0 {
			s.note("%s, %s: %d of %s are not valid: they have no figures", r.Dir, e.Name, n, counted(len(r.Trials), "trial"))
		}
		if n := len(r.Run.Environment.Machines); n > 0 {
			s.note("%s, %s: its roles ran on %s: CPU and yardsticks are the runner's", r.Dir, e.Name, counted(n, "other machine"))
		}
	}
	s.Notes = append(s.Notes, otherwise(e.Name, [2]string{runs[0].Run.Environment.Roles, runs[1].Run.Environment.Roles})...)
	e.Yardsticks = s.yardsticks(runs)
	both, onlyOne := common([2][]record.Metric{runs[0].Run.Metrics, runs[1].Run.Metrics})
	for _, name := range onlyOne {
		s.note("%s: %s is not declared alike by both runs: left out", e.Name, name)
	}
	cells := s.cells(e.Name, runs)
	for _, m := range both {
		for _, c := range cells {
			if row, ok := storedRow(m, c); ok {
				e.Rows = append(e.Rows, row)
			}
		}
	}
	s.Experiments = append(s.Experiments, e)
}

func origin(r Run) Origin {
	blocks := make(map[int]bool)
	for _, t := range r.Trials {
		blocks[t.Block] = true
	}
	return Origin{
		Dir: r.Dir, Started: r.Run.Started.Format("2006-01-02 15:04"), Scale: r.Run.Scale, Blocks: len(blocks),
		CPU: r.Run.Environment.CPU, Cores: r.Run.Environment.Cores, Commit: r.Run.Environment.Commit,
	}
}

// yardsticks shows what the machines of both runs did with a bare exchange.
func (s *Stored) yardsticks(runs [2]Run) []YardstickRow {
	rows := make([]YardstickRow, 0, len(record.YardstickMetrics))
	var none [2]bool
	for _, m := range record.YardstickMetrics {
		row := YardstickRow{Name: m.Name, Unit: m.Unit}
		for side, r := range runs {
			values := make(map[int]float64)
			for _, b := range r.Run.Blocks {
				if b.Yardsticks != nil {
					values[b.Block] = b.Yardsticks.Values[m.Name]
				}
			}
			if none[side] = len(values) == 0; !none[side] {
				row.sums[side] = summary(values)
				row.Levels[side] = level(row.sums[side])
			}
		}
		rows = append(rows, row)
	}
	for side, r := range runs {
		if none[side] {
			s.note("%s holds no yardstick: its levels are those of its machine and hour, and nothing says which part is", r.Dir)
		}
	}
	if none[0] && none[1] {
		return []YardstickRow{}
	}
	return rows
}

// cells pairs the cells of two runs that have the same levels of all knobs that both know.
func (s *Stored) cells(name string, runs [2]Run) []Cell {
	known := knobs(runs[0])
	maps.DeleteFunc(known, func(knob string, _ bool) bool { return !knobs(runs[1])[knob] })
	swept := sweptKnobs(runs)
	var keys []string
	found := make(map[string]*Cell)
	indexes := make(map[string][2]map[int]bool)
	for side, r := range runs {
		for _, t := range inOrder(r.Trials) {
			key := cellKey(t.Values, known)
			if found[key] == nil {
				found[key] = &Cell{Label: cellLabel(t.Values, swept)}
				indexes[key] = [2]map[int]bool{{}, {}}
				keys = append(keys, key)
			}
			found[key].Trials[side] = append(found[key].Trials[side], t)
			indexes[key][side][t.Cell] = true
		}
	}
	var out []Cell
	for _, key := range keys {
		c, n := found[key], indexes[key]
		switch {
		case len(n[0]) == 0:
			s.note("%s, %s: not in the first run", name, c.Label)
		case len(n[1]) == 0:
			s.note("%s, %s: not in the second run", name, c.Label)
		case len(n[0]) > 1 || len(n[1]) > 1:
			s.note("%s, %s: several cells differ only in knobs that one of the runs does not know: left out", name, c.Label)
		default:
			out = append(out, *c)
		}
	}
	return out
}

// inOrder sorts trials as the experiment file has their cells.
func inOrder(trials []*record.Trial) []*record.Trial {
	return slices.SortedStableFunc(slices.Values(trials), func(a, b *record.Trial) int { return cmp.Compare(a.Cell, b.Cell) })
}

func knobs(r Run) map[string]bool {
	out := make(map[string]bool)
	for _, t := range r.Trials {
		for knob := range t.Values {
			out[knob] = true
		}
	}
	return out
}

// sweptKnobs lists the knobs that vary in either run.
func sweptKnobs(runs [2]Run) []string {
	var out []string
	for _, r := range runs {
		for _, sweep := range slices.Concat(r.Run.Experiment.Core, r.Run.Experiment.Detail) {
			for _, f := range sweep {
				if !slices.Contains(out, f.Knob) {
					out = append(out, f.Knob)
				}
			}
		}
	}
	return out
}

func cellKey(v record.Values, known map[string]bool) string {
	var b strings.Builder
	for _, knob := range slices.Sorted(maps.Keys(known)) {
		fmt.Fprintf(&b, "%s=%q ", knob, v[knob])
	}
	return b.String()
}

func cellLabel(v record.Values, swept []string) string {
	var parts []string
	for _, knob := range swept {
		if level, ok := v[knob]; ok {
			parts = append(parts, knob+"="+level)
		}
	}
	return strings.Join(parts, " ")
}

// storedRow is one metric of a cell; false when neither run reports it.
func storedRow(m measure, c Cell) (StoredRow, bool) {
	row := StoredRow{Metric: m.name, Cell: c.Label, Unit: m.unit, Per: m.yardstick()}
	reported := false
	for side, trials := range c.Trials {
		values := m.of(trials)
		row.Blocks[side] = len(values)
		if len(values) == 0 {
			continue
		}
		reported = true
		row.levels[side] = summary(values)
		row.Levels[side] = level(row.levels[side])
		if ratios := perYardstick(m, trials, values); len(ratios) > 0 {
			row.ratios[side] = summary(ratios)
			row.Ratios[side] = level(row.ratios[side])
		}
	}
	return row, reported
}

// perYardstick divides each block's value by the yardstick of that block.
func perYardstick(m measure, trials []*record.Trial, values map[int]float64) map[int]float64 {
	scale := map[string]float64{"ms": 1e3, "s": 1e6}[m.unit] // to the yardsticks' microseconds
	if scale == 0 {
		scale = 1
	}
	out := make(map[int]float64)
	for _, t := range trials {
		if v, ok := values[t.Block]; ok && t.Yardsticks != nil && t.Yardsticks.Values[m.yardstick()] > 0 {
			out[t.Block] = scale * v / t.Yardsticks.Values[m.yardstick()]
		}
	}
	return out
}
