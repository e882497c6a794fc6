package service_test

import (
	"testing"
	"time"

	"dyno/systems/lookaside/core/service"
)

func TestLatencies(t *testing.T) {
	var l service.Latencies
	if got := l.Expect(3); got != 0 {
		t.Errorf("of nothing: %v", got)
	}
	for _, ms := range []time.Duration{90, 10, 30, 20, 40} {
		l.Add(2, ms)
	}
	l.Add(9, 200)
	for found, want := range map[int64]time.Duration{
		0: 30, 2: 30, 4: 30, // the median of those at 2, the nearest
		5: 30, // half way: the lower load
		6: 200, 9: 200, 1000: 200,
	} {
		if got := l.Expect(found); got != want {
			t.Errorf("with %d there: %v, want %v", found, got, want)
		}
	}
	for range 7 {
		l.Add(2, 70) // the old ones are forgotten
	}
	if got := l.Expect(2); got != 70 {
		t.Errorf("after seven of 70: %v", got)
	}
	l.Add(500, 7)
	l.Add(0, 5)
	if got, most := l.Expect(1), l.Expect(64); got != 5 || most != 7 {
		t.Errorf("at the ends: %v and %v, want 5 and 7", got, most)
	}
}
