package record

import (
	"encoding/json"
	"fmt"
	"math"
	"slices"
	"time"

	"github.com/HdrHistogram/hdrhistogram-go"
)

// Limits of a histogram. Longer durations are counted as MaxLatency;
// three significant digits bound the error of a quantile to 0.1 % of its value.
const (
	MaxLatency        = time.Hour
	significantDigits = 3
	coarseDigits      = 2
)

// Histogram counts durations in nanoseconds (HDR). It merges without loss;
// quantiles are taken from merged histograms, never averaged. It is not safe
// for concurrent use, but one that is only read is. The zero value is not usable:
// call [NewHistogram].
type Histogram struct {
	hdr    *hdrhistogram.Histogram // nil: nothing was recorded since it was read
	stored packed                  // what was read, if hdr is nil

	// Exact, so that these do not carry the buckets' error: that library's own
	// minimum and maximum are the ends of their buckets, so that of many equal
	// durations the least would be below the mean, and the most above any of them.
	sum      float64
	min, max int64 // max is -1 when empty
}

// NewHistogram returns an empty histogram for 1 ns to [MaxLatency].
func NewHistogram() *Histogram { return &Histogram{hdr: newHDR(), min: math.MaxInt64, max: -1} }

func newHDR() *hdrhistogram.Histogram {
	return hdrhistogram.New(1, int64(MaxLatency), significantDigits)
}

// dense is what durations can be counted in.
func (h *Histogram) dense() *hdrhistogram.Histogram {
	if h.hdr == nil {
		h.hdr = newHDR()
		h.stored.addTo(h.hdr)
		h.stored = packed{}
	}
	return h.hdr
}

// NewCoarseHistogram returns one whose quantiles are right to 1 % and that takes
// 40 KiB, for whoever needs hundreds. It is merged with its own kind only.
func NewCoarseHistogram() *Histogram {
	return &Histogram{hdr: hdrhistogram.New(1, int64(MaxLatency), coarseDigits), min: math.MaxInt64, max: -1}
}

// Record counts one duration. Negative ones count as 0, those above
// [MaxLatency] as MaxLatency.
func (h *Histogram) Record(d time.Duration) {
	d = min(max(d, 0), MaxLatency)
	h.sum += float64(d)
	h.min, h.max = min(h.min, int64(d)), max(h.max, int64(d))
	if err := h.dense().RecordValue(int64(d)); err != nil {
		panic(err) // out of range: excluded by the clamp above
	}
}

// Merge adds all of g's durations to h.
func (h *Histogram) Merge(g *Histogram) {
	if g.hdr == nil {
		g.stored.addTo(h.dense())
	} else {
		h.dense().Merge(g.hdr)
	}
	h.note(g)
}

// Pooled returns the durations of all histograms in one.
func Pooled(all []*Histogram) *Histogram {
	out := &Histogram{min: math.MaxInt64, max: -1}
	if slices.ContainsFunc(all, func(h *Histogram) bool { return h.hdr != nil }) {
		for _, h := range all {
			out.Merge(h)
		}
		return out
	}
	out.stored = pooled(all)
	for _, h := range all {
		out.note(h)
	}
	return out
}

// note takes in what is known exactly of another's durations.
func (h *Histogram) note(g *Histogram) {
	h.sum += g.sum
	h.min, h.max = min(h.min, g.min), max(h.max, g.max)
}

// Count is the number of recorded durations.
func (h *Histogram) Count() int64 {
	if h.hdr == nil {
		return h.stored.total
	}
	return h.hdr.TotalCount()
}

// Mean is the exact arithmetic mean; 0 when empty.
func (h *Histogram) Mean() time.Duration {
	if h.Count() == 0 {
		return 0
	}
	return time.Duration(h.sum / float64(h.Count()))
}

// Sum is that of all durations in nanoseconds, exact but for rounding.
func (h *Histogram) Sum() float64 { return h.sum }

// Min is the shortest duration; 0 when empty.
func (h *Histogram) Min() time.Duration {
	if h.Count() == 0 {
		return 0
	}
	return time.Duration(h.min)
}

// beyond is how many samples must lie beyond a quantile on either side.
const beyond = 5

// Supported reports whether n samples support the quantile q: at least five
// lie on either side of it. A mean (q < 0) needs one sample.
func Supported(n int64, q float64) bool {
	if q < 0 {
		return n > 0
	}
	const rounding = 1e-6 // 1 − 0.9 is a little less than 0.1
	return float64(n)*min(q, 1-q) >= beyond-rounding
}

// Max is the longest duration; 0 when empty.
func (h *Histogram) Max() time.Duration { return time.Duration(max(0, h.max)) }

// Quantile returns the q-quantile, 0 ≤ q ≤ 1, to three digits and never outside
// of what was recorded; 0 when empty.
func (h *Histogram) Quantile(q float64) time.Duration {
	var at int64
	if h.hdr == nil {
		at = h.stored.quantile(q)
	} else {
		at = h.hdr.ValueAtQuantile(q * 100)
	}
	return min(max(time.Duration(at), h.Min()), h.Max())
}

type histogramJSON struct {
	Sum float64 `json:"sum_ns"`
	Min *int64  `json:"min_ns,omitempty"` // absent when empty, and in results of before there was one
	Max *int64  `json:"max_ns,omitempty"`
	HDR string  `json:"hdr"` // base64 of the compressed HDR V2 form
}

// MarshalJSON encodes the histogram compactly and exactly.
func (h *Histogram) MarshalJSON() ([]byte, error) {
	b, err := h.dense().Encode(hdrhistogram.V2CompressedEncodingCookieBase)
	if err != nil {
		return nil, fmt.Errorf("encode histogram: %w", err)
	}
	j := histogramJSON{Sum: h.sum, HDR: string(b)}
	if h.Count() > 0 {
		j.Min, j.Max = &h.min, &h.max
	}
	return json.Marshal(j)
}

// UnmarshalJSON is the inverse of MarshalJSON.
func (h *Histogram) UnmarshalJSON(b []byte) error {
	var j histogramJSON
	if err := json.Unmarshal(b, &j); err != nil {
		return fmt.Errorf("decode histogram: %w", err)
	}
	return h.read(j.Sum, j.Min, j.Max, []byte(j.HDR))
}

// read takes in what was stored.
func (h *Histogram) read(sum float64, least, most *int64, hdr []byte) error {
	*h = Histogram{sum: sum, min: math.MaxInt64, max: -1}
	var ok bool
	if h.stored, ok = unpack(hdr); !ok {
		var err error
		if h.hdr, err = hdrhistogram.Decode(hdr); err != nil {
			return fmt.Errorf("decode histogram: %w", err)
		}
	}
	switch {
	case least != nil && most != nil:
		h.min, h.max = *least, *most
	case h.Count() > 0: // to three digits
		h.min, h.max = h.dense().Min(), h.dense().Max()
	}
	return nil
}
