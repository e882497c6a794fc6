package stats

import (
	"errors"
	"fmt"
	"maps"
	"math"
	"slices"

	"dyno/internal/record"
)

// What keeps a cell from having a number.
var (
	ErrNoTrial     = errors.New("no valid trial")                  // that reports the metric
	ErrNoYardstick = errors.New("no block measured the yardstick") // by which the metric is to be divided
)

// TooFew says that a quantile is asked of too small a sample.
type TooFew struct {
	Samples int64
}

func (e *TooFew) Error() string { return fmt.Sprintf("too few samples: n=%d", e.Samples) }

// Histograms are shown in milliseconds, yardsticks of time in microseconds.
const usPerMS = 1e3

// nsPerMS converts the unit of histograms to the unit they are shown in.
const nsPerMS = 1e6

// Of summarizes a metric over the valid trials of one cell: a scalar by its
// median over blocks, NAME.p99 or NAME.mean by the merged histograms, in
// milliseconds. A metric per yardstick is divided block by block, so it is the
// median of ratios, for quantiles too. The error is [ErrNoTrial],
// [ErrNoYardstick] or a [TooFew].
func Of(trials []*record.Trial, metric string) (Summary, error) {
	if base, _, ok := record.Per(metric); ok {
		values := PerBlock(trials, metric)
		if len(values) > 0 {
			return Summarize(inOrder(values)), nil
		}
		if _, err := Of(trials, base); err != nil {
			return Summary{}, err
		}
		return Summary{}, ErrNoYardstick
	}
	name, q, ok := record.Quantile(metric)
	if !ok {
		values := PerBlock(trials, metric)
		if len(values) == 0 {
			return Summary{}, ErrNoTrial
		}
		return Summarize(inOrder(values)), nil
	}
	blocks := histograms(trials, name)
	if len(blocks) == 0 {
		return Summary{}, ErrNoTrial
	}
	pooled := record.Pooled(inOrder(blocks)) // sums of floats depend on the order
	if !record.Supported(pooled.Count(), q) {
		return Summary{}, &TooFew{Samples: pooled.Count()}
	}
	s := Summary{Center: quantile(pooled, q)}
	s.Lo, s.Hi = s.Center, s.Center
	// Blocks that are too small for the quantile still count in the pool, but
	// say nothing about its spread.
	if values := PerBlock(trials, metric); len(values) > 1 {
		spread := Summarize(inOrder(values))
		s.Kind, s.Confidence = spread.Kind, spread.Confidence
		s.Lo, s.Hi = min(spread.Lo, s.Center), max(spread.Hi, s.Center)
	}
	s.N, s.Samples = len(blocks), pooled.Count()
	return s, nil
}

// PerBlock returns a metric of each block's valid trial. Blocks without one,
// without the metric or the yardstick by which it is to be divided, or with too
// few samples for the quantile are absent.
func PerBlock(trials []*record.Trial, metric string) map[int]float64 {
	if base, yardstick, ok := record.Per(metric); ok {
		return perYardstick(trials, base, yardstick)
	}
	out := make(map[int]float64)
	if name, q, ok := record.Quantile(metric); ok {
		for block, h := range histograms(trials, name) {
			if record.Supported(h.Count(), q) {
				out[block] = quantile(h, q)
			}
		}
		return out
	}
	for _, t := range Valid(trials) {
		if v, ok := t.Observation.Scalars[metric]; ok {
			out[t.Block] = v
		}
	}
	return out
}

// perYardstick divides a metric by a yardstick, each trial's by its own
// block's.
func perYardstick(trials []*record.Trial, base, yardstick string) map[int]float64 {
	unit := 1.0
	if m, ok := record.Yardstick(yardstick); ok && m.Unit == "µs" {
		if _, _, histogram := record.Quantile(base); histogram {
			unit = usPerMS
		}
	}
	values, out := PerBlock(trials, base), make(map[int]float64)
	for _, t := range trials {
		v, ok := values[t.Block]
		if !ok || t.Yardsticks == nil {
			continue
		}
		if y := t.Yardsticks.Values[yardstick]; y > 0 {
			out[t.Block] = v * unit / y
		}
	}
	return out
}

// PerBlockRatio summarizes a over b, divided within each block that has both: the
// median ratio, whose interval is that of the signed-rank test on logarithms. Of
// two measurements that differ by a factor and otherwise scatter alike, the
// logarithm of the ratio is symmetric about that of the factor; an interval that
// leans on it is, where the scatter is normal, as narrow as one of half as many
// blocks again that assumes nothing. Where a ratio has no logarithm, or beyond 60 blocks, it assumes nothing.
func PerBlockRatio(a, b map[int]float64) (Summary, error) {
	var ratios []float64
	for _, block := range slices.Sorted(maps.Keys(a)) {
		d, ok := b[block]
		if !ok {
			continue
		}
		if d == 0 {
			return Summary{}, fmt.Errorf("block %d: division by 0", block)
		}
		ratios = append(ratios, a[block]/d)
	}
	if len(ratios) == 0 {
		return Summary{}, errors.New("no block has both")
	}
	s := Summarize(ratios)
	if s.Kind == Interval && len(ratios) <= exact && slices.Min(ratios) > 0 {
		logs := make([]float64, len(ratios))
		for i, r := range ratios {
			logs[i] = math.Log(r)
		}
		lo, hi, confidence := symmetric(logs)
		lo, hi = max(math.Exp(lo), slices.Min(ratios)), min(math.Exp(hi), slices.Max(ratios)) // rounding aside, they are
		s.Lo, s.Hi, s.Confidence = min(lo, s.Center), max(hi, s.Center), confidence
	}
	return s, nil
}

// Valid returns the trials whose verdict is valid.
func Valid(trials []*record.Trial) []*record.Trial {
	var out []*record.Trial
	for _, t := range trials {
		if t.Status() == record.Valid {
			out = append(out, t)
		}
	}
	return out
}

func histograms(trials []*record.Trial, name string) map[int]*record.Histogram {
	out := make(map[int]*record.Histogram)
	for _, t := range Valid(trials) {
		if h, ok := t.Observation.Histograms[name]; ok {
			out[t.Block] = h
		}
	}
	return out
}

func quantile(h *record.Histogram, q float64) float64 {
	if q < 0 {
		return float64(h.Mean()) / nsPerMS
	}
	return float64(h.Quantile(q)) / nsPerMS
}

// inOrder lists what each block has in the order of the blocks, so that
// results never depend on the order of a map.
func inOrder[T any](values map[int]T) []T {
	out := make([]T, 0, len(values))
	for _, block := range slices.Sorted(maps.Keys(values)) {
		out = append(out, values[block])
	}
	return out
}

// Member is one label of a vector, summarized over blocks.
type Member struct {
	Label string
	Summary
}

// Members summarizes a vector over the valid trials of one cell, label by
// label in the order of their first appearance. The error is [ErrNoTrial].
func Members(trials []*record.Trial, vector string) ([]Member, error) {
	values := make(map[string][]float64)
	var labels []string
	for _, t := range Valid(trials) {
		v := t.Observation.Vectors[vector]
		for i, label := range v.Labels {
			if _, seen := values[label]; !seen {
				labels = append(labels, label)
			}
			values[label] = append(values[label], v.Values[i])
		}
	}
	if len(labels) == 0 {
		return nil, ErrNoTrial
	}
	out := make([]Member, len(labels))
	for i, label := range labels {
		out[i] = Member{Label: label, Summary: Summarize(values[label])}
	}
	return out, nil
}
