package stats_test

import (
	"errors"
	"testing"

	"dyno/internal/record"
	"dyno/internal/stats"
)

// drifting gives trials the yardsticks of a machine that drifts, by block.
func drifting(trials []*record.Trial, name string, values ...float64) []*record.Trial {
	for _, t := range trials {
		if v := values[t.Block-1]; v > 0 {
			t.Yardsticks = &record.Yardsticks{Values: map[string]float64{name: v}}
		}
	}
	return trials
}

// Each block is divided by its own yardstick: what drifts together cancels out.
func TestPerYardstickCancelsDrift(t *testing.T) {
	s, err := stats.Of(drifting(scalars(20, 60, 40), record.GRPCRate, 10, 30, 20), "x per grpc_rps")
	if err != nil || s.Center != 2 || s.Lo != 2 || s.Hi != 2 || s.N != 3 {
		t.Errorf("%+v, %v; want 2 in every block", s, err)
	}
	trials := drifting(scalars(20, 60, 40), record.GRPCRate, 10, 0, 10)
	if got := stats.PerBlock(trials, "x per grpc_rps"); len(got) != 2 || got[1] != 2 || got[3] != 4 {
		t.Errorf("%v; block 2 has no yardstick", got)
	}
}

// Durations are shown in milliseconds, yardsticks are in microseconds: the
// ratio has no unit.
func TestQuantilePerYardstick(t *testing.T) {
	trials := drifting(latencies(100, 100), record.GRPCMedian, 500, 1000) // p50 is 50 ms, then 100 ms
	s, err := stats.Of(trials, "response.p50 per grpc_p50_us")
	if err != nil || !near(s.Center, 100) || s.N != 2 {
		t.Errorf("%+v, %v; want 100", s, err)
	}
}

func TestNoYardstick(t *testing.T) {
	if _, err := stats.Of(scalars(1, 2), "x per grpc_rps"); !errors.Is(err, stats.ErrNoYardstick) {
		t.Errorf("without yardsticks: %v", err)
	}
	if _, err := stats.Of(drifting(scalars(1), record.GRPCRate, 1), "y per grpc_rps"); !errors.Is(err, stats.ErrNoTrial) {
		t.Errorf("without the metric: %v", err)
	}
	var few *stats.TooFew
	if _, err := stats.Of(drifting(latencies(3), record.GRPCMedian, 1), "response.p99 per grpc_p50_us"); !errors.As(err, &few) {
		t.Errorf("too few samples: %v", err)
	}
}
