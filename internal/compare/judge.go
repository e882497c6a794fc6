package compare

import (
	"math"

	"dyno/internal/record"
	"dyno/internal/stats"
)

// LeastPairs is the least number of pairs for which anything is judged: below,
// the median has no interval.
const LeastPairs = 6

// mostBlocks bounds what Blocks asks for.
const mostBlocks = 12

// Blocks is how many blocks it takes to judge so many tests over all cells and
// of single cells with an error of alpha in all: 6 to 12.
func Blocks(overall, singles int, alpha float64) int {
	if singles > 0 {
		alpha /= 2
	}
	n := LeastPairs
	for n < mostBlocks && !reaches(n, max(overall, singles), alpha) {
		n++
	}
	return n
}

// reaches says whether n pairs can show a change in one of so many tests.
func reaches(n, tests int, level float64) bool { return level >= least(n, tests) }

// least is the best level that n pairs can give to so many tests.
func least(n, tests int) float64 { return float64(tests) * math.Exp2(-float64(n)) }

// judge gives every row its verdict.
func (r *Result) judge(o Options) {
	var all, singles []*Row
	for _, row := range r.Rows {
		switch {
		case !row.judged:
			row.Verdict = NotJudged
		case row.Pairs < LeastPairs:
			row.Verdict = TooFew
		case row.overall || !row.headed:
			all = append(all, row)
		default:
			singles = append(singles, row)
		}
	}
	if len(singles) > 0 && reaches(pairs(singles), len(singles), o.Alpha/2) {
		r.family(all, o.Alpha/2, o)
		r.family(singles, o.Alpha/2, o)
		return
	}
	for _, row := range singles {
		row.Verdict = TooFew
	}
	if len(all) > 0 {
		r.family(all, max(o.Alpha, least(pairs(all), len(all))), o)
	}
}

// pairs is how many pairs the best measured of the rows has.
func pairs(rows []*Row) int {
	n := 0
	for _, row := range rows {
		n = max(n, row.Pairs)
	}
	return n
}

// family judges rows together, so that the probability to call any of them
// worse, when none is by more than the threshold, is at most level.
func (r *Result) family(rows []*Row, level float64, o Options) {
	const rounding = 1e-12
	r.Tests += len(rows)
	r.FalseAlarm += level
	worse, better := make([]float64, len(rows)), make([]float64, len(rows))
	for i, row := range rows {
		worse[i] = stats.SignedRank(row.beyond(row.direction(), o.Threshold))
		better[i] = stats.SignedRank(row.beyond(-row.direction(), o.Threshold))
	}
	worse, better = stats.Holm(worse), stats.Holm(better)
	for i, row := range rows {
		row.P, row.Verdict = worse[i], NoChange
		switch {
		case worse[i] <= level+rounding && row.excludesNone():
			row.Verdict = Worse
		case better[i] <= level+rounding && row.excludesNone():
			row.Verdict = Better
		}
	}
}

// direction is 1 when a greater value is worse, −1 when it is better.
func (row *Row) direction() float64 {
	if row.Better == record.Higher {
		return -1
	}
	return 1
}

// beyond is how far each pair's change lies beyond the threshold in a
// direction, as a logarithm: a fall to 1/1.05 is as much as a rise to 1.05.
func (row *Row) beyond(direction, threshold float64) []float64 {
	out := make([]float64, len(row.logs))
	for i, x := range row.logs {
		out[i] = direction*x - math.Log1p(threshold)
	}
	return out
}

// excludesNone says that the interval does not contain "no change".
func (row *Row) excludesNone() bool {
	return row.change.Kind == stats.Interval && (row.change.Lo > 0 || row.change.Hi < 0)
}
