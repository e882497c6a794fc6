package check

import (
	"fmt"
	"math"
	"slices"

	"dyno/internal/record"
)

// auditAlarm bounds the chance that the audit accuses an honest policy in a
// trial: one in 10,000, over all that it looks at.
const auditAlarm = 1e-4

// wholeAudit is how many servers there may be for every pick to be audited.
const wholeAudit = 15

// The audit knows variances to a step of 2^(1/auditSteps), and up to
// 2^auditDoublings: no trial has so many picks.
const (
	auditSteps     = 4
	auditDoublings = 48
)

// Audit is what the balancer's picks came to beside the chances that its
// policy's promise gave each server at that pick; see balancer.Audit.
type Audit struct {
	Picks, Broken      int64
	Rank, RankVariance float64
}

// Tally is the part of an [Audit] about one server.
type Tally struct {
	Picks              int64
	Expected, Variance float64
}

// excess is how far a server's picks are from those that were to be expected.
func (t Tally) excess() float64 { return float64(t.Picks) - t.Expected }

// audit: each pick agreed with what was known of the loads. A pick of a server
// that had no chance breaks the promise by itself. For the rest, picks of each
// server less the expected ones, and ranks likewise, are martingales with steps
// of at most 1 whatever the loads were, so that Freedman's inequality bounds
// how far chance can take them: an honest policy is accused in at most
// auditAlarm of the trials.
func (h *History) audit() record.Check {
	const name = "audit"
	a := h.Audit
	if a.Broken > 0 {
		return record.Fail(name, a.Picks, "%d of %d picks went to a server that policy %s gives no chance at the loads known then",
			a.Broken, a.Picks, h.Policy)
	}
	for _, s := range h.Servers {
		if len(h.Servers) <= wholeAudit && s.Tally.Picks != s.Picks {
			return record.Fail(name, a.Picks, "%s was picked %d times, of which %d were audited: picks are changed behind the policy",
				s.Key(), s.Picks, s.Tally.Picks)
		}
	}
	looks := 2 * (len(h.Servers) + 1) // both sides
	for _, s := range h.Servers {
		if bound := chanceReach(s.Tally.Variance, looks); math.Abs(s.Tally.excess()) > bound {
			return record.Fail(name, a.Picks, "%s was picked %d times; by policy %s and the loads known at each pick %.1f ± %.1f "+
				"were to be expected (chance of that below %g)",
				s.Key(), s.Tally.Picks, h.Policy, s.Tally.Expected, bound, auditAlarm)
		}
	}
	if bound := chanceReach(a.RankVariance, looks); math.Abs(a.Rank) > bound {
		return record.Fail(name, a.Picks, "the picked servers stood %.3f places of 1 off what policy %s makes of the loads known at each pick, "+
			"at most %.3f is chance (below %g)",
			a.Rank/float64(a.Picks), h.Policy, bound/float64(a.Picks), auditAlarm)
	}
	c := record.Pass(name, a.Picks)
	c.Detail = fmt.Sprintf("ranks off by %.2f of %.2f", math.Abs(a.Rank), chanceReach(a.RankVariance, looks))
	return c
}

// chanceReach is how far a martingale of steps up to 1 gets by chance, given
// the sum of its steps' variances, if one of so many looks may be wrong in
// auditAlarm of the trials (D. A. Freedman, On tail probabilities for
// martingales, Ann. Probab. 3(1), 1975): beyond x and with a variance up to v in
// at most exp(−x²/(2v + 2x/3)). The variance is known only afterwards, so that
// v is the next power of two, and the chance is shared among these.
func chanceReach(variance float64, looks int) float64 {
	v := math.Exp2(math.Ceil(auditSteps*math.Log2(max(variance, 1))) / auditSteps)
	l := math.Log(float64(looks) * auditSteps * auditDoublings / auditAlarm)
	return l/3 + math.Sqrt(l*l/9+2*l*v)
}

