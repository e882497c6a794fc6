package stats

import (
	"slices"

	"golang.org/x/perf/benchmath"
)

// Kind says what Lo and Hi of a [Summary] are.
type Kind string

// The kinds of a summary. Alone is the zero value: one block, or a quantile
// that no single block supports, has no spread to show.
const (
	Alone    Kind = ""
	Interval Kind = "interval" // confidence interval of the median
	Range    Kind = "range"    // least and greatest block
)

// Level is the confidence asked of intervals; what is reached is in
// [Summary.Confidence].
const Level = 0.95

// leastBlocks is the least sample for which an interval of the median at
// [Level] exists: with n values the range covers it with 1 − 2^(1−n).
const leastBlocks = 6

// Summary is a number and how far it can be trusted. Lo ≤ Center ≤ Hi.
type Summary struct {
	Center     float64
	Lo, Hi     float64
	N          int // blocks
	Kind       Kind
	Confidence float64 // of an interval, from 0 to 1; 0 otherwise
	Same       bool    // of an interval: each block found Center, which one without width does not say
	Samples    int64   // operations behind a mean or quantile; 0 for other metrics
}

// Summarize returns the median of one value per block, with its interval from
// six blocks on and the range below. It panics when there are no values.
func Summarize(values []float64) Summary {
	if len(values) == 0 {
		panic("stats: summary of no values")
	}
	sample := benchmath.NewSample(append([]float64(nil), values...), &benchmath.DefaultThresholds)
	got := benchmath.AssumeNothing.Summary(sample, Level)
	s := Summary{Center: got.Center, N: len(values)}
	switch {
	case s.N >= leastBlocks:
		s.Kind, s.Lo, s.Hi, s.Confidence = Interval, got.Lo, got.Hi, got.Confidence
		s.Same = slices.Min(values) == slices.Max(values)
	case s.N > 1:
		s.Kind, s.Lo, s.Hi = Range, sample.Values[0], sample.Values[s.N-1]
	default:
		s.Lo, s.Hi = s.Center, s.Center
	}
	return s
}
