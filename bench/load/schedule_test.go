package load_test

import (
	"math"
	"slices"
	"testing"
	"time"

	"dyno/bench/load"
)

// until lists the starts before an end.
func until(s load.Schedule, end time.Duration) []time.Duration {
	var out []time.Duration
	for at := range s.Starts() {
		if at >= end {
			return out
		}
		out = append(out, at)
	}
	return out
}

// A third of a second has no exact length in nanoseconds: no error adds up.
func TestConstantArrivalsDoNotDrift(t *testing.T) {
	starts := until(load.Schedule{Arrivals: "constant", Rate: 3}, 1_000_000*time.Second)
	if len(starts) != 3_000_000 || starts[0] != 0 || starts[2_999_997] != 999_999*time.Second {
		t.Errorf("%d starts from %v; number 2999997 at %v, want 999999 s", len(starts), starts[0], starts[2_999_997])
	}
}

// Gaps of Poisson arrivals are exponential: their mean and their standard
// deviation are 1/rate, 1/e of them are longer than that, and their number in
// an interval varies as much as it is large.
func TestPoissonArrivals(t *testing.T) {
	const rate, seconds = 100.0, 10_000
	starts := until(load.Schedule{Arrivals: "poisson", Rate: rate, Seed: 7}, seconds*time.Second)
	perSecond := make([]float64, seconds)
	var last time.Duration
	var sum, squares, long float64
	for _, at := range starts {
		gap := (at - last).Seconds() * rate
		sum, squares, last = sum+gap, squares+gap*gap, at
		if gap > 1 {
			long++
		}
		perSecond[at/time.Second]++
	}
	n := float64(len(starts))
	mean := sum / n
	deviation := math.Sqrt(squares/n - mean*mean)
	var variance float64
	for _, k := range perSecond {
		variance += (k - rate) * (k - rate) / seconds
	}
	for what, c := range map[string]struct{ got, want, within float64 }{
		"mean gap":                  {mean, 1, 0.01},
		"deviation of gaps":         {deviation, 1, 0.01},
		"share of gaps above it":    {long / n, math.Exp(-1), 0.005},
		"variance of the number":    {variance / rate, 1, 0.05},
		"number, as a share of all": {n / rate / seconds, 1, 0.01},
	} {
		if math.Abs(c.got-c.want) > c.within {
			t.Errorf("%s is %.4f, want %.4f within %v", what, c.got, c.want, c.within)
		}
	}
}

func TestSchedulesComeFromTheSeed(t *testing.T) {
	of := func(seed uint64) []time.Duration {
		return until(load.Schedule{Arrivals: "poisson", Rate: 100, Seed: seed}, time.Second)
	}
	if !slices.Equal(of(1), of(1)) || slices.Equal(of(1), of(2)) {
		t.Error("the same seed gives other arrivals, or another seed the same")
	}
	if !slices.IsSorted(of(1)) {
		t.Error("arrivals go back in time")
	}
}

// A rate so low that its second arrival is beyond all time.
func TestScheduleSaturates(t *testing.T) {
	n := 0
	for at := range (load.Schedule{Arrivals: "constant", Rate: 1e-12}).Starts() {
		if at < 0 {
			t.Fatalf("start %d at %v", n, at)
		}
		if n++; n == 4 {
			return
		}
	}
}

func TestRatesAreTold(t *testing.T) {
	for rate, want := range map[float64]string{61.0 / 60: "1.017", 670.8000000000001: "670.8", 29876.4: "29876", 400: "400", 1. / 86400: "1.157e-05"} {
		if got := load.PerSecond(rate); got != want {
			t.Errorf("%v is told as %q, want %q", rate, got, want)
		}
	}
	if got := (load.Schedule{Rate: 61.0 / 60, Arrivals: "poisson"}).String(); got != "1.017 req/s (poisson)" {
		t.Errorf("a schedule is told as %q", got)
	}
}
