package lookaside

import (
	"slices"
	"time"

	"dyno/bench/load"
	"dyno/internal/record"
)

// account is what a client process writes at its end: the load as it was, and
// who did what. Durations are in nanoseconds.
type account struct {
	Load       load.Summary    `json:"load"`
	Cores      float64         `json:"cores"`               // of the processor, mean over the window, this process; not of a search
	CPUSlack   time.Duration   `json:"cpu_slack_ns"`        // how far from the window's ends that was read
	Alone      int64           `json:"alone"`               // requests in mode ask that were not asked for, since the balancer was away
	Broken     int64           `json:"broken"`              // attempts that did not bring an answer
	LastBroken int64           `json:"last_broken_unix_ns"` // when the last request ended that had one; 0: none had
	Servers    []serverAccount `json:"servers"`             // by first pick; the index is the target in Load
	Clients    []clientAccount `json:"clients"`
}

// serverAccount is one instance of a server as this process saw it.
type serverAccount struct {
	ID           string     `json:"id"`
	Instance     string     `json:"instance"`
	Address      string     `json:"address"`
	MaxInFlight  int64      `json:"max_in_flight"` // requests under way, by who served them at last; not of a search
	LastPickedNS int64      `json:"last_picked_unix_ns"`
	Window       serverWork `json:"window"` // requests that ended in the window; not of a search
	Total        serverWork `json:"total"`
	Sent         int64      `json:"sent"` // attempts, broken ones included
}

// serverWork sums up right answers.
type serverWork struct {
	OK      int64         `json:"ok"`
	Sojourn time.Duration `json:"sojourn_ns"` // in the server, by its clock
	Service time.Duration `json:"service_ns"` // given by the service-time model
}

// clientAccount is one client of a closed loop, or one slot of an open one.
type clientAccount struct {
	Counts   record.Counts  `json:"counts"`
	Verified int64          `json:"verified"` // answers held against the client's own computation
	Wrong    int64          `json:"wrong"`    // of these, those that differed
	Repicks  int64          `json:"repicks"`  // picks after a server had broken off
	Shares   []accountShare `json:"shares"`   // same order as account.Servers
	Reason   string         `json:"reason,omitempty"`
}

// accountShare is what one client had to do with one server.
type accountShare struct {
	Sent    int64         `json:"sent"`
	OK      int64         `json:"ok"`
	Sojourn time.Duration `json:"sojourn_ns"`
}

// account closes the books of a load that is over. Its spans are nil when it
// was a search: then nothing is known of the window.
func (c *caller) account(sum load.Summary, spans *load.Result) account {
	a := account{Load: sum, Servers: make([]serverAccount, len(c.instances.all)), Clients: make([]clientAccount, sum.Clients)}
	for i, s := range c.instances.all {
		a.Servers[i] = serverAccount{ID: s.ID, Instance: s.Instance, Address: s.Address}
	}
	for i := range a.Clients {
		log := &c.clients[i]
		log.counts.Offered = log.counts.Sent
		a.Clients[i] = clientAccount{
			Counts: log.counts, Verified: log.verified, Wrong: log.wrong, Repicks: log.repicks,
			Shares: make([]accountShare, len(a.Servers)), Reason: log.reason,
		}
		a.Broken += log.broken
		if log.broken > 0 {
			a.LastBroken = max(a.LastBroken, log.lastBroken.UnixNano())
		}
		for target, t := range log.tried {
			if target == nobody {
				continue // past maxInstances
			}
			a.Clients[i].Shares[target].Sent = t.sent
			server := &a.Servers[target]
			server.Sent += t.sent
			server.LastPickedNS = max(server.LastPickedNS, t.last.UnixNano())
		}
		a.answered(i, log.answers)
	}
	if spans != nil {
		a.measure(spans, c.clients)
	}
	return a
}

// answered counts a client's right answers.
func (a *account) answered(client int, answers []answer) {
	for _, ans := range answers {
		if !ans.ok {
			continue
		}
		share := &a.Clients[client].Shares[ans.target]
		share.OK++
		share.Sojourn += ans.sojourn
		a.Servers[ans.target].Total.add(ans)
	}
}

// measure adds what takes the time of each request. The spans of a result come
// by client, then by time, just as the answers do.
func (a *account) measure(res *load.Result, clients []clientLog) {
	most := peaks(res)
	for i := range a.Servers {
		a.Servers[i].MaxInFlight = most[int32(i)]
	}
	next := make([]int, res.Clients)
	for _, s := range res.Spans {
		ans := clients[s.Client].answers[next[s.Client]]
		next[s.Client]++
		if ans.ok && s.End >= res.BeginNS && s.End <= res.EndNS {
			a.Servers[ans.target].Window.add(ans)
		}
	}
}

func (w *serverWork) add(a answer) {
	w.OK++
	w.Sojourn += a.sojourn
	w.Service += a.service
}

// peaks is the most requests that were under way at once, by who served them.
func peaks(res *load.Result) map[int32]int64 {
	changes := make(map[int32][]int64) // nanoseconds, doubled; odd: an arrival
	for _, s := range res.Spans {
		changes[s.Target] = append(changes[s.Target], 2*s.Begin+1, 2*s.End)
	}
	most := make(map[int32]int64, len(changes))
	for target, at := range changes {
		slices.Sort(at)
		var n int64
		for _, t := range at {
			if t%2 == 0 {
				n--
				continue
			}
			n++
			most[target] = max(most[target], n)
		}
	}
	return most
}
