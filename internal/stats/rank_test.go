package stats_test

import (
	"math"
	"math/rand/v2"
	"slices"
	"testing"

	"dyno/internal/stats"
)

func TestSignedRank(t *testing.T) {
	for _, c := range []struct {
		values []float64
		want   float64
	}{
		{nil, 1},
		{[]float64{1}, 0.5},
		{[]float64{-1}, 1},
		{[]float64{3, 1, 2, 6, 5, 4}, 1. / 64},
		{[]float64{3, -1, 2, 6, 5, 4}, 2. / 64},
		{[]float64{3, 1, -2, 6, 5, 4}, 3. / 64},
		{[]float64{3, 0, 2, 6, 5, 4}, 2. / 64}, // 0 is no proof
		{[]float64{2, 2, 2, 2}, 1. / 16},
		{[]float64{2, 2, 2, -2}, 5. / 16}, // any one of four equal ones
		{[]float64{0, 0, 0}, 1},
	} {
		if got := stats.SignedRank(c.values); math.Abs(got-c.want) > 1e-12 {
			t.Errorf("SignedRank(%v) = %v, want %v", c.values, got, c.want)
		}
	}
}

// Against all sign patterns, counted one by one.
func TestSignedRankIsExact(t *testing.T) {
	rng := rand.New(rand.NewPCG(1, 1))
	for range 50 {
		n := 1 + rng.IntN(9)
		values := make([]float64, n)
		for i := range values {
			values[i] = float64(rng.IntN(13) - 6) // many ties
		}
		if got, want := stats.SignedRank(values), enumerated(values); math.Abs(got-want) > 1e-12 {
			t.Fatalf("SignedRank(%v) = %v, want %v", values, got, want)
		}
	}
}

func enumerated(values []float64) float64 {
	ranks := make([]float64, len(values))
	observed := 0.0
	for i, v := range values {
		for _, w := range values {
			switch {
			case math.Abs(w) < math.Abs(v):
				ranks[i]++
			case math.Abs(w) == math.Abs(v):
				ranks[i] += 0.5
			}
		}
		ranks[i] += 0.5
		if v > 0 {
			observed += ranks[i]
		}
	}
	atLeast := 0
	for pattern := range 1 << len(values) {
		sum := 0.0
		for i, r := range ranks {
			if pattern>>i&1 == 1 {
				sum += r
			}
		}
		if sum >= observed-1e-9 {
			atLeast++
		}
	}
	return float64(atLeast) / float64(int(1)<<len(values))
}

// The normal distribution takes over without a jump.
func TestSignedRankOfMany(t *testing.T) {
	rng := rand.New(rand.NewPCG(2, 2))
	for range 20 {
		values := make([]float64, 60)
		for i := range values {
			values[i] = rng.NormFloat64() + 0.2
		}
		exact := stats.SignedRank(values)
		if got := stats.SignedRank(append(values, 1e-9)); math.Abs(got-exact) > 0.01 {
			t.Errorf("60 values: %v, one tiny value more: %v", exact, got)
		}
	}
}

func TestHolm(t *testing.T) {
	got := stats.Holm([]float64{0.04, 0.01, 0.03, 0.005})
	want := []float64{0.06, 0.03, 0.06, 0.02}
	if !slices.EqualFunc(got, want, func(a, b float64) bool { return math.Abs(a-b) < 1e-12 }) {
		t.Errorf("got %v, want %v", got, want)
	}
	if got := stats.Holm([]float64{0.9, 0.8}); got[0] != 1 || got[1] != 1 {
		t.Errorf("a probability above 1: %v", got)
	}
}
