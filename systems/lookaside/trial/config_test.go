package trial

import (
	"math"
	"slices"
	"testing"
	"time"

	"dyno/systems"
	"dyno/systems/lookaside/knobs"
)

func TestJain(t *testing.T) {
	for _, c := range []struct {
		xs   []float64
		want float64
	}{{[]float64{3, 3, 3}, 1}, {[]float64{5, 0, 0, 0}, 0.25}, {[]float64{1, 2, 3}, 36.0 / 42}, {[]float64{0, 0}, 0}, {nil, 0}} {
		if got := jain(c.xs); math.Abs(got-c.want) > 1e-12 {
			t.Errorf("jain(%v) = %v, want %v", c.xs, got, c.want)
		}
	}
}

func values(t *testing.T, given map[string]string) systems.Values {
	t.Helper()
	v, err := knobs.All.Resolve(given)
	if err != nil {
		t.Fatal(err)
	}
	return v
}

func TestConfig(t *testing.T) {
	c, err := NewConfig(values(t, map[string]string{"servers": "3", "capacity": "1,0.2"}), 1)
	if err != nil || !slices.Equal(c.capacities, []float64{1, 0.2, 1}) {
		t.Errorf("capacities %v, %v", c.capacities, err)
	}
	if _, err := NewConfig(values(t, map[string]string{"servers": "1", "capacity": "1,0.2"}), 1); !systems.IsUsage(err) {
		t.Errorf("more capacities than servers: error %v", err)
	}
}

func TestTimeConstantAndAsymptote(t *testing.T) {
	for _, c := range []struct {
		given map[string]string
		tau   time.Duration
		rps   float64 // 0: nothing is said
	}{
		{map[string]string{"policy": "pick_first"}, 2 * time.Second, 50},
		{map[string]string{"policy": "round_robin"}, 2 * time.Second / 12, 600},
		{map[string]string{"policy": "least_load"}, 2 * time.Second / 12, 600},
		{map[string]string{"policy": "least_load", "clients": "47"}, 20 * time.Millisecond * 47 / 12, 0},
		{map[string]string{"policy": "pick_first", "clients": "1", "capacity": "0.5"}, 40 * time.Millisecond, 25},
		{map[string]string{"policy": "round_robin", "servers": "2", "capacity": "1,0.2"}, 2 * time.Second * 10 / 12, 20},
		{map[string]string{"policy": "least_load", "servers": "2", "capacity": "1,0.2"}, 2 * time.Second * 10 / 12, 60},
		{map[string]string{"policy": "least_load", "service-time": "0s"}, 0, 0},
		{map[string]string{"mode": "grpc", "choose": "least_request", "service-time": "0s"}, 0, 0},
		// Three of these are the warm-up: weights have counted for long by then.
		{map[string]string{"mode": "grpc", "choose": "weighted_round_robin", "service-time": "0s"}, 200 * time.Millisecond, 0},
	} {
		v := values(t, c.given)
		if got := TimeConstant(v); (got - c.tau).Abs() > time.Microsecond {
			t.Errorf("%v: time constant %v, want %v", c.given, got, c.tau)
		}
		cfg, err := NewConfig(v, 1)
		if err != nil {
			t.Fatal(err)
		}
		got, ok := cfg.asymptote()
		if ok != (c.rps > 0) || math.Abs(got-c.rps) > 1e-9 {
			t.Errorf("%v: asymptote %v, %v, want %v", c.given, got, ok, c.rps)
		}
	}
}