// Proxied is what a history has more, and less, when a proxy chooses the
// servers: who had a request that was not answered, nobody tells.
type Proxied struct {
	Software string // packages with versions
	Retries  int    // how many more servers the proxy may ask for a request
	Leaning  Leaning
}

// Leaning is how much requests went to servers that had few under way, as their
// clients saw it.
type Leaning struct {
	Picks  int64
	Excess float64 // under way where they went, above the least that any server had, summed up
	Coin   float64 // the same that a coin would have been expected to make of these picks
}

// What policies make of picks, as a share of what a coin makes. Between a client
// and its server requests under way are seen a little late, so that none of these
// is what the policy's definition would give.
const (
	leastLeans = 0.4 // at most, of the server with the fewest
	twoLeans   = 0.8 // at most, of the better of two
	manyLeans  = 300 // picks, from which on it is asked
)

// proxied holds a proxy against its policy, and its servers against what it was
// sent.
func (h *History) proxied() []record.Check {
	software := record.Pass("software", 1)
	software.Detail = h.Proxied.Software
	checks := []record.Check{software, h.passedOn()}
	equal := !slices.ContainsFunc(h.Servers, func(s Server) bool { return s.Capacity != h.Servers[0].Capacity })
	if !h.Faults && equal {
		checks = append(checks, h.proxyPolicy())
	}
	return checks
}

// passedOn: servers had no more requests than were sent, and asked again.
func (h *History) passedOn() record.Check {
	const name = "passed-on"
	var sent, ok, had int64
	for _, c := range h.Clients {
		sent, ok = sent+c.Counts.Sent, ok+c.Counts.OK
	}
	for _, s := range h.Servers {
		had += s.Requests + s.Abandoned + s.InFlight
	}
	most := sent
	if h.Faults {
		most *= int64(1 + h.Proxied.Retries)
	}
	if had > most || had < ok && !h.Faults {
		return record.Fail(name, sent, "the proxy was sent %d requests and answered %d; its servers had %d", sent, ok, had)
	}
	return record.Pass(name, sent)
}

// proxyPolicy: servers that are as fast as each other got the requests that the
// policy of this meaning gives them. Who takes turns gives all the same; who looks
// at connections sends few to where many are.
func (h *History) proxyPolicy() record.Check {
	const name = "policy"
	l := h.Proxied.Leaning
	bound := map[string]float64{"least_load": leastLeans, "power_of_two": twoLeans}[h.Policy]
	switch {
	case bound == 0:
		return h.turns()
	case h.Service == 0: // what is under way is on its way: nobody can tell how much a server has
		return record.Check{Name: name, Status: record.Valid, Examined: 1, Detail: "not asked: servers answer at once"}
	case l.Picks < manyLeans || l.Coin <= 0:
		return record.Doubt(name, l.Picks, "%d requests are too few to tell", l.Picks)
	case l.Excess > bound*l.Coin:
		return record.Fail(name, l.Picks, "requests went to servers with %.2f more under way than the least busy one had; a coin makes "+
			"that %.2f, and policy %s at most %.0f %% of it", l.Excess/float64(l.Picks), l.Coin/float64(l.Picks), h.Policy, 100*bound)
	}
	c := record.Pass(name, l.Picks)
	c.Detail = fmt.Sprintf("%.2f of a coin's", l.Excess/l.Coin)
	return c
}

// uneven is by how much turns may differ: where one request is asked again.
const uneven = 3

// turns: all servers had the same number of requests.
func (h *History) turns() record.Check {
	const name = "policy"
	var n int64
	least, most := h.Servers[0].Requests, h.Servers[0].Requests
	for _, s := range h.Servers {
		n += s.Requests
		least, most = min(least, s.Requests), max(most, s.Requests)
	}
	if most-least > uneven {
		return record.Fail(name, n, "under %s one server had %d requests and another one %d", h.Policy, most, least)
	}
	return record.Pass(name, n)
}
