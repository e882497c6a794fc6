package record

import (
	"encoding/json"
	"testing"
	"time"
)

// The library underneath answers with the ends of buckets: of many equal values
// the least would be below them and the most above.
func TestHistogramOfEqualValues(t *testing.T) {
	const d = 123_456_789 * time.Nanosecond
	h := NewHistogram()
	for range 1000 {
		h.Record(d)
	}
	h = sentOn(t, h)
	if h.Min() != d || h.Mean() != d || h.Max() != d {
		t.Errorf("of 1000 times %v: least %v, mean %v, most %v", d, h.Min(), h.Mean(), h.Max())
	}
	for _, q := range []float64{0, 0.5, 0.99, 1} {
		if got := h.Quantile(q); got != d {
			t.Errorf("quantile %v is %v", q, got)
		}
	}
}

// Nothing that a histogram says is outside of what was recorded, merged or not.
func TestHistogramKeepsToWhatWasRecorded(t *testing.T) {
	const least, most = 1_000_003 * time.Nanosecond, 987_654_321 * time.Nanosecond
	a, b := NewHistogram(), NewHistogram()
	a.Record(most)
	b.Record(least)
	a.Merge(NewHistogram())
	a.Merge(b)
	a = sentOn(t, a)
	if a.Min() != least || a.Max() != most || a.Quantile(0) != least || a.Quantile(1) != most {
		t.Errorf("least %v, most %v, quantiles %v and %v; want %v and %v", a.Min(), a.Max(), a.Quantile(0), a.Quantile(1), least, most)
	}
}

func TestHistogramEmpty(t *testing.T) {
	h := sentOn(t, NewHistogram())
	if h.Min() != 0 || h.Max() != 0 || h.Mean() != 0 || h.Quantile(0.5) != 0 {
		t.Errorf("an empty one says %v, %v, %v, %v", h.Min(), h.Max(), h.Mean(), h.Quantile(0.5))
	}
	h.Record(time.Second)
	if h.Min() != time.Second || h.Max() != time.Second {
		t.Errorf("after a first value: %v to %v", h.Min(), h.Max())
	}
}

// Results of before the two were stored are read all the same.
func TestHistogramOfOldResults(t *testing.T) {
	h := NewHistogram()
	h.Record(time.Second)
	text, err := json.Marshal(h)
	if err != nil {
		t.Fatal(err)
	}
	var old map[string]any
	if err := json.Unmarshal(text, &old); err != nil {
		t.Fatal(err)
	}
	delete(old, "min_ns")
	delete(old, "max_ns")
	if text, err = json.Marshal(old); err != nil {
		t.Fatal(err)
	}
	got := NewHistogram()
	if err := json.Unmarshal(text, got); err != nil {
		t.Fatal(err)
	}
	if got.Max() < time.Second || got.Max() > time.Second+time.Millisecond || got.Mean() != time.Second {
		t.Errorf("mean %v, most %v", got.Mean(), got.Max())
	}
}

func sentOn(t *testing.T, h *Histogram) *Histogram {
	t.Helper()
	text, err := json.Marshal(h)
	if err != nil {
		t.Fatal(err)
	}
	got := new(Histogram)
	if err := json.Unmarshal(text, got); err != nil {
		t.Fatal(err)
	}
	return got
}
