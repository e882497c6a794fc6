package check

import (
	"cmp"
	"fmt"
	"math"
	"slices"
	"time"

	"dyno/internal/record"
	"dyno/systems/lookaside/core/policy"
)

// starved is how many picks per server it takes to be sure that a policy that
// follows the load passes over one of them: the score of an idle server of the
// highest capacity is at worst tied for the lowest, so among n servers it is
// missed by n·x picks with a chance of at most e^-x.
const starved = 30

// manyPicks per server make a sum of chances nearly normal, and chanceBound
// standard deviations are then exceeded about once in 10⁹ trials of a hundred
// servers.
const (
	manyPicks   = 50
	chanceBound = 7
)

// maxOversleep is the mean delay of a departure against the service-time
// model, as a share of the mean service time, above which response times say
// more about timers than about queues.
const maxOversleep = 0.1

// Punctual names the check that spoils figures but says nothing against
// the answers.
const Punctual = "service-time-model"

// shares: the policy spread the picks as it promises. It holds for servers
// that all joined before the first pick and stayed; where requests failed,
// some may have been suspect for a while, and nothing is proved.
//
// A policy that follows the load promises no shares, only that nobody idle is
// passed over: given enough picks, no server of the highest capacity may be left
// without any. Where chance has a part, the bounds are wide enough to be missed
// less than once in a billion trials. Given too few picks for a promise there is
// no check, and none for least_reported, which leaves servers idle by design.
func (h *History) shares() []record.Check {
	const name = "shares"
	promise, err := policy.Lookup(h.Policy)
	if err != nil {
		return []record.Check{record.Doubt(name, 0, "%v", err)}
	}
	n := h.picksTotal()
	holds := h.promised(promise.Shares, n)
	if holds == nil {
		return nil
	}
	violation := holds()
	c := record.Pass(name, n)
	if violation != "" && h.Moved {
		return []record.Check{record.Doubt(name, n, "%s", moved)}
	}
	if lost := h.disturbed(); violation != "" && lost > 0 {
		c = record.Doubt(name, n, "%s; but %d requests were not ok, so servers may have been suspect", violation, lost)
	} else if violation != "" {
		c = record.Fail(name, n, "%s", violation)
	}
	return []record.Check{c}
}

// promised returns what says how a promise about n picks is broken; nil if
// there is nothing to check.
func (h *History) promised(shares policy.Shares, n int64) func() string {
	enough := func(each int64) bool { return n >= each*int64(len(h.Servers)) }
	switch {
	case shares == policy.First:
		return func() string { return h.scattered(n) }
	case shares == policy.Even:
		return h.uneven
	case shares == policy.Chance && enough(manyPicks):
		return func() string { return h.improbable(n) }
	case shares == policy.Weighted && enough(starved) && h.Service > 0:
		return func() string { return h.outOfProportion(n) }
	case shares == policy.Pairs && enough(manyPicks):
		return func() string { return cmp.Or(h.passedOver(), h.overdrawn(n)) }
	case (shares == policy.Loaded || shares == policy.Probed) && enough(starved):
		return h.passedOver
	default:
		return nil
	}
}

// improbable says which server's count is not what dice give: n picks that fall on
// each of m servers alike are n/m, with a standard deviation below √(n/m).
func (h *History) improbable(n int64) string {
	mean := float64(n) / float64(len(h.Servers))
	for _, s := range h.Servers {
		if off := math.Abs(float64(s.Picks) - mean); off > chanceBound*math.Sqrt(mean) {
			return fmt.Sprintf("%s was picked %d times of %d, chance gives %.0f ± %.0f", s.Key(), s.Picks, n, mean, math.Sqrt(mean))
		}
	}
	return ""
}

// overdrawn says which server was picked more often than it can have been
// drawn, if two of m are drawn for each pick.
func (h *History) overdrawn(n int64) string {
	drawn := min(2/float64(len(h.Servers)), 1) * float64(n)
	for _, s := range h.Servers {
		if float64(s.Picks) > drawn+chanceBound*math.Sqrt(drawn) {
			return fmt.Sprintf("%s was picked %d times of %d, but drawn about %.0f times", s.Key(), s.Picks, n, drawn)
		}
	}
	return ""
}

