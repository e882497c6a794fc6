package compare

import (
	"fmt"
	"math"
	"slices"
	"strings"
)

// conclude says in one line what was found.
func (r *Result) conclude() {
	var worse, better []string
	for _, row := range r.Rows {
		switch row.Verdict {
		case Worse:
			worse = append(worse, row.phrase())
		case Better:
			better = append(better, row.phrase())
		}
	}
	var broken []string
	for _, f := range r.Failures {
		if failed(f.Kind) && f.Side == Sides[1] && !f.OtherToo {
			broken = append(broken,
				fmt.Sprintf("%s in %s: the new binary has %s that the old has not", f.Experiment, f.Cell, counted(f.Trials, f.Kind+" trial")))
		}
	}
	r.Regression = len(worse)+len(broken) > 0
	switch {
	case r.Regression:
		r.Words = "regression: " + list(append(broken, worse...))
	case r.Tests == 0:
		r.Words = "undecided: nothing could be judged; that takes 6 blocks in which both binaries have valid trials"
	default:
		r.Words = fmt.Sprintf("no regression shown: nothing is worse by more than %.3g %% beyond doubt", r.ThresholdPct)
	}
	if len(better) > 0 {
		r.Words += "; better: " + list(better)
	}
}

// Failed says that the comparison found a regression, or that a trial of either
// side failed its check or did not end well.
func (r *Result) Failed() bool {
	return r.Regression || slices.ContainsFunc(r.Failures, func(f Failure) bool { return failed(f.Kind) })
}

// phrase is a changed row in words.
func (row *Row) phrase() string {
	return fmt.Sprintf("%s %s %s by %.1f %% (%s)", row.Experiment, row.Metric,
		map[bool]string{true: "up", false: "down"}[row.Change.Median > 0], math.Abs(row.Change.Median), row.Cell)
}

// list joins phrases, the first few of them.
func list(phrases []string) string {
	const most = 4
	if more := len(phrases) - most; more > 0 {
		return strings.Join(phrases[:most], "; ") + fmt.Sprintf("; and %d more rows", more)
	}
	return strings.Join(phrases, "; ")
}

func counted(n int, noun string) string {
	if n == 1 {
		return "1 " + noun
	}
	return fmt.Sprintf("%d %ss", n, noun)
}
