package record

import (
	"encoding/json"
	"fmt"
	"time"

	"github.com/HdrHistogram/hdrhistogram-go"
)

// Limits of a histogram. Longer durations are counted as MaxLatency;
// three significant digits bound the error of a quantile to 0.1 % of its value.
const (
	MaxLatency        = time.Hour
	significantDigits = 3
)

// Histogram counts durations in nanoseconds (HDR). It merges without loss;
// quantiles are taken from merged histograms, never averaged. It is not safe
// for concurrent use. The zero value is not usable: call [NewHistogram].
type Histogram struct {
	hdr *hdrhistogram.Histogram
	sum float64 // exact, so that the mean does not carry the buckets' error
}

// NewHistogram returns an empty histogram for 1 ns to [MaxLatency].
func NewHistogram() *Histogram {
	return &Histogram{hdr: hdrhistogram.New(1, int64(MaxLatency), significantDigits)}
}

// Record counts one duration. Negative ones count as 0, those above
// [MaxLatency] as MaxLatency.
func (h *Histogram) Record(d time.Duration) {
	d = min(max(d, 0), MaxLatency)
	h.sum += float64(d)
	if err := h.hdr.RecordValue(int64(d)); err != nil {
		panic(err) // out of range: excluded by the clamp above
	}
}

// Merge adds all of g's durations to h.
func (h *Histogram) Merge(g *Histogram) {
	h.hdr.Merge(g.hdr)
	h.sum += g.sum
}

// Count is the number of recorded durations.
func (h *Histogram) Count() int64 { return h.hdr.TotalCount() }

// Mean is the exact arithmetic mean; 0 when empty.
func (h *Histogram) Mean() time.Duration {
	if h.Count() == 0 {
		return 0
	}
	return time.Duration(h.sum / float64(h.Count()))
}

// Sum is that of all durations in nanoseconds, exact but for rounding.
func (h *Histogram) Sum() float64 { return h.sum }

// Min is the shortest duration, to three digits; 0 when empty.
func (h *Histogram) Min() time.Duration { return time.Duration(h.hdr.Min()) }

// Max is the longest duration, to three digits; 0 when empty.
func (h *Histogram) Max() time.Duration { return time.Duration(h.hdr.Max()) }

// Quantile returns the q-quantile, 0 ≤ q ≤ 1; 0 when empty.
func (h *Histogram) Quantile(q float64) time.Duration {
	return time.Duration(h.hdr.ValueAtQuantile(q * 100))
}

type histogramJSON struct {
	Sum float64 `json:"sum_ns"`
	HDR string  `json:"hdr"` // base64 of the compressed HDR V2 form
}

// MarshalJSON encodes the histogram compactly and exactly.
func (h *Histogram) MarshalJSON() ([]byte, error) {
	b, err := h.hdr.Encode(hdrhistogram.V2CompressedEncodingCookieBase)
	if err != nil {
		return nil, fmt.Errorf("encode histogram: %w", err)
	}
	return json.Marshal(histogramJSON{Sum: h.sum, HDR: string(b)})
}

// UnmarshalJSON is the inverse of MarshalJSON.
func (h *Histogram) UnmarshalJSON(b []byte) error {
	var j histogramJSON
	if err := json.Unmarshal(b, &j); err != nil {
		return fmt.Errorf("decode histogram: %w", err)
	}
	hdr, err := hdrhistogram.Decode([]byte(j.HDR))
	if err != nil {
		return fmt.Errorf("decode histogram: %w", err)
	}
	h.hdr, h.sum = hdr, j.Sum
	return nil
}
