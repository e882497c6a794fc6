package queue_test

import (
	"math"
	"math/rand/v2"
	"strings"
	"testing"
	"time"

	"dyno/bench/queue"
)

func distribution(t testing.TB, name string, mean time.Duration) queue.Distribution {
	t.Helper()
	d, err := queue.NewDistribution(name, mean)
	if err != nil {
		t.Fatal(err)
	}
	return d
}

func seeded(seed uint64) *rand.Rand { return rand.New(rand.NewPCG(seed, 0)) }

// A queue with Poisson arrivals at load ρ answers after S/(1-ρ) on average if
// service times are exponential, S(1+ρ/2(1-ρ)) if they are constant. With a
// million requests the standard error is well below 1 %.
func TestResponseTimeAgainstTheory(t *testing.T) {
	const mean, requests = 20 * time.Millisecond, 1_000_000
	for _, c := range []struct {
		distribution string
		load         float64
		want         float64 // mean response in mean service times
	}{
		{"exp", 0.5, 1 / (1 - 0.5)},
		{"exp", 0.8, 1 / (1 - 0.8)},
		{"const", 0.5, 1 + 0.5/(2*(1-0.5))},
		{"const", 0.8, 1 + 0.8/(2*(1-0.8))},
	} {
		rng := seeded(5)
		q := queue.NewFCFS(1, distribution(t, c.distribution, mean), rng)
		var now time.Duration
		var sum float64
		for range requests {
			now += time.Duration(rng.ExpFloat64() * float64(mean) / c.load)
			finish, _ := q.Arrive(now)
			sum += float64(finish - now)
		}
		got := sum / requests / float64(mean)
		t.Logf("%s at load %.1f: mean response %.3f S, theory %.3f S", c.distribution, c.load, got, c.want)
		if math.Abs(got/c.want-1) > 0.03 {
			t.Errorf("%s at load %.1f: mean response %.3f S, want %.3f S within 3 %%", c.distribution, c.load, got, c.want)
		}
	}
}

func TestCapacityDividesServiceTimes(t *testing.T) {
	for _, name := range queue.Distributions {
		normal := queue.NewFCFS(1, distribution(t, name, 20*time.Millisecond), seeded(3))
		slow := queue.NewFCFS(0.2, distribution(t, name, 20*time.Millisecond), seeded(3))
		for range 1000 {
			_, a := normal.Arrive(0)
			_, b := slow.Arrive(0)
			if d := b - 5*a; d < -3*time.Nanosecond || d > 3*time.Nanosecond {
				t.Fatalf("%s: a service time of %v took %v at a fifth of the speed", name, a, b)
			}
		}
	}
}

// One after the other, in the order of arrival, never idle with work at hand.
func TestFirstComeFirstServed(t *testing.T) {
	q := queue.NewFCFS(1, distribution(t, "const", 10*time.Millisecond), seeded(1))
	for _, c := range []struct{ at, finish time.Duration }{
		{0, 10}, {0, 20}, {5, 30}, {30, 40}, {39, 50}, {100, 110},
	} {
		finish, s := q.Arrive(c.at * time.Millisecond)
		if finish != c.finish*time.Millisecond || s != 10*time.Millisecond {
			t.Errorf("arrival at %d ms: finished at %v after %v, want %d ms after 10 ms", c.at, finish, s, c.finish)
		}
	}
}

func TestNothingOverflows(t *testing.T) {
	q := queue.NewFCFS(1e-3, distribution(t, "const", 1<<61), seeded(1))
	for range 3 {
		if finish, s := q.Arrive(math.MaxInt64 - 5); finish != math.MaxInt64 || s != math.MaxInt64 {
			t.Fatalf("finish %v, service %v; want the longest duration", finish, s)
		}
	}
	q = queue.NewFCFS(1, distribution(t, "const", 1<<62), seeded(1))
	q.Arrive(0)
	if finish, _ := q.Arrive(0); finish != math.MaxInt64 {
		t.Errorf("2^62 + 2^62 ns: finish %d, want the longest duration", finish)
	}
}

func TestBadQueues(t *testing.T) {
	if _, err := queue.NewDistribution("normal", 1); err == nil || !strings.Contains(err.Error(), `"normal"`) || !strings.Contains(err.Error(), "exp, const") {
		t.Errorf("unknown distribution: %v; want its name and what is allowed", err)
	}
	if _, err := queue.NewDistribution("exp", -1); err == nil {
		t.Error("a negative mean was accepted")
	}
	for _, capacity := range []float64{0, -1, math.NaN(), math.Inf(1)} {
		func() {
			defer func() {
				if recover() == nil {
					t.Errorf("capacity %v was accepted", capacity)
				}
			}()
			queue.NewFCFS(capacity, distribution(t, "exp", 1), seeded(1))
		}()
	}
}
