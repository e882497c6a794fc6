package queue

import (
	"fmt"
	"math"
	"math/rand/v2"
	"strings"
	"time"
)

// FCFS is the service-time model of one server: it serves first come, first
// served, one request at a time, for ever. It remembers only when it will be
// done with all it has: a request that arrives starts then, or at once if that
// is past. Delays in the real process (timers, scheduling) therefore never
// accumulate. It is not safe for concurrent use.
type FCFS struct {
	capacity float64
	service  Distribution
	rng      *rand.Rand
	free     time.Duration // when it is done with all it has
}

// Distribution draws the service time of a request on a server of capacity 1.
type Distribution struct {
	Name string
	Mean time.Duration
	draw func(mean float64, rng *rand.Rand) float64
}

// Distributions are the names that [NewDistribution] knows.
var Distributions = []string{"exp", "const"}

// NewDistribution returns the named distribution with the given mean: "exp"
// (exponential: with Poisson arrivals an M/M/1 queue) or "const" (M/D/1).
func NewDistribution(name string, mean time.Duration) (Distribution, error) {
	d := Distribution{Name: name, Mean: mean}
	switch name {
	case "exp":
		d.draw = func(mean float64, rng *rand.Rand) float64 { return mean * rng.ExpFloat64() }
	case "const":
		d.draw = func(mean float64, _ *rand.Rand) float64 { return mean }
	default:
		return d, fmt.Errorf("distribution %q is not one of %s", name, strings.Join(Distributions, ", "))
	}
	if mean < 0 {
		return d, fmt.Errorf("mean service time %v is negative", mean)
	}
	return d, nil
}

// NewFCFS makes an idle server. Capacity is its speed relative to a normal
// server, above 0: 0.2 serves five times slower. It panics on any other.
func NewFCFS(capacity float64, service Distribution, rng *rand.Rand) *FCFS {
	if !(capacity > 0) || math.IsInf(capacity, 0) || service.draw == nil {
		panic(fmt.Sprintf("queue: a server needs a finite capacity above 0 (not %v) and a distribution", capacity))
	}
	return &FCFS{capacity: capacity, service: service, rng: rng}
}

// Arrive takes in a request at now and says when it will be finished and how
// long it is served for (the drawn time divided by the capacity). Times that
// do not fit a Duration become the longest one.
func (q *FCFS) Arrive(now time.Duration) (finish, service time.Duration) {
	service = saturate(q.service.draw(float64(q.service.Mean), q.rng) / q.capacity)
	start := max(now, q.free)
	if q.free = start + service; q.free < start {
		q.free = math.MaxInt64 // beyond 292 years
	}
	return q.free, service
}

// saturate rounds to whole nanoseconds.
func saturate(ns float64) time.Duration {
	if ns >= math.MaxInt64 {
		return math.MaxInt64
	}
	return time.Duration(math.Round(ns))
}
