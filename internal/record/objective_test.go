package record_test

import (
	"math"
	"testing"

	"dyno/internal/record"
)

func TestParseObjective(t *testing.T) {
	bounds, err := record.ParseObjective("p99 < 250ms and errors < 0.1 %, rate >= 30/min and p99.9<=1 s")
	if err != nil || len(bounds) != 4 {
		t.Fatalf("%v, %v", bounds, err)
	}
	for i, want := range []struct {
		metric     string
		bound      float64
		keeps, not float64
		show       string
	}{
		{"response.p99", 250, 250, 250.1, "250ms"},
		{record.ErrorShare, 0.001, 0, 0.002, "0 %"},
		{"throughput_rps", 0.5, 0.5, 0.4, "0.5/s"},
		{"response.p999", 1000, 12, 1001, "12ms"},
	} {
		b := bounds[i]
		got := b.AtMost
		if b.AtLeast != nil {
			got = b.AtLeast
		}
		if b.Metric != want.metric || math.Abs(*got-want.bound) > 1e-12 || !b.Keeps(want.keeps) || b.Keeps(want.not) || b.Show(want.keeps) != want.show {
			t.Errorf("%+v (%v), shown %s; want %+v", b, *got, b.Show(want.keeps), want)
		}
	}
	if s, ok := record.AllowedErrors(bounds); !ok || s != 0.001 {
		t.Errorf("allows %v, %v", s, ok)
	}
	for _, text := range []string{"", "p99", "p99 < 250", "p99 > 250ms", "errors > 1%", "errors < 1", "rate < 5/s", "p99 < 1s and", "p99 < 1s and p99 < 2s", "q < 1s", "p100 < 1s < 2s"} {
		if b, err := record.ParseObjective(text); err == nil {
			t.Errorf("%q was accepted: %+v", text, b)
		}
	}
}

func TestParseRate(t *testing.T) {
	for text, want := range map[string]float64{"200": 200, " 200/s ": 200, "30/min": 0.5, "30 /m": 0.5, "3600/h": 1, "1e3/s": 1000, "0": 0} {
		if x, err := record.ParseRate(text); err != nil || x != want {
			t.Errorf("%q: %v, %v", text, x, err)
		}
	}
	for _, text := range []string{"", "/s", "x/s", "-1/s", "NaN", "Inf/s", "5/d"} {
		if x, err := record.ParseRate(text); err == nil {
			t.Errorf("%q was accepted: %v", text, x)
		}
	}
}
