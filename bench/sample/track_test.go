package sample

import (
	"math"
	"slices"
	"testing"
	"time"
)

func trackOf(values ...float64) *track {
	t := &track{}
	for i, v := range values {
		t.add(time.Duration(i)*time.Second, v)
	}
	return t
}

func TestWhen(t *testing.T) {
	tr := trackOf(10, 20, 0)
	for _, tt := range []struct {
		at   time.Duration
		want float64
	}{
		{-time.Second, 10},
		{0, 10},
		{250 * time.Millisecond, 12.5},
		{time.Second, 20},
		{1900 * time.Millisecond, 2},
		{2 * time.Second, 0},
		{time.Hour, 0},
	} {
		near(t, tt.at.String(), tr.when(tt.at), tt.want)
	}
	if v := new(track).when(0); !math.IsNaN(v) {
		t.Errorf("a track without points is %v", v)
	}
}

func TestPeak(t *testing.T) {
	tr := trackOf(10, 20, 0, 8)
	for _, tt := range []struct {
		begin, end time.Duration // milliseconds
		want       float64
	}{
		{0, 3000, 20},
		{0, 500, 15},       // the right border
		{1500, 3000, 10},   // the left border
		{2000, 3000, 8},    // a point on the border
		{2250, 2500, 4},    // between two points
		{-1000, 500, 15},   // before the first
		{3500, 9000, 8},    // after the last
		{1000, 1000, 20},   // no length
		{900, 1100, 20},    // a point inside
		{2100, 2100, 0.8},  // no length, between
		{2900, 100000, 8},  // beyond
		{-900, -800, 10},   // all before
		{0, 1, 10.01},      // just begun
		{1999, 2001, 0.02}, // around the lowest
	} {
		near(t, "peak", tr.peak(tt.begin*time.Millisecond, tt.end*time.Millisecond), tt.want)
	}
}

func TestThinKeepsFirstAndLast(t *testing.T) {
	for n, want := range [][]float64{nil, {0}, {0, 1}, {0, 2}, {0, 2, 3}, {0, 2, 4}} {
		tr := &track{}
		for i := range n {
			tr.add(time.Duration(i), float64(i))
		}
		tr.thin()
		if !slices.Equal(tr.value, want) || len(tr.at) != len(want) {
			t.Errorf("of %d points %v stay, want %v", n, tr.value, want)
		}
	}
}

// A service that starts again counts from 0.
func TestTrackOfARestart(t *testing.T) {
	tr := track{}
	for i, v := range []float64{10, 30, 5, 15} {
		tr.add(time.Duration(i)*time.Second, v)
	}
	if got := tr.risen(0, 3*time.Second); got != 35 {
		t.Errorf("grew by %v, want 20, 5 and 10", got)
	}
	if got := tr.mean(0, time.Second); got != 20 {
		t.Errorf("mean %v", got)
	}
}
