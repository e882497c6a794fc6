package compare

import (
	"cmp"
	"fmt"
	"maps"
	"math"
	"slices"
	"strings"

	"dyno/internal/record"
	"dyno/internal/stats"
)

// Sides are the names of what is compared, in the order of every [2]array here.
var Sides = [2]string{"old", "new"}

// Experiment is what both sides measured of one experiment.
type Experiment struct {
	Name    string
	Metrics [2][]record.Metric
	Roles   [2]string // in what each side's roles ran, as record.Environment says it
	Cells   []Cell
}

// Cell is one combination of levels with the trials of both sides.
type Cell struct {
	Label  string
	Trials [2][]*record.Trial
}

// Options say what is called a change.
type Options struct {
	Threshold float64 // a change counts beyond this share: 0.05 is 5 %
	Alpha     float64 // probability of a false alarm that is allowed in all
}

// Default is what dyno compare does unless told otherwise.
var Default = Options{Threshold: 0.05, Alpha: 0.05}

// AllCells is the cell of a row over all cells.
const AllCells = "all cells"

// Verdict is what is said of a row.
type Verdict string

// The verdicts.
const (
	Worse     Verdict = "worse"
	Better    Verdict = "better"
	NoChange  Verdict = "no change shown" // which does not prove that there is none
	TooFew    Verdict = "too few blocks"
	NotJudged Verdict = "not judged" // a pure ratio: see the package
)

// Level is a median over blocks with its interval (from six blocks on) or range.
type Level struct {
	Median float64 `json:"median"`
	Lo     float64 `json:"lo"`
	Hi     float64 `json:"hi"`
}

// Row is one metric in one cell or over all cells. Change is the median of
// new/old over pairs of trials, less 1, in percent.
type Row struct {
	Experiment string        `json:"experiment"`
	Metric     string        `json:"metric"`
	Cell       string        `json:"cell"`
	Unit       string        `json:"unit"`
	Better     record.Better `json:"better"`
	Old        *Level        `json:"old,omitempty"` // absent over all cells
	New        *Level        `json:"new,omitempty"`
	Change     Level         `json:"change_pct"`
	Confidence float64       `json:"confidence"` // of change_pct's interval; 0: lo and hi are the range
	Pairs      int           `json:"n"`          // ratios: blocks that both sides measured, over all cells the sum
	Verdict    Verdict       `json:"verdict"`
	// that it is worse by more than the threshold, adjusted for the number of tests; 1 when not judged
	P float64 `json:"p_worse"`

	logs    []float64 // of new/old, one per pair of trials
	change  stats.Summary
	judged  bool
	headed  bool // there is a row over all cells for its metric
	overall bool
}

// Result is a comparison of two binaries.
type Result struct {
	ThresholdPct float64          `json:"threshold_pct"`
	FalseAlarm   float64          `json:"false_alarm_at_most"`
	Tests        int              `json:"tests"`
	Blocks       int              `json:"blocks"`
	Rows         []*Row           `json:"rows"`
	Trials       map[string]Tally `json:"trials"` // by side
	Failures     []Failure        `json:"failures"`
	Notes        []string         `json:"notes"`
	Regression   bool             `json:"regression"`
	Words        string           `json:"words"`
}

// Compare compares two binaries by the blocks that they share.
func Compare(experiments []Experiment, o Options) *Result {
	r := &Result{ThresholdPct: o.Threshold * 100, Trials: make(map[string]Tally), Failures: []Failure{}, Notes: []string{}}
	for _, e := range experiments {
		r.count(e)
		r.rows(e)
	}
	r.judge(o)
	r.conclude()
	return r
}

// rows adds an experiment's rows: metric by metric, over all cells first.
func (r *Result) rows(e Experiment) {
	r.Notes = append(r.Notes, otherwise(e.Name, e.Roles)...)
	both, onlyOne := common(e.Metrics)
	for _, name := range onlyOne {
		r.note("%s: %s is not declared alike by both binaries: not compared", e.Name, name)
	}
	for _, m := range both {
		var cells []*Row
		var pairs []float64
		for _, c := range e.Cells {
			if row := r.row(e, c, m); row != nil {
				cells = append(cells, row)
				pairs = append(pairs, row.logs...)
			}
		}
		if len(cells) > 1 {
			head := newRow(e.Name, AllCells, m, pairs)
			head.overall = true
			for _, c := range cells {
				c.headed = true
			}
			r.Rows = append(r.Rows, head)
		}
		r.Rows = append(r.Rows, cells...)
	}
}

// row compares one metric in one cell; nil when no block has it on both sides.
func (r *Result) row(e Experiment, c Cell, m measure) *Row {
	old, now := m.of(c.Trials[0]), m.of(c.Trials[1])
	var logs []float64
	zeros := 0
	for _, block := range slices.Sorted(maps.Keys(old)) {
		a := old[block]
		b, ok := now[block]
		switch {
		case ok && a > 0 && b > 0:
			logs = append(logs, math.Log(b/a))
		case ok:
			zeros++
		}
	}
	place := fmt.Sprintf("%s, %s, %s", e.Name, c.Label, m.name)
	if zeros > 0 {
		r.note("%s: a value of 0 has no ratio: left out in %s", place, counted(zeros, "block"))
	}
	if (len(old) == 0) != (len(now) == 0) {
		r.note("%s: reported by one binary only", place)
	}
	if len(logs) == 0 {
		return nil
	}
	row := newRow(e.Name, c.Label, m, logs)
	row.Old, row.New = level(summary(old)), level(summary(now))
	r.Blocks = max(r.Blocks, len(logs))
	return row
}

func newRow(experiment, cell string, m measure, logs []float64) *Row {
	row := &Row{
		Experiment: experiment, Metric: m.name, Cell: cell, Unit: m.unit, Better: m.better, judged: m.judged, Pairs: len(logs), P: 1,
		logs: logs,
	}
	percent := make([]float64, len(logs))
	for i, x := range logs {
		percent[i] = 100 * math.Expm1(x)
	}
	row.change = stats.Summarize(percent)
	row.Change, row.Confidence = *level(row.change), row.change.Confidence
	return row
}

func summary(values map[int]float64) stats.Summary {
	var list []float64
	for _, block := range slices.Sorted(maps.Keys(values)) {
		list = append(list, values[block])
	}
	return stats.Summarize(list)
}

func level(s stats.Summary) *Level { return &Level{Median: s.Center, Lo: s.Lo, Hi: s.Hi} }

// otherwise says that the two sides' roles ran in different programs, if they did.
func otherwise(experiment string, roles [2]string) []string {
	for side, of := range roles {
		name, _, _ := strings.Cut(of, " (") // how much is linked may change
		roles[side] = cmp.Or(name, "dyno itself")
	}
	if roles[0] == roles[1] {
		return nil
	}
	return []string{fmt.Sprintf("%s: roles ran in %s, then in %s: what else a process holds is part of each difference",
		experiment, roles[0], roles[1])}
}

func (r *Result) note(format string, args ...any) {
	r.Notes = append(r.Notes, fmt.Sprintf(format, args...))
}
