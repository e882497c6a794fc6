package balancer

import "dyno/systems/lookaside/core/policy"

// auditCost bounds what the audit of a pick may cost, in comparisons of two
// servers: with more servers than 16 only some of the picks are audited.
const auditCost = 256

// Audit holds the picks of a policy against the chances that its promise gives
// each server, by the loads that were known at that very pick; see
// [policy.Chances]. Whatever the loads were, an honest policy's sums below wander
// about 0 like a martingale, so that bounds on chance need no model of the load.
type Audit struct {
	Picks  int64 // audited
	Broken int64 // of these, those of a server that had no chance at all

	// Rank sums up, over the picks, how much worse than expected the picked
	// server was among all: 0 is the best, 1 the worst, alike share their places.
	// A coin in place of a comparison is seen here. RankVariance sums up the
	// variances of that.
	Rank, RankVariance float64
}

// Tally is the part of an [Audit] that concerns one server: how often it was
// picked, how often it was to be expected, and the variance of that.
type Tally struct {
	Picks              int64
	Expected, Variance float64

	assigned int // picks since they were last counted anew, by the audit's own count
	anew     int // how often that had been when this count began
}

// auditor does the sums. The zero value audits nothing.
type auditor struct {
	promise policy.Shares
	audit   Audit
	loads   []float64 // of the servers that may be picked
	chances []float64
	skipped int
}

// Audit returns what the picks of the whole life of the balancer came to; no
// picks when the policy promises nothing that could be audited.
func (b *Balancer) Audit() Audit { return b.auditor.audit }

// pick audits the choice of view[i], before it changes the view.
func (a *auditor) pick(view []policy.Server, rows []*row, i int) {
	if a.promise == "" {
		return
	}
	a.skipped++
	audited := a.skipped > len(view)*len(view)/auditCost
	wrong := audited && a.miscounted(view, rows)
	rows[i].recount()
	rows[i].tally.assigned++
	if !audited {
		return
	}
	a.skipped = 0
	if cap(a.loads) < len(view) {
		a.loads, a.chances = make([]float64, len(view)), make([]float64, len(view))
	}
	loads, p := a.loads[:len(view)], a.chances[:len(view)]
	policy.Loads(view, loads)
	if !policy.Chances(a.promise, loads, p) {
		a.promise = "" // it says nothing of single picks
		return
	}
	a.audit.Picks++
	if p[i] == 0 || wrong {
		a.audit.Broken++
	}
	for j, r := range rows {
		r.tally.Expected += p[j]
		r.tally.Variance += p[j] * (1 - p[j])
	}
	rows[i].tally.Picks++
	a.audit.rank(loads, p, i)
}

// miscounted reports whether the view has another number of picks since the last
// report than the audit counted: a policy that does not see its own picks runs to
// one server, with the best of reasons.
func (a *auditor) miscounted(view []policy.Server, rows []*row) (wrong bool) {
	for j, r := range rows {
		r.recount()
		wrong = wrong || r.tally.assigned != view[j].Assigned
	}
	return wrong
}

// recount begins the audit's own count anew where the balancer has. A pick asks it
// of its own row only: what else has begun anew can wait until somebody looks.
func (r *row) recount() {
	if r.tally.anew != r.anew {
		r.tally.assigned, r.tally.anew = 0, r.anew
	}
}

// rank adds how the picked server stood among all.
func (a *Audit) rank(loads, p []float64, i int) {
	if len(loads) < 2 {
		return
	}
	var mean, square float64
	for j := range loads {
		r := policy.Rank(loads, j)
		mean += p[j] * r
		square += p[j] * r * r
	}
	a.Rank += policy.Rank(loads, i) - mean
	a.RankVariance += max(square-mean*mean, 0)
}
