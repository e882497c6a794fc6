package stats

import (
	"errors"
	"fmt"
	"maps"
	"math"
	"slices"
	"sync"

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

// Sample is the trials of one cell. It may be asked by many at once, and finds what
// it is asked for once.
type Sample struct {
	Trials []*record.Trial // no longer changed when it is asked

	summaries sync.Map // by metric
	merged    sync.Map // histograms of all blocks, by name
}

// Of summarizes a metric over the valid trials of one cell; see [Sample.Of].
func Of(trials []*record.Trial, metric string) (Summary, error) {
	return (&Sample{Trials: trials}).Of(metric)
}

// Of summarizes a metric over the valid trials: a scalar by its median over
// blocks, NAME.p99 or NAME.mean by the merged histograms, in milliseconds. A
// metric per yardstick is divided block by block, so it is the median of ratios,
// for quantiles too. The error is [ErrNoTrial], [ErrNoYardstick] or a [TooFew].
func (s *Sample) Of(metric string) (Summary, error) {
	once, _ := s.summaries.LoadOrStore(metric, sync.OnceValues(func() (Summary, error) { return s.of(metric) }))
	return once.(func() (Summary, error))()
}

func (s *Sample) of(metric string) (Summary, error) {
	name, q, ok := record.Quantile(metric)
	base, _, relative := record.Per(metric)
	if ok && !relative {
		return s.quantile(metric, name, q)
	}
	values := PerBlock(s.Trials, metric)
	if len(values) > 0 {
		return Summarize(inOrder(values)), nil
	}
	if !relative {
		return Summary{}, ErrNoTrial
	}
	if _, err := s.Of(base); err != nil {
		return Summary{}, err
	}
	return Summary{}, ErrNoYardstick
}

func (s *Sample) quantile(metric, name string, q float64) (Summary, error) {
	m := s.merge(name)
	if m.blocks == 0 {
		return Summary{}, ErrNoTrial
	}
	if !record.Supported(m.all.Count(), q) {
		return Summary{}, &TooFew{Samples: m.all.Count()}
	}
	out := Summary{Center: quantile(m.all, q), N: m.blocks, Samples: m.all.Count()}
	out.Lo, out.Hi = out.Center, out.Center
	// Blocks that are too small for the quantile still count in the pool, but
	// say nothing about its spread.
	if values := PerBlock(s.Trials, metric); len(values) > 1 {
		spread := Summarize(inOrder(values))
		out.Kind, out.Confidence = spread.Kind, spread.Confidence
		out.Lo, out.Hi = min(spread.Lo, out.Center), max(spread.Hi, out.Center)
	}
	return out, nil
}

// merged is a histogram of several blocks.
type merged struct {
	blocks int
	all    *record.Histogram
}

func (s *Sample) merge(name string) merged {
	once, _ := s.merged.LoadOrStore(name, sync.OnceValue(func() merged {
		blocks := make(map[int]*record.Histogram)
		for _, t := range Valid(s.Trials) {
			if h, ok := t.Observation.Histograms[name]; ok {
				blocks[t.Block] = h
			}
		}
		return merged{len(blocks), record.Pooled(inOrder(blocks))} // sums of floats depend on the order
	}))
	return once.(func() merged)()
}

// PerBlock returns a metric of each block's valid trial. Blocks in which there is no
// [Value] are absent.
func PerBlock(trials []*record.Trial, metric string) map[int]float64 {
	out := make(map[int]float64, len(trials))
	for _, t := range trials {
		if v, ok := Value(t, metric); ok {
			out[t.Block] = v
		}
	}
	return out
}

// Value is a metric of one trial; false says that the trial is not valid, lacks the
// metric or the yardstick by which it is to be divided, or has too few samples for
// the quantile.
func Value(t *record.Trial, metric string) (float64, bool) {
	if t.Status() != record.Valid {
		return 0, false
	}
	if base, yardstick, ok := record.Per(metric); ok {
		return perYardstick(t, base, yardstick)
	}
	name, q, ok := record.Quantile(metric)
	if !ok {
		v, ok := t.Observation.Scalars[metric]
		return v, ok
	}
	h, ok := t.Observation.Histograms[name]
	if !ok || !record.Supported(h.Count(), q) {
		return 0, false
	}
	return quantile(h, q), true
}

// perYardstick divides a metric by a yardstick, that of the trial's own block.
func perYardstick(t *record.Trial, base, yardstick string) (float64, bool) {
	v, ok := Value(t, base)
	if !ok || t.Yardsticks == nil {
		return 0, false
	}
	if m, ok := record.Yardstick(yardstick); ok && m.Unit == "µs" {
		if _, _, histogram := record.Quantile(base); histogram {
			v *= usPerMS
		}
	}
	y := t.Yardsticks.Values[yardstick]
	return v / y, y > 0
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
