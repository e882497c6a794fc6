package check

import (
	"fmt"
	"slices"

	"dyno/internal/record"
)

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
