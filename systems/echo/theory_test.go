package echo

import (
	"testing"
	"time"

	"dyno/bench/driver"
)

func TestTheoryOfAStall(t *testing.T) {
	th := stalled(3*time.Second, 12*time.Second)
	if th.mean != 375*ms {
		t.Errorf("mean %v", th.mean)
	}
	for q, want := range map[float64]time.Duration{0.5: 0, 0.75: 0, 0.9: 1800 * ms, 0.95: 2400 * ms, 0.99: 2880 * ms, 1: 3 * time.Second} {
		if got := th.quantile(q).Round(time.Microsecond); got != want {
			t.Errorf("quantile %v is %v, want %v", q, got, want)
		}
	}
	// Against counting: callers every 10 ms.
	sum := time.Duration(0)
	for at := time.Duration(0); at < 3*time.Second; at += 10 * ms {
		sum += 3*time.Second - at
	}
	near(t, "mean", sum/1200, th.mean, 0.005)
}

func TestTheoryOfQueues(t *testing.T) {
	th, ok := mm1(20*ms, 40) // ρ = 0.8
	if !ok || th.mean.Round(ms) != 100*ms || th.quantile(0.9).Round(ms) != 230*ms {
		t.Errorf("M/M/1: %v, p90 %v", th.mean, th.quantile(0.9))
	}
	th, ok = md1(20*ms, 40)
	if !ok || th.mean.Round(ms) != 60*ms || th.quantile != nil {
		t.Errorf("M/D/1: %v", th.mean)
	}
	for _, rate := range []float64{50, 51} {
		if _, ok := mm1(20*ms, rate); ok {
			t.Errorf("M/M/1 at %v/s has an answer", rate)
		}
		if _, ok := md1(20*ms, rate); ok {
			t.Errorf("M/D/1 at %v/s has an answer", rate)
		}
	}
}

// Theory speaks of what it knows only.
func TestTheoryIsSilent(t *testing.T) {
	for name, c := range map[string]struct {
		cell cell
		want bool
	}{
		"nothing but echo":        {cell{driver: driver.Open}, false},
		"a stall, whoever drives": {cell{driver: driver.GHZ, stall: ms}, true},
		"a stall and a queue":     {cell{driver: driver.Open, arrivals: "poisson", stall: ms, service: ms, distribution: "exp", rate: 1}, false},
		"M/M/1":                   {cell{driver: driver.Open, arrivals: "poisson", service: ms, distribution: "exp", rate: 1}, true},
		"M/D/1":                   {cell{driver: driver.Open, arrivals: "poisson", service: ms, distribution: "const", rate: 1}, true},
		"D/M/1":                   {cell{driver: driver.Open, arrivals: "constant", service: ms, distribution: "exp", rate: 1}, false},
		"a closed loop's queue":   {cell{driver: driver.Closed, arrivals: "poisson", service: ms, distribution: "exp", rate: 1}, false},
		"too much":                {cell{driver: driver.Open, arrivals: "poisson", service: ms, distribution: "exp", rate: 1001}, false},
	} {
		if _, ok := c.cell.expected(time.Second); ok != c.want {
			t.Errorf("%s: theory has an answer: %v, want %v", name, ok, c.want)
		}
	}
}
