package echo

import (
	"math"
	"time"

	"dyno/bench/driver"
	"dyno/internal/record"
	"dyno/systems"
)

// theory is what callers who come at a steady rate must expect of a server, by
// calculation: the mean response time and its quantiles.
type theory struct {
	mean     time.Duration
	quantile func(q float64) time.Duration // nil: not known
}

// stalled is a server that answers at once but for one stop of d in a window
// of l. Of all callers the share d/l meets the stop and waits for its end: a
// time that is spread evenly over 0 to d.
func stalled(d, l time.Duration) theory {
	return theory{
		mean: time.Duration(float64(d) * float64(d) / float64(l) / 2),
		quantile: func(q float64) time.Duration {
			// P(wait > x) = d/l · (1 - x/d) is 1 - q at x = d - (1 - q)·l.
			return max(0, d-time.Duration((1-q)*float64(l)))
		},
	}
}

// mm1 is a single server with exponential service times of mean s and Poisson
// arrivals at rate per second: response times are exponential with mean
// s/(1-ρ). ok is false when requests come faster than they are served.
func mm1(s time.Duration, rate float64) (t theory, ok bool) {
	rho := rate * s.Seconds()
	if rho >= 1 {
		return theory{}, false
	}
	mean := float64(s) / (1 - rho)
	return theory{
		mean:     time.Duration(mean),
		quantile: func(q float64) time.Duration { return time.Duration(-mean * math.Log(1-q)) },
	}, true
}

// mm1Knee is the rate at which 99 of 100 requests to such a server are answered
// within a bound: their quantile is ln(100)/(µ-λ). It is negative when no rate
// is slow enough.
func mm1Knee(s, bound time.Duration) float64 { return 1/s.Seconds() - math.Log(100)/bound.Seconds() }

// md1 is the same as mm1 with service times that are all s (Pollaczek and Khinchine).
func md1(s time.Duration, rate float64) (t theory, ok bool) {
	rho := rate * s.Seconds()
	if rho >= 1 {
		return theory{}, false
	}
	return theory{mean: time.Duration(float64(s) * (1 + rho/(2*(1-rho))))}, true
}

// expected is what theory says of a trial with a window of a length; ok is
// false when there is nothing to say. A stall concerns all who call, however
// one asks them; the queues are those of an open loop with Poisson arrivals.
func (c *config) expected(length time.Duration) (t theory, ok bool) {
	switch {
	case c.stall > 0 && c.service == 0:
		return stalled(c.stall, length), true
	case c.stall > 0 || c.service == 0 || c.driver != driver.Open || c.arrivals != "poisson":
		return theory{}, false
	case c.distribution == "exp":
		return mm1(c.service, c.rate)
	default:
		return md1(c.service, c.rate)
	}
}

// observeTheory sets what theory has to say of a trial.
func (c *config) observeTheory(o *record.Observation, set systems.Setting) {
	if t, ok := c.expected(set.Length); ok {
		t.observe(o)
	}
	if c.driver == driver.Search && c.service > 0 && c.arrivals == "poisson" && c.distribution == "exp" {
		o.Set("theory_knee_rps", mm1Knee(c.service, set.Load.P99Below.Duration()))
	}
}

// observe sets the response times of theory.
func (t theory) observe(o *record.Observation) {
	ms := func(d time.Duration) float64 { return float64(d) / float64(time.Millisecond) }
	o.Set("theory_mean_ms", ms(t.mean))
	if t.quantile != nil {
		o.Set("theory_p90_ms", ms(t.quantile(0.90)))
		o.Set("theory_p95_ms", ms(t.quantile(0.95)))
		o.Set("theory_p99_ms", ms(t.quantile(0.99)))
	}
}