// outOfProportion says which server's share is not what its capacity is, within
// a factor of 2. Weights are capacities, or rates that were measured over
// enough requests to be right within a third; the check of capacity has shown
// that servers are as fast as they say. Of servers that are due only a few
// picks nothing is said.
func (h *History) outOfProportion(n int64) string {
	total := 0.0
	for _, s := range h.Servers {
		total += s.Capacity
	}
	for _, s := range h.Servers {
		due, got := float64(n)*s.Capacity/total, float64(s.Picks)
		if due >= starved && (got < due/2 || got > 2*due) {
			return fmt.Sprintf("%s, with %.2g of the capacity, was picked %d times of %d: %.0f were due", s.Key(), s.Capacity/total, s.Picks, n, due)
		}
	}
	return ""
}

// uneven says which counts differ by more than 1.
func (h *History) uneven() string {
	if len(h.Servers) == 0 {
		return ""
	}
	byPicks := func(a, b Server) int { return cmp.Compare(a.Picks, b.Picks) }
	least, most := slices.MinFunc(h.Servers, byPicks), slices.MaxFunc(h.Servers, byPicks)
	if most.Picks-least.Picks <= 1 {
		return ""
	}
	return fmt.Sprintf("%s was picked %d times, %s %d times: counts may differ by 1", least.Key(), least.Picks, most.Key(), most.Picks)
}

// scattered says how many picks went past the first server.
func (h *History) scattered(n int64) string {
	if len(h.Servers) == 0 || h.Servers[0].Picks == n {
		return ""
	}
	return fmt.Sprintf("the first server, %s, had %d of %d picks", h.Servers[0].Key(), h.Servers[0].Picks, n)
}

// passedOver names a server of the highest capacity that was never picked.
func (h *History) passedOver() string {
	var fastest float64
	for _, s := range h.Servers {
		fastest = max(fastest, s.Capacity)
	}
	for _, s := range h.Servers {
		if s.Capacity == fastest && s.Picks == 0 {
			return fmt.Sprintf("%s, of the highest capacity, was never picked", s.Key())
		}
	}
	return ""
}

// disturbed counts the requests that were not answered rightly.
func (h *History) disturbed() (n int64) {
	for _, c := range h.Clients {
		n += c.Counts.Sent - c.Counts.OK
	}
	return n
}

// capacity: no server worked for longer than the trial lasted, and each was as
// fast as its capacity says: the mean of n drawn service times lies within six
// standard errors of the model's (2 in 10⁹ by chance; the exponential's
// standard deviation is its mean, a constant's less).
func (h *History) capacity() record.Check {
	const name = "capacity"
	const fewest = 100 // requests for the mean to be told from chance
	var n int64
	for _, s := range h.Servers {
		if s.Lost {
			continue
		}
		n += s.Requests
		if s.Busy > h.Elapsed {
			return record.Fail(name, n, "%s was busy for %v of %v", s.Key(), s.Busy, h.Elapsed)
		}
		if s.Requests < fewest || s.Abandoned > 0 { // the long ones are given up first
			continue
		}
		mean, want := float64(s.Busy)/float64(s.Requests), float64(h.Service)/s.Capacity
		if slack := 6 * want / math.Sqrt(float64(s.Requests)); math.Abs(mean-want) > slack {
			return record.Fail(name, n, "%s: mean service time %v over %d requests, the model's is %v ± %v",
				s.Key(), time.Duration(mean), s.Requests, time.Duration(want), time.Duration(slack))
		}
	}
	return record.Pass(name, n)
}

// punctual: departures kept to the service-time model; if they did not, the
// figures stand for something else, and the trial proves nothing.
func (h *History) punctual() record.Check {
	var n int64
	for _, s := range h.Servers {
		if !s.Lost {
			n += s.Requests
		}
	}
	if share := h.OversleepShare(); share > maxOversleep {
		return record.Doubt(Punctual, n, "departures were late by %.1f %% of the service time on average; at most %.0f %% is tolerated",
			100*share, 100*maxOversleep)
	}
	return record.Pass(Punctual, n)
}

// OversleepShare is the mean delay of departures against the service-time
// model divided by the mean service time given; 0 when nothing was served.
func (h *History) OversleepShare() float64 {
	var late, busy float64
	for _, s := range h.Servers {
		if !s.Lost {
			late += float64(s.Oversleep)
			busy += float64(s.Busy)
		}
	}
	if busy == 0 {
		return 0
	}
	return late / busy
}

func (h *History) picksTotal() (n int64) {
	for _, s := range h.Servers {
		n += s.Picks
	}
	return n
}
