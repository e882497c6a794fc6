package theory

import (
	"math"
	"testing"
)

// What theory says, against the values of the design.
func TestTheory(t *testing.T) {
	for rho, want := range map[float64]struct{ random, turns, two, floor float64 }{
		0.5:  {2, 1.313, 1.266, 1.004},
		0.7:  {3.333, 1.996, 1.614, 1.051},
		0.8:  {5, 2.884, 1.947, 1.154},
		0.9:  {10, 5.580, 2.614, 1.533},
		0.95: {20, 10.99, 3.383, 2.348},
	} {
		for p, mean := range map[string]float64{"random": want.random, "round_robin": want.turns, "power_of_two": want.two, "least_load": 0} {
			got := Of(p, 12, rho, 0)
			if math.Abs(got.Mean-mean) > 0.001*mean || math.Abs(got.Floor/want.floor-1) > 0.001 {
				t.Errorf("%s at %v: %+v, want mean %v and floor %v", p, rho, got, mean, want.floor)
			}
		}
	}
	if got := Of("random", 12, 0.8, 1); math.Abs(got.P99-23.03) > 0.01 {
		t.Errorf("p99 of random at 0.8: %v, want 4.605/0.2", got.P99)
	}
	if got := Of("least_reported", 12, 0.8, 10); math.Abs(got.Mean-44) > 1e-9 {
		t.Errorf("the herd at T = 10: %v, want 44", got.Mean)
	}
	if got := Of("power_of_two", 12, 0.8, 1); got.Mean != 0 {
		t.Errorf("two choices with old reports have no theory here, got %v", got.Mean)
	}
	if got := erlangC(1, 0.3); math.Abs(got-0.3) > 1e-12 {
		t.Errorf("one server is busy with probability ρ, got %v", got)
	}
}

func TestErlangResponse(t *testing.T) {
	for load, want := range map[float64]float64{0.5: 1.313, 0.7: 1.996, 0.8: 2.884, 0.9: 5.580, 0.95: 10.99} {
		if got := erlangResponse(12, load); math.Abs(got/want-1) > 0.001 {
			t.Errorf("load %v: %.4f, the design has %.3f", load, got, want)
		}
	}
	if got := erlangResponse(1, 0.8); math.Abs(got-5) > 1e-6 { // M/M/1
		t.Errorf("one server: %.6f, want 1/(1-0.8)", got)
	}
}
