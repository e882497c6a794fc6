package client

import (
	"slices"
	"time"

	"dyno/bench/load"
	"dyno/internal/record"
)

// Summary is what a client process writes at its end: the load as it was, and
// who did what. Durations are in nanoseconds.
type Summary struct {
	Load       load.Summary    `json:"load"`
	Cores      float64         `json:"cores"`               // of the processor, mean over the window, this process; not of a search
	CPUSlack   time.Duration   `json:"cpu_slack_ns"`        // how far from the window's ends that was read
	Alone      int64           `json:"alone"`               // requests in mode ask that were not asked for, since the balancer was away
	Reserve    Reserve         `json:"reserve"`             // picks that were made ahead of requests, in mode ask
	Broken     int64           `json:"broken"`              // attempts that did not bring an answer
	LastBroken int64           `json:"last_broken_unix_ns"` // when the last request ended that had one; 0: none had
	Leaning    Leaning         `json:"leaning"`             // of requests to servers that had few under way
	Servers    []ServerSummary `json:"servers"`             // by first pick; the index is the target in Load
	Clients    []ClientSummary `json:"clients"`
	Calls      []Call          `json:"calls,omitempty"` // the first ones of each client, if they were asked for
}

// Call is one request. Times are nanoseconds since 1970.
type Call struct {
	Client  int            `json:"client"`
	Number  int64          `json:"number"` // of the client's requests, from 0
	Began   int64          `json:"began"`  // it was asked who is to serve
	Sent    int64          `json:"sent"`   // that was known, and the work left for it; 0: nobody was there
	Ended   int64          `json:"ended"`
	Server  int32          `json:"server"` // who had it last, an index of Servers; -1: nobody
	Outcome record.Outcome `json:"outcome"`
	Reason  string         `json:"reason,omitempty"` // if it was not ok
}

// Reserve is what came of picks that were made ahead of requests.
type Reserve struct {
	Used   int64            `json:"used"`
	Age    time.Duration    `json:"age_ns"` // of those used when they were, the mean
	Oldest time.Duration    `json:"oldest_ns"`
	Unused map[string]int64 `json:"unused"` // by ID/INSTANCE: too old, or left over
}

// ServerSummary is one instance of a server as this process saw it.
type ServerSummary struct {
	ID           string `json:"id"`
	Instance     string `json:"instance"`
	Address      string `json:"address"`
	MaxInFlight  int64  `json:"max_in_flight"` // requests under way, by who served them at last, as far as there are spans; not of a search
	LastPickedNS int64  `json:"last_picked_unix_ns"`
	Window       Work   `json:"window"` // requests that ended in the window; not of a search
	Total        Work   `json:"total"`
	Sent         int64  `json:"sent"` // attempts, broken ones included
}

// Work sums up right answers.
type Work struct {
	OK      int64         `json:"ok"`
	Sojourn time.Duration `json:"sojourn_ns"` // in the server, by its clock
	Service time.Duration `json:"service_ns"` // given by the service-time model
}

// ClientSummary is one client of a closed loop, or one slot of an open one.
type ClientSummary struct {
	Counts   record.Counts `json:"counts"`
	Verified int64         `json:"verified"` // answers held against the client's own computation
	Wrong    int64         `json:"wrong"`    // of these, those that differed
	Repicks  int64         `json:"repicks"`  // picks after a server had broken off
	Shares   []Share       `json:"shares"`   // same order as account.Servers
	Reason   string        `json:"reason,omitempty"`
}

// Share is what one client had to do with one server.
type Share struct {
	Sent    int64         `json:"sent"`
	OK      int64         `json:"ok"`
	Sojourn time.Duration `json:"sojourn_ns"`
}

// summary closes the books of a load that is over. Its spans are nil when it
// was a search: then nothing is known of the window.
func (c *caller) summary(sum load.Summary, spans *load.Result) Summary {
	a := Summary{Load: sum, Servers: make([]ServerSummary, len(c.instances.all)), Clients: make([]ClientSummary, sum.Clients)}
	for i, s := range c.instances.all {
		a.Servers[i] = ServerSummary{ID: s.ID, Instance: s.Instance, Address: s.Address}
	}
	for i := range a.Clients {
		log := &c.clients[i]
		log.counts.Offered = log.counts.Sent
		a.Clients[i] = ClientSummary{
			Counts: log.counts, Verified: log.verified, Wrong: log.wrong, Repicks: log.repicks,
			Shares: make([]Share, len(a.Servers)), Reason: log.reason,
		}
		a.Calls = append(a.Calls, log.calls...)
		a.Broken += log.broken
		if !log.lastBroken.IsZero() {
			a.LastBroken = max(a.LastBroken, log.lastBroken.UnixNano())
		}
		for target, t := range log.tried {
			if target == nobody {
				continue // past maxInstances
			}
			a.Clients[i].Shares[target] = Share{Sent: t.sent, OK: t.total.OK, Sojourn: t.total.Sojourn}
			server := &a.Servers[target]
			server.Sent += t.sent
			server.LastPickedNS = max(server.LastPickedNS, t.last.UnixNano())
			server.Total.sum(t.total)
			server.Window.sum(t.window)
		}
	}
	if spans != nil {
		most := peaks(spans)
		for i := range a.Servers {
			a.Servers[i].MaxInFlight = most[int32(i)]
		}
		a.Leaning = leaning(spans, len(a.Servers))
	}
	a.Load.FirstError = c.errors.String()
	return a
}

// sum adds another one's work.
func (w *Work) sum(v Work) {
	w.OK += v.OK
	w.Sojourn += v.Sojourn
	w.Service += v.Service
}

func (w *Work) add(a answer) {
	w.OK++
	w.Sojourn += a.sojourn
	w.Service += a.service
}

// peaks is the most requests that were under way at once, by who served them, of
// those whose spans were kept.
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
