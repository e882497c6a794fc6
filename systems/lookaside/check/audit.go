package check

import (
	"fmt"
	"math"

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
