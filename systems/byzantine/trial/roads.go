package trial

import (
	"dyno/bench/evidence"
	"dyno/internal/record"
	byzantinev1 "dyno/proto/byzantine/v1"
	"dyno/systems/byzantine/cluster"
	"dyno/systems/byzantine/play"
)

// Names of facts.
const (
	factRuns    = "raw_runs"
	factAgreed  = "agreed_runs"
	factWarmups = "warmup_runs"
	factWatched = "watched_ns"
	factBetween = "between_cpu_s"
	factFormula = "formula_values"

	// All runs, warm-up included.
	factTallied = "tallied_batches"
	factPayload = "tallied_bytes"

	// Of the window: what senders told, with the suffixes of a traffic, and
	// what of it the receivers may rightly not have counted.
	factSent    = "sent_"
	factMissing = "missing_"
	// Instead of these, where nobody counted on the senders' side.
	factUncounted = "uncounted_"
)

// evidence is what the figures of a summary are held against.
func (c *config) evidence(a *summary) *record.Evidence {
	t := &a.Raw
	e := &record.Evidence{
		Begin: a.Begin.UnixNano(), End: a.End.UnixNano(), Slack: int64(a.Slack),
		Spans: map[string]record.SpanDigest{"run": t.digest()},
		Facts: map[string]float64{
			factRuns: float64(len(t.Took)), factAgreed: float64(t.agreed(c.n, c.base.Commander)),
			factWarmups: float64(a.Counts.Offered) - float64(len(t.Took)),
			factBetween: a.Between, factTallied: float64(a.Tallied.Batches), factPayload: float64(a.Tallied.Bytes),
		},
	}
	for _, ns := range t.Watched {
		e.Facts[factWatched] += float64(ns)
	}
	if want, ok := c.formula(); ok {
		e.Facts[factFormula] = want
	}
	if want := e.Facts[factFormula]; c.base.Resolver == play.ResolveFast && !c.base.Adversary.Silent {
		t.Sent.Values = int64(want) * int64(len(t.Took)) // nobody sends anything: the formula stands for the senders
	}
	c.traffic(e.Facts, "batches", t.Sent.Batches, t.Unanswered.Batches+t.TurnedAway.Batches)
	c.traffic(e.Facts, "bytes", t.Sent.Bytes, t.Unanswered.Bytes+t.TurnedAway.Bytes)
	c.traffic(e.Facts, "values", t.Sent.Values, t.Unanswered.Values+t.TurnedAway.Values)
	return e
}

// traffic notes what the senders told.
func (c *config) traffic(facts map[string]float64, unit string, sent, missing int64) {
	if sent == 0 && !c.process {
		facts[factUncounted+unit] = 1
		return
	}
	facts[factSent+unit], facts[factMissing+unit] = float64(sent), float64(missing)
}

// formula is how many values a run carries, from closed forms: the product
// (n−1)(n−2)… for oral messages, the phase king's polynomial.
func (c *config) formula() (sum float64, ok bool) {
	n, t := float64(c.n), float64(c.t)
	switch c.base.Algorithm.Name {
	case "om":
		for r := c.t; r >= 0; r-- { // by Horner's rule
			sum = (n - 1 - float64(r)) * (1 + sum)
		}
		if c.base.Interactive {
			sum *= n
		}
		return sum, true
	case "phase-king":
		return (n - 1) * (1 + (t+1)*(n+1)), true
	}
	return 0, false
}

// perRun is how much of a figure per run in ms one CPU second makes.
func perRun(_ *record.Observation, e *record.Evidence) (float64, bool) {
	n := e.Facts[factRuns]
	return 1e3 / n, n > 0 && mostVague*e.Slack <= e.End-e.Begin
}

// mostVague is of how much of the window its ends may be unknown: of an eighth.
// Between clocks that were read at vaguer ends half of the time would do as well.
const mostVague = 8

func agreementRoad() record.Road {
	return evidence.Derived("every run's decisions, judged a second time by other code", func(o *record.Observation) (float64, bool) {
		f := o.Evidence.Facts
		agreed, ok := f[factAgreed]
		return agreed / f[factRuns], ok && f[factRuns] > 0
	})
}

func runsRoad() record.Road {
	return evidence.All(
		evidence.Fact(factRuns, "the runs that were taken down one by one"),
		evidence.Derived("the counts, less the warm-up", func(o *record.Observation) (float64, bool) {
			warmups, ok := o.Evidence.Facts[factWarmups]
			return float64(o.Counts.Sent) - warmups, ok
		}),
		servedLaw(byzantinev1.GeneralService_Begin_FullMethodName, "the runs that each general began",
			func(o *record.Observation) (float64, bool) {
				var generals float64
				for _, p := range o.Evidence.Processes {
					if p.Role == cluster.RoleName {
						generals++
					}
				}
				return float64(o.Counts.Sent) * generals, true
			}),
	)
}

// shortest is the least share of the time that was waited for the generals'
// decisions that they may say a run took.
const shortest = 0.6

