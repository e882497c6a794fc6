package policy

import (
	"math"
	"math/rand/v2"
	"time"
)

// PeakDecay is the time constant with which a latency is forgotten: Finagle's
// and Linkerd's default.
const PeakDecay = 10 * time.Second

// unknownLatency is what a server without a known latency costs, in seconds,
// once it has something to do: more than any latency, so that it gets no more
// than a first request until that is answered (Finagle's penalty).
const unknownLatency = 1e6

// PeakEWMA draws two servers at random and picks the one with the lower cost
//
//	latency × (in flight at the last report + picked since + 1)
//
// where latency is a moving average that rises at once to any higher value and
// falls slowly: [Peak]. This is the balancer of Finagle (com.twitter.finagle.
// loadbalancer.PeakEwma) and Linkerd. A server that slows down is left alone as
// soon as it is noticed; what it was is forgotten in tens of seconds, so that it
// is tried again. Capacity does not enter: a slow server's latency says it.
//
// It differs in where latencies come from. There each client times its own
// requests; here no answer passes the balancer, so an observation is the mean
// time that requests spent in the server since its last report.
var PeakEWMA = Maker{
	Name:    "peak_ewma",
	Summary: "of two servers drawn at random, the one with the lower latency times requests in flight",
	Shares:  Pairs,
	Other:   true,
	New:     func() Policy { return peakEWMA{} },
}

type peakEWMA struct{}

func (peakEWMA) Pick(now time.Duration, servers []Server, rng *rand.Rand) int {
	i, j := pair(len(servers), rng)
	if cost(now, &servers[j]) < cost(now, &servers[i]) {
		return j
	}
	return i
}

func cost(now time.Duration, s *Server) float64 {
	if s.Silent {
		return math.Inf(1)
	}
	waiting := s.InFlight + float64(s.Assigned) + s.ErrorRate*errorWeight
	latency := s.Latency.At(now)
	if latency == 0 && waiting > 0 {
		return unknownLatency + waiting
	}
	return latency * (waiting + 1)
}

// Peak is an exponentially weighted moving average of a latency that is
// sensitive to peaks: a value above it replaces it, one below pulls it down with
// the time constant [PeakDecay], and while nothing is observed it falls towards
// 0 as fast. The zero Peak has observed nothing.
type Peak struct {
	Seconds float64       // at the last observation
	Seen    time.Duration // when that was
}

// Observe returns the average after an observation, in seconds.
func (p Peak) Observe(now time.Duration, latency float64) Peak {
	keep := p.keep(now)
	average := p.Seconds*keep + latency*(1-keep)
	return Peak{Seconds: max(latency, average), Seen: now}
}

// At returns the average at a moment not before the last observation.
func (p Peak) At(now time.Duration) float64 {
	if p.Seconds == 0 {
		return 0
	}
	return p.Seconds * p.keep(now)
}

func (p Peak) keep(now time.Duration) float64 {
	return math.Exp(-float64(now-p.Seen) / float64(PeakDecay))
}
