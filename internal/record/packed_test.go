package record

import (
	"encoding/json"
	"math/rand/v2"
	"testing"
	"time"

	"github.com/HdrHistogram/hdrhistogram-go"
)

// What is read from a stored histogram is what the library reads from it,
// whatever was recorded: each bucket, each quantile, merged and recorded on.
func TestPackedIsAsTheLibraryReads(t *testing.T) {
	rng := rand.New(rand.NewPCG(1, 2))
	for round := range 30 {
		h := NewHistogram()
		for range rng.IntN(1 << (round / 2)) {
			h.Record(time.Duration(rng.ExpFloat64() * float64(uint64(1)<<rng.IntN(42))))
		}
		for _, d := range [][]time.Duration{nil, {0}, {MaxLatency}, {1, 2047, 2048, 2049}}[round%4] {
			h.Record(d)
		}
		text, err := json.Marshal(h)
		if err != nil {
			t.Fatal(err)
		}
		got := new(Histogram)
		if err := json.Unmarshal(text, got); err != nil {
			t.Fatal(err)
		}
		if got.hdr != nil {
			t.Fatal("it is read by the library, and not packed")
		}
		same(t, got, h)
		merged, want := NewHistogram(), NewHistogram()
		for _, h := range []*Histogram{got, got} {
			merged.Merge(h)
		}
		want.Merge(h)
		want.Merge(h)
		same(t, merged, want)
		same(t, Pooled([]*Histogram{got, got}), want)
		same(t, Pooled([]*Histogram{got, h}), want)
		got.Record(time.Millisecond)
		h.Record(time.Millisecond)
		same(t, got, h)
	}
}

func same(t *testing.T, got, want *Histogram) {
	t.Helper()
	if got.Count() != want.Count() || got.Min() != want.Min() || got.Max() != want.Max() || got.Sum() != want.Sum() {
		t.Fatalf("%d from %v to %v, want %d from %v to %v", got.Count(), got.Min(), got.Max(), want.Count(), want.Min(), want.Max())
	}
	for q := 0.0; q <= 1; q += 1.0 / 512 {
		if got.Quantile(q) != want.Quantile(q) {
			t.Fatalf("quantile %v of %d is %v, want %v", q, want.Count(), got.Quantile(q), want.Quantile(q))
		}
	}
	a, errA := json.Marshal(got)
	b, errB := json.Marshal(want)
	if errA != nil || errB != nil || string(a) != string(b) {
		t.Fatalf("stored again it is %s, want %s (%v, %v)", a, b, errA, errB)
	}
}

// One with other buckets is read by the library; what is damaged is refused.
func TestPackedOrNot(t *testing.T) {
	other := hdrhistogram.New(1, 1000, 2)
	if err := other.RecordValue(17); err != nil {
		t.Fatal(err)
	}
	text, err := other.Encode(hdrhistogram.V2CompressedEncodingCookieBase)
	if err != nil {
		t.Fatal(err)
	}
	var h Histogram
	if err := json.Unmarshal([]byte(`{"sum_ns": 17, "min_ns": 17, "max_ns": 17, "hdr": "`+string(text)+`"}`), &h); err != nil || h.hdr == nil || h.Count() != 1 {
		t.Errorf("with other buckets: %v, %d", err, h.Count())
	}
	good := NewHistogram()
	good.Record(time.Second)
	stored, err := json.Marshal(good)
	if err != nil {
		t.Fatal(err)
	}
	var j histogramJSON
	if err := json.Unmarshal(stored, &j); err != nil {
		t.Fatal(err)
	}
	for _, text := range []string{"", "!", j.HDR[:8], j.HDR[:len(j.HDR)-8], j.HDR[:20] + "AAAA" + j.HDR[24:]} {
		j.HDR = text
		stored, err := json.Marshal(j)
		if err != nil {
			t.Fatal(err)
		}
		if err := json.Unmarshal(stored, new(Histogram)); err == nil {
			t.Errorf("%q is taken for a histogram", text)
		}
	}
}
