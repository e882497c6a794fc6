package load

import (
	"context"
	"fmt"
	"math"
	"time"

	"dyno/internal/record"
)

// Search is the search for a knee: open loops at rates that a [Finder]
// chooses, one after the other, each with a schedule of its own.
type Search struct {
	Goal
	Arrivals string        // one of Arrivals
	Seed     uint64        // the schedules come from it
	Warmup   time.Duration // of each probe
	Length   time.Duration // of each probe's window
	Timeout  time.Duration // of one operation; 0: DefaultTimeout
	MaxSpans int           // of each probe, as in Closed

	Alarm func() (Alarm, error) // makes each probe's; nil: NewAlarm. In virtual time give one that makes NewCoarseAlarm
}

// Run searches, and returns what happened in all probes together, with the
// answer as its Knee; [Summary] says what is of which. It returns an error when
// a probe was stopped.
func (s Search) Run(ctx context.Context, op Op) (Summary, error) {
	f, err := NewFinder(s.Goal)
	if err != nil {
		return Summary{}, err
	}
	s.Goal = f.goal
	if n := s.From * s.Length.Seconds(); n < MinProbeOperations {
		return Summary{}, fmt.Errorf("search: a probe of %v at %s per second has %.0f operations; its p99 takes %d: raise from, or measure "+
			"for longer",
			s.Length, PerSecond(s.From), n, MinProbeOperations)
	}
	if s.Alarm == nil {
		s.Alarm = NewAlarm
	}
	var probes []Summary
	for {
		rate, ok := f.Next()
		if !ok {
			return pool(probes, f.Knee()), nil
		}
		p, sum, err := s.probe(ctx, op, rate, uint64(len(probes)))
		if err != nil {
			return Summary{}, fmt.Errorf("search, probe %d at %s per second: %w", len(probes)+1, PerSecond(rate), err)
		}
		f.Tell(p)
		probes = append(probes, sum)
	}
}

// probe is one open loop.
func (s Search) probe(ctx context.Context, op Op, rate float64, n uint64) (Probe, Summary, error) {
	alarm, err := s.Alarm()
	if err != nil {
		return Probe{}, Summary{}, err
	}
	began := time.Now()
	res, err := Open{
		Arrivals: s.Arrivals, Rate: rate, Seed: s.Seed + n, Warmup: s.Warmup, Length: s.Length,
		Timeout: s.Timeout, MaxSpans: s.MaxSpans, MaxInFlight: s.enough(rate), Alarm: alarm, below: s.Below,
	}.Run(ctx, op)
	if err != nil {
		return Probe{}, Summary{}, err
	}
	p := Probe{Rate: rate, Offered: res.Window.Offered, Achieved: res.Throughput(), P99: res.Latency.Quantile(0.99), Took: time.Since(began)}
	p.InTime, p.Prompt = res.inTime, res.prompt
	return p, res.Summary(), nil
}

// enough is how many operations may be in flight at a rate. Were there more,
// then more than a hundredth of all that the window offers would be older than
// the bound: the rate is not held, and to queue up still more would only make
// the probe, and the one after it, wait.
func (s Search) enough(rate float64) int {
	n := 64 + 1.5*rate*s.Below.Seconds() + 0.02*rate*s.Length.Seconds()
	return int(math.Min(math.Ceil(n), MaxClients))
}

// pool is the summary of a search.
func pool(probes []Summary, k Knee) Summary {
	s := Summary{
		Latency: record.NewHistogram(), Service: record.NewHistogram(), Lag: record.NewHistogram(),
		Targets: make(map[int32]Target), Knee: &k,
	}
	var held float64 // probes at the knee
	for i := range probes {
		p := &probes[i]
		if i == 0 {
			s.BeginUnixNS = p.BeginUnixNS
		}
		s.EndUnixNS = p.EndUnixNS
		s.Clients = max(s.Clients, p.Clients)
		s.Counts.Add(p.Counts)
		s.Checks = joined(s.Checks, p.Checks)
		at := p.Schedule.Rate == k.Held
		if at {
			held++
			s.merge(p, held)
		}
		s.addTargets(p.Targets, at)
	}
	return s
}

// merge takes in the n-th probe at the knee.
func (s *Summary) merge(p *Summary, n float64) {
	if s.Schedule == nil {
		s.Schedule = p.Schedule
	}
	s.Window.Add(p.Window)
	s.Digests = poolDigests(s.Digests, p.Digests)
	s.Latency.Merge(p.Latency)
	s.Service.Merge(p.Service)
	s.Lag.Merge(p.Lag)
	for to, from := range map[*float64]float64{&s.Offered: p.Offered, &s.Sent: p.Sent, &s.Throughput: p.Throughput, &s.InFlight: p.InFlight} {
		*to += (from - *to) / n // the mean: their windows are equally long
	}
}

func (s *Summary) addTargets(targets map[int32]Target, window bool) {
	for id, from := range targets {
		to := s.Targets[id]
		to.Counts.Add(from.Counts)
		if window {
			to.Window.Add(from.Window)
			to.LatencySum += from.LatencySum
		}
		s.Targets[id] = to
	}
}

// joined makes one check of two that have the same name: what failed in any
// probe failed.
func joined(all, more []record.Check) []record.Check {
	if all == nil {
		return append(all, more...)
	}
	for i, c := range more {
		c.Examined += all[i].Examined
		if record.Judge(all[i]).Status != record.Valid {
			c.Status, c.Detail = all[i].Status, all[i].Detail
		} else if c.Status == record.Valid {
			c.Detail = "" // of one probe
		}
		all[i] = c
	}
	return all
}

// flags says what is wrong with the answer of a search.
func (k *Knee) flags() (out []record.Flag) {
	flag := func(name, format string, args ...any) {
		out = append(out, record.Flag{Name: name, Detail: fmt.Sprintf(format, args...)})
	}
	if !k.Settled {
		bracket := "above " + PerSecond(k.Low)
		if k.High > 0 {
			bracket = "between " + PerSecond(k.Low) + " and " + PerSecond(k.High)
		}
		flag("unsettled", "after %d probes the knee is %s per second, wider than it was to be", len(k.Probes), bracket)
	}
	switch {
	case k.Held == 0:
		flag("below", "not even the lowest rate was held: there is no knee to report")
	case k.High == 0:
		flag("above", "the highest rate was held: the knee may be above it")
	}
	for _, p := range k.Probes {
		if p.Late() {
			flag("generator", "at %s per second the bound was missed because the generator sent late", PerSecond(p.Rate))
			break
		}
	}
	return out
}
