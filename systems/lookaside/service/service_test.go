package service_test

import (
	"crypto/sha256"
	"encoding/binary"
	"math"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
	"time"

	"pgregory.net/rapid"

	"dyno/systems/lookaside/service"
)

func distribution(t testing.TB, name string, mean time.Duration) service.Distribution {
	t.Helper()
	d, err := service.NewDistribution(name, mean)
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
		q := service.NewQueue(1, distribution(t, c.distribution, mean), rng)
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
	const mean, requests = 20 * time.Millisecond, 1000
	for _, name := range service.Distributions {
		normal := service.NewQueue(1, distribution(t, name, mean), seeded(3))
		slow := service.NewQueue(0.2, distribution(t, name, mean), seeded(3))
		for range requests {
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
	q := service.NewQueue(1, distribution(t, "const", 10*time.Millisecond), seeded(1))
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
	q := service.NewQueue(1e-3, distribution(t, "const", 1<<61), seeded(1))
	for range 3 {
		if finish, s := q.Arrive(math.MaxInt64 - 5); finish != math.MaxInt64 || s != math.MaxInt64 {
			t.Fatalf("finish %v, service %v; want the longest duration", finish, s)
		}
	}
	q = service.NewQueue(1, distribution(t, "const", 1<<62), seeded(1))
	q.Arrive(0)
	if finish, _ := q.Arrive(0); finish != math.MaxInt64 {
		t.Errorf("2^62 + 2^62 ns: finish %d, want the longest duration", finish)
	}
	var m service.Meter
	for range 4 {
		m.Arrive(0)
	}
	if s := m.Stats(math.MaxInt64); s.Area != math.MaxInt64 || s.Occupied != math.MaxInt64 {
		t.Errorf("four requests for 292 years: area %d, occupied %d; want the longest duration", s.Area, s.Occupied)
	}
	m.Depart(math.MaxInt64, service.Visit{Service: math.MaxInt64})
	m.Depart(math.MaxInt64, service.Visit{Service: math.MaxInt64})
	if s := m.Stats(math.MaxInt64); s.Busy != math.MaxInt64 {
		t.Errorf("busy %d; want the longest duration", s.Busy)
	}
}

func TestBadQueues(t *testing.T) {
	if _, err := service.NewDistribution("normal", 1); err == nil || !strings.Contains(err.Error(), `"normal"`) || !strings.Contains(err.Error(), "exp, const") {
		t.Errorf("unknown distribution: %v; want its name and what is allowed", err)
	}
	if _, err := service.NewDistribution("exp", -1); err == nil {
		t.Error("a negative mean was accepted")
	}
	for _, capacity := range []float64{0, -1, math.NaN(), math.Inf(1)} {
		func() {
			defer func() {
				if recover() == nil {
					t.Errorf("capacity %v was accepted", capacity)
				}
			}()
			service.NewQueue(capacity, distribution(t, "exp", 1), seeded(1))
		}()
	}
}

// Under random arrivals, departures, abandonments and a clock that sometimes
// runs backwards, the area under the number in the system is exactly the sum
// of the sojourns once it is empty, and every count is right.
func TestLittleExactly(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		var (
			m              service.Meter
			now, sum, busy time.Duration
			want           service.Stats
			inside         []service.Visit
		)
		tick := func(t *rapid.T) time.Duration {
			return now + time.Duration(rapid.Int64Range(-50, 1000).Draw(t, "dt"))
		}
		leave := func(t *rapid.T) {
			if len(inside) == 0 {
				return
			}
			i := rapid.IntRange(0, len(inside)-1).Draw(t, "who")
			v := inside[i]
			inside = slices.Delete(inside, i, i+1)
			at := tick(t)
			if rapid.Bool().Draw(t, "abandon") {
				sum += m.Abandon(at, v)
				want.Abandoned++
			} else {
				sum += m.Depart(at, v)
				want.Completed++
				busy += v.Service
			}
			now = max(now, at)
		}
		t.Repeat(map[string]func(*rapid.T){
			"arrive": func(t *rapid.T) {
				at := tick(t)
				inside = append(inside, service.Visit{Arrived: m.Arrive(at), Service: time.Duration(rapid.Int64Range(0, 9).Draw(t, "service"))})
				now = max(now, at)
				want.MaxInFlight = max(want.MaxInFlight, int64(len(inside)))
			},
			"leave": leave,
			"": func(t *rapid.T) {
				if got := m.Stats(now).InFlight; got != int64(len(inside)) {
					t.Fatalf("in flight %d, want %d", got, len(inside))
				}
			},
		})
		for len(inside) > 0 {
			leave(t)
		}
		got := m.Stats(now)
		want.Area, want.Busy, want.Occupied = sum, busy, got.Occupied
		if got != want {
			t.Fatalf("stats %+v, want %+v", got, want)
		}
		if got.Occupied > got.Area || got.Occupied > now {
			t.Fatalf("occupied for %d ns of %d, with an area of %d", got.Occupied, now, got.Area)
		}
	})
}

func TestOversleep(t *testing.T) {
	var m service.Meter
	a, b, c := m.Arrive(0), m.Arrive(0), m.Arrive(0)
	m.Depart(12, service.Visit{Arrived: a, Service: 10, Finish: 10}) // 2 late
	m.Depart(19, service.Visit{Arrived: b, Service: 10, Finish: 20}) // early: a timer's business, not a gain
	m.Depart(90, service.Visit{Arrived: c, Service: 10})             // no model
	if got := m.Stats(100); got.Oversleep != 2 || got.Busy != 30 || got.Occupied != 90 {
		t.Errorf("%+v; want 2 ns of oversleep, 30 busy, 90 occupied", got)
	}
}

func TestDepartureWithoutArrival(t *testing.T) {
	defer func() {
		if recover() == nil {
			t.Error("a departure from an empty server was accepted")
		}
	}()
	new(service.Meter).Depart(0, service.Visit{})
}

func TestHash(t *testing.T) {
	var seed [8]byte
	binary.BigEndian.PutUint64(seed[:], 0x0123456789abcdef)
	once := sha256.Sum256(seed[:])
	twice := sha256.Sum256(once[:])
	for _, c := range []struct {
		rounds uint32
		want   uint64
	}{
		{0, 0x0123456789abcdef},
		{1, binary.BigEndian.Uint64(once[:])},
		{2, binary.BigEndian.Uint64(twice[:])},
	} {
		if got := service.Hash(0x0123456789abcdef, c.rounds); got != c.want {
			t.Errorf("%d rounds: %#x, want %#x", c.rounds, got, c.want)
		}
	}
	// Frozen, so that clients and servers of different builds agree.
	if got := service.Hash(1, 1000); got != 0xb488250802e3dd9f {
		t.Errorf("1000 rounds from 1: %#x", got)
	}
}

func BenchmarkHash(b *testing.B) {
	for b.Loop() {
		service.Hash(1, 1000)
	}
}

func BenchmarkQueue(b *testing.B) {
	q := service.NewQueue(1, distribution(b, "exp", time.Millisecond), seeded(1))
	for b.Loop() {
		q.Arrive(0)
	}
}