// watchedLaw holds the time that the runs took against the clock of whoever
// waited for them. The answers' way is in that, so a much longer wait proves
// nothing and refutes nothing.
func watchedLaw() record.Road {
	const perRun = 20_000 // ns: a run in memory is called for and comes back
	return evidence.Law("the clock of the process that waited", func(metric string, o *record.Observation, e *record.Evidence) record.Check {
		watched, ok := e.Facts[factWatched]
		h := o.Histograms[metric]
		switch took := h.Sum(); {
		case !ok:
			return record.Doubt("", 0, "nobody watched (fact %s)", factWatched)
		case took > watched:
			return record.Fail("", h.Count(), "the runs are said to have taken %.0f ns, who waited for them saw %.0f ns", took, watched)
		case took < shortest*watched-perRun*float64(h.Count()):
			return record.Doubt("", h.Count(),
				"the runs are said to have taken %.0f ns, who waited for them saw %.0f ns: too far apart to prove anything",
				took, watched)
		}
		return record.Pass("", h.Count())
	})
}

func meanRoad() record.Road {
	return evidence.Derived("the sum of the raw durations over their number", func(o *record.Observation) (float64, bool) {
		d := o.Evidence.Spans["run"]
		return d.Sum / 1e6 / float64(d.Count), d.Count > 0
	})
}

// trafficRoad holds a figure per run, in units of the given size, against what
// the senders counted in processes of their own.
func trafficRoad(unit string, size float64, figure func(o *record.Observation) float64) record.Road {
	return evidence.Law("the senders' own counts of "+unit+", or the formula",
		func(_ string, o *record.Observation, e *record.Evidence) record.Check {
			if e.Facts[factUncounted+unit] > 0 {
				return record.Check{}
			}
			sent, ok := e.Facts[factSent+unit]
			missing, ok2 := e.Facts[factMissing+unit]
			runs := e.Facts[factRuns]
			if !ok || !ok2 || runs == 0 {
				return record.Doubt("", 0, "the senders' counts are missing (facts %s%s, %s%s)", factSent, unit, factMissing, unit)
			}
			got, n := figure(o)*runs*size, int64(sent)
			const half = 0.5 // whole numbers, divided and multiplied again
			switch {
			case got > sent+half || got < sent-missing-half:
				return record.Fail("", n, "receivers are said to have got %.0f %s, the senders sent %.0f, of which %.0f may have been lost",
					got, unit, sent, missing)
			case missing > 0:
				return record.Doubt("", n, "%.0f of %.0f %s came late or brought no answer", missing, sent, unit)
			}
			return record.Pass("", n)
		})
}

// scalar is one figure.
func scalar(name string) func(*record.Observation) float64 {
	return func(o *record.Observation) float64 { return o.Scalars[name] }
}

func messagesRoad() record.Road {
	method := byzantinev1.GeneralService_Deliver_FullMethodName
	return evidence.All(trafficRoad("batches", 1, scalar("messages")),
		servedLaw(method, "the batches that generals answered", func(o *record.Observation) (float64, bool) {
			calls, ok := o.Evidence.Facts[factTallied]
			return calls, ok
		}))
}

func formulaRoad() record.Road {
	return evidence.Derived("a second formula", func(o *record.Observation) (float64, bool) {
		want, ok := o.Evidence.Facts[factFormula]
		return want, ok
	})
}

// heardValues are both that were accepted and that were dropped: the senders cannot
// know which it will be.
func heardValues(o *record.Observation) float64 { return o.Scalars["values"] + o.Scalars["dropped"] }

// servedLaw holds what the trial knows of a method against the calls that each
// general answered, counted beneath its code; in memory nobody calls.
func servedLaw(method, text string, want func(*record.Observation) (calls float64, ok bool)) record.Road {
	return evidence.Law(text, func(_ string, o *record.Observation, e *record.Evidence) record.Check {
		served, generals := int64(0), 0
		for _, p := range e.Processes {
			if p.Role != cluster.RoleName {
				continue
			}
			if p.Calls == nil {
				return record.Doubt("", 0, "%s did not tell its counts of calls", p.Name)
			}
			generals++
			served += p.Calls.Served[method].OK
		}
		calls, ok := want(o)
		if generals == 0 {
			return record.Check{}
		}
		if !ok {
			return record.Doubt("", served, "how often %s was called is missing", method)
		}
		if got := int64(calls); got != served {
			return record.Fail("", served, "%d calls of %s are said to have been answered, the generals answered %d", got, method, served)
		}
		return record.Pass("", served)
	})
}

// What a call may add to the bytes of its batch on a socket that reads, at
// most: its headers with the proof, frames, windows and pings; and a process,
// for its connections, health checks and the parts that it was told.
const (
	callOverhead    = 600
	processOverhead = 64 << 10
)

// socketLaw holds the size of all batches against what the generals read from
// their sockets.
func socketLaw() record.Road {
	return evidence.Law("the generals' sockets", func(_ string, _ *record.Observation, e *record.Evidence) record.Check {
		payload, ok := e.Facts[factPayload]
		var received, calls, generals int64
		for _, p := range e.Processes {
			if p.Role != cluster.RoleName {
				continue
			}
			if p.Calls == nil {
				return record.Doubt("", 0, "%s did not tell its counts of bytes", p.Name)
			}
			generals++
			received += p.Calls.Received
			for _, side := range []map[string]record.Calls{p.Calls.Made, p.Calls.Served} {
				for _, n := range side {
					calls += n.OK + n.Failed
				}
			}
		}
		if !ok || generals == 0 {
			return record.Doubt("", 0, "no general was seen, or the size of all batches is missing (fact %s)", factPayload)
		}
		most := payload + float64(calls*callOverhead+generals*processOverhead)
		if got := float64(received); got < payload || got > most {
			return record.Fail("", received, "batches of %.0f bytes, and the sockets read %d: it must be %.0f to %.0f",
				payload, received, payload, most)
		}
		return record.Pass("", received)
	})
}
