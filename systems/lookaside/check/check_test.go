package check

import (
	"fmt"
	"maps"
	"slices"
	"strings"
	"testing"
	"time"

	"dyno/internal/record"
)

// goodHistory is what a trial without faults looks like: n servers, clients
// that spread their requests evenly, everything right.
func goodHistory(policy string, n int) *History {
	const clients, rounds = 4, 100 // each client sends each server so many
	h := &History{
		Policy: policy, Asked: true, Service: 20 * time.Millisecond,
		Elapsed: time.Hour, Bound: 3 * time.Second,
	}
	if policy == "pick_first" {
		h.Servers = make([]Server, 1, n)
	} else {
		h.Servers = make([]Server, n)
	}
	used := len(h.Servers)
	for c := range clients {
		h.Clients = append(h.Clients, Client{Name: fmt.Sprintf("client %d", c), Servers: make(map[string]Share)})
	}
	for i := range h.Servers {
		s := &h.Servers[i]
		*s = Server{ID: fmt.Sprintf("s%d", i+1), Instance: "a", Capacity: 1}
		for j := range h.Clients {
			c := &h.Clients[j]
			sojourn := time.Duration(1000*i+j) * time.Millisecond
			c.Servers[s.Key()] = Share{Sent: rounds, OK: rounds, Sojourn: sojourn}
			c.Counts.Add(record.Counts{Offered: rounds, Sent: rounds, OK: rounds})
			c.Verified += rounds
			s.Picks += rounds
			s.Requests += rounds
			s.Area += sojourn
			s.Busy += rounds * h.Service
			s.Oversleep += rounds * h.Service / 100
		}
	}
	for i := used; i < n; i++ {
		h.Servers = append(h.Servers, Server{ID: fmt.Sprintf("s%d", i+1), Instance: "a", Capacity: 1})
	}
	return h
}

// faultyHistory is what a trial with a server that was killed looks like: its
// counts are lost, and so are some answers.
func faultyHistory() *History {
	h := goodHistory("round_robin", 3)
	h.Faults = true
	h.Servers[0] = Server{
		ID: "s1", Instance: "a", Capacity: 1, Lost: true,
		Gone: true, GoneAt: 2 * time.Second, LastPicked: 4 * time.Second,
	}
	h.Servers[1].Picks = 7 // the balancer was restarted
	h.Servers[1].Requests++
	h.Servers[1].Area += time.Second
	c := &h.Clients[1]
	c.share("s2/a", func(s *Share) { s.Sent += 2 }) // one was completed, one was not
	c.Counts.Add(record.Counts{Offered: 2, Sent: 2, Unknown: 1, Failed: 1})
	return h
}

func (c *Client) share(key string, change func(*Share)) {
	s := c.Servers[key]
	change(&s)
	c.Servers[key] = s
}

func statuses(h *History) map[string]record.Status {
	out := make(map[string]record.Status)
	for _, c := range h.Checks() {
		out[c.Name] = c.Status
	}
	return out
}

func TestGoodHistoriesAreValid(t *testing.T) {
	few := goodHistory("least_load", 3)
	for i := range few.Servers {
		few.Servers[i].Picks = 0 // as if in mode list
	}
	few.Asked = false
	burning := goodHistory("round_robin", 3)
	burning.Service = 0
	for i := range burning.Servers {
		burning.Servers[i].Busy, burning.Servers[i].Oversleep = 0, 0
	}
	uneven := goodHistory("least_load", 12)
	uneven.Servers[4].Capacity, uneven.Servers[4].Busy = 0.2, 5*uneven.Servers[4].Busy
	for name, c := range map[string]struct {
		h    *History
		want string // the checks that apply
	}{
		"pick_first":  {goodHistory("pick_first", 3), "accounting answers capacity little-at-servers picks service-time-model shares"},
		"round_robin": {goodHistory("round_robin", 12), "accounting answers capacity little-at-servers picks service-time-model shares"},
		"least_load":  {goodHistory("least_load", 10), "accounting answers capacity little-at-servers picks service-time-model shares"},
		"too few picks for a claim about least_load": {
			goodHistory("least_load", 12).thin(),
			"accounting answers capacity little-at-servers picks service-time-model",
		},
		"random": {goodHistory("random", 8), "accounting answers capacity little-at-servers picks service-time-model shares"},
		"weighted_round_robin": {
			goodHistory("weighted_round_robin", 8),
			"accounting answers capacity little-at-servers picks service-time-model shares",
		},
		"power_of_two":         {goodHistory("power_of_two", 8), "accounting answers capacity little-at-servers picks service-time-model shares"},
		"two for power_of_two": {goodHistory("power_of_two", 2), "accounting answers capacity little-at-servers picks service-time-model shares"},
		"peak_ewma":            {goodHistory("peak_ewma", 8), "accounting answers capacity little-at-servers picks service-time-model shares"},
		"prequal":              {goodHistory("prequal", 8), "accounting answers capacity little-at-servers picks service-time-model shares"},
		"least_reported":       {goodHistory("least_reported", 8), "accounting answers capacity little-at-servers picks service-time-model"},
		"random, too few":      {goodHistory("random", 8).thin(), "accounting answers capacity little-at-servers picks service-time-model"},
		"uneven":               {uneven, "accounting answers capacity little-at-servers picks service-time-model shares"},
		"one server":           {goodHistory("round_robin", 1), "accounting answers capacity little-at-servers picks service-time-model shares"},
		"list":                 {few, "accounting answers capacity little-at-servers service-time-model"},
		"burning CPU":          {burning, "accounting answers little-at-servers picks shares"},
		"killed a server":      {faultyHistory(), "accounting answers capacity gone little-at-servers service-time-model"},
	} {
		t.Run(name, func(t *testing.T) {
			checks := c.h.Checks()
			if v := record.Judge(checks...); v.Status != record.Valid {
				t.Errorf("verdict %s: %v", v.Status, v.Reasons())
			}
			if got := strings.Join(slices.Sorted(maps.Keys(statuses(c.h))), " "); got != c.want {
				t.Errorf("checks %s\nwant %s", got, c.want)
			}
		})
	}
}

// thin leaves a twentieth of the requests.
func (h *History) thin() *History {
	for i := range h.Servers {
		s := &h.Servers[i]
		s.Picks, s.Requests, s.Area, s.Busy, s.Oversleep = s.Picks/20, s.Requests/20, s.Area/20, s.Busy/20, s.Oversleep/20
	}
	for i := range h.Clients {
		c := &h.Clients[i]
		c.Counts.Offered, c.Counts.Sent, c.Counts.OK, c.Verified = c.Counts.Offered/20, c.Counts.Sent/20, c.Counts.OK/20, c.Verified/20
		for key := range c.Servers {
			c.share(key, func(s *Share) { s.Sent, s.OK, s.Sojourn = s.Sent/20, s.OK/20, s.Sojourn/20 })
		}
	}
	return h
}

// listed is a trial in mode list: the balancer sees no picks.
func listed() *History {
	h := roundRobin()
	h.Asked = false
	for i := range h.Servers {
		h.Servers[i].Picks = 0
	}
	return h
}

// fallenBack is a trial in mode ask whose balancer was restarted: meanwhile
// clients went on by its last list, and it counts its picks from nothing.
func fallenBack() *History {
	h := roundRobin()
	h.Asked, h.Faults = false, true
	for i := range h.Servers {
		h.Servers[i].Picks /= 3
	}
	return h
}

func roundRobin() *History { return goodHistory("round_robin", 3) }
func pickFirst() *History  { return goodHistory("pick_first", 3) }

func history(policy string, n int) func() *History {
	return func() *History { return goodHistory(policy, n) }
}

// move takes picks from one server and gives them to another; that clients do
// not say so is for another check to notice.
func move(from, to int, picks int64) func(*History) {
	return func(h *History) {
		h.Servers[from].Picks -= picks
		h.Servers[to].Picks += picks
	}
}

// mutants break one property each.
var mutants = []struct {
	name   string
	good   func() *History
	mutate func(*History)
	check  string // the one that must notice
	want   record.Status
}{
	{"a wrong answer", roundRobin, func(h *History) {
		h.Clients[2].Wrong++
		h.Clients[2].Verified++
		h.Clients[2].Counts.Add(record.Counts{Offered: 1, Sent: 1, Failed: 1})
		h.Clients[2].share("s1/a", func(s *Share) { s.Sent++ })
	}, "answers", record.Invalid},
	{"an answer nobody verified", roundRobin, func(h *History) { h.Clients[0].Verified-- }, "answers", record.Invalid},
	// Of nothing examined; Judge says unknown.
	{"no answers at all", roundRobin, func(h *History) { h.Clients = nil }, "answers", record.Valid},

	{"a request without an outcome", roundRobin, func(h *History) {
		h.Clients[1].Counts.Sent++
		h.Clients[1].Counts.Offered++
	}, "accounting", record.Invalid},
	{"an ok that no server is credited with", roundRobin, func(h *History) {
		h.Clients[1].Counts.Add(record.Counts{Offered: 1, Sent: 1, OK: 1})
	}, "accounting", record.Invalid},
	{"an answer credited to the wrong server", roundRobin, func(h *History) {
		h.Clients[0].share("s1/a", func(s *Share) { s.OK--; s.Sent-- })
		h.Clients[0].share("s2/a", func(s *Share) { s.OK++; s.Sent++ })
	}, "accounting", record.Invalid},
	{"more answers than requests", roundRobin, func(h *History) {
		h.Clients[0].share("s1/a", func(s *Share) { s.Sent-- })
	}, "accounting", record.Invalid},
	{"an answer from nowhere", roundRobin, func(h *History) {
		h.Clients[0].Servers["s9/a"] = Share{Sent: 1, OK: 1}
		h.Clients[0].Counts.Add(record.Counts{Offered: 1, Sent: 1, OK: 1})
	}, "accounting", record.Invalid},
	{"a server that served twice", roundRobin, func(h *History) { h.Servers[1].Requests++ }, "accounting", record.Invalid},
	{"a server that forgot a request", roundRobin, func(h *History) { h.Servers[1].Requests-- }, "accounting", record.Invalid},
	{"a request given up that nobody sent", roundRobin, func(h *History) { h.Servers[1].Abandoned++ }, "accounting", record.Invalid},
	{"requests left after the drain", func() *History {
		h := roundRobin()
		h.Servers[0].Picks++
		h.Clients[0].share("s1/a", func(s *Share) { s.Sent++ })
		h.Clients[0].Counts.Add(record.Counts{Offered: 1, Sent: 1, Unknown: 1})
		return h
	}, func(h *History) { h.Servers[0].InFlight = 1 }, "accounting", record.Undetermined},
	{"with faults: fewer completed than answered", faultyHistory, func(h *History) { h.Servers[2].Requests-- }, "accounting", record.Invalid},
	{"with faults: more completed than sent", faultyHistory, func(h *History) { h.Servers[1].Requests += 2 }, "accounting", record.Invalid},

	{"area one nanosecond short", roundRobin, func(h *History) { h.Servers[2].Area-- }, "little-at-servers", record.Invalid},
	{"area one nanosecond over", roundRobin, func(h *History) { h.Servers[2].Area++ }, "little-at-servers", record.Invalid},
	{"a sojourn told wrong", roundRobin, func(h *History) {
		h.Clients[3].share("s2/a", func(s *Share) { s.Sojourn += time.Nanosecond })
	}, "little-at-servers", record.Invalid},
	{
		"with faults: less area than told", faultyHistory, func(h *History) { h.Servers[1].Area -= 2 * time.Second },
		"little-at-servers", record.Invalid,
	},
	{
		"with faults: an untouched server is still exact", faultyHistory, func(h *History) { h.Servers[2].Area++ }, "little-at-servers",
		record.Invalid,
	},
	{"accounts that do not add up", roundRobin, func(h *History) { h.Clients[1].Counts.OK++ }, "little-at-servers", record.Undetermined},

	{"a pick that became no request", roundRobin, func(h *History) { h.Servers[0].Picks++ }, "picks", record.Invalid},
	{"a request without a pick", roundRobin, func(h *History) { h.Servers[0].Picks-- }, "picks", record.Invalid},
	{"accounts that do not add up, for picks", roundRobin, func(h *History) { h.Clients[1].Counts.OK++ }, "picks", record.Undetermined},

	{"list: a wrong answer", listed, func(h *History) { h.Clients[0].Wrong++ }, "answers", record.Invalid},
	{"list: an answer credited to the wrong server", listed, func(h *History) {
		h.Clients[0].share("s1/a", func(s *Share) { s.OK--; s.Sent-- })
		h.Clients[0].share("s2/a", func(s *Share) { s.OK++; s.Sent++ })
	}, "accounting", record.Invalid},
	{"list: a request that nobody sent", listed, func(h *History) { h.Servers[0].Requests++ }, "accounting", record.Invalid},
	{"list: an area that is not the sum of the times", listed, func(h *History) { h.Servers[0].Area++ }, "little-at-servers", record.Invalid},
	{"fallback: a request served twice", fallenBack, func(h *History) { h.Servers[1].Requests++ }, "accounting", record.Invalid},
	{"fallback: a server still used after it was gone", fallenBack, func(h *History) {
		h.Servers[0].Gone, h.Servers[0].GoneAt, h.Servers[0].LastPicked = true, time.Second, time.Second+h.Bound+1
	}, "gone", record.Invalid},
	{"with faults: a wrong answer", faultyHistory, func(h *History) { h.Clients[0].Wrong++ }, "answers", record.Invalid},
	{
		"with faults: a loss that no client counts", faultyHistory, func(h *History) { h.Clients[1].Counts.Failed-- }, "accounting",
		record.Invalid,
	},

	{"picked too long after it was gone", faultyHistory, func(h *History) {
		h.Servers[0].LastPicked = h.Servers[0].GoneAt + h.Bound + 1
	}, "gone", record.Invalid},

	{"pick_first: one request elsewhere", pickFirst, func(h *History) { h.Servers[1].Picks++ }, "shares", record.Invalid},
	{"pick_first: all to the second", pickFirst, func(h *History) {
		h.Servers[0].Picks, h.Servers[1].Picks = 0, h.Servers[0].Picks
	}, "shares", record.Invalid},
	{"round_robin: counts differ by 2", roundRobin, func(h *History) {
		h.Servers[0].Picks++
		h.Servers[1].Picks--
	}, "shares", record.Invalid},
	{"round_robin: the same, but a request failed", roundRobin, func(h *History) {
		h.Servers[0].Picks++
		h.Servers[1].Picks--
		h.Clients[0].Counts.Add(record.Counts{Offered: 1, Sent: 1, Failed: 1})
	}, "shares", record.Undetermined},
	{
		"least_load: an idle server passed over", func() *History { return goodHistory("least_load", 3) },
		func(h *History) { h.Servers[2].Picks = 0 }, "shares", record.Invalid,
	},
	{"random: a server drawn half as often again", history("random", 4), move(0, 3, 200), "shares", record.Invalid},
	{"random: a server never drawn", history("random", 4), move(0, 1, 400), "shares", record.Invalid},
	{"weighted_round_robin: equal shares, unequal capacities", history("weighted_round_robin", 3), func(h *History) {
		h.Servers[1].Capacity, h.Servers[1].Busy = 0.2, 5*h.Servers[1].Busy
	}, "shares", record.Invalid},
	{"weighted_round_robin: one has nothing", history("weighted_round_robin", 4), move(2, 1, 400), "shares", record.Invalid},
	{"power_of_two: a server picked more often than drawn", history("power_of_two", 4), func(h *History) {
		move(0, 3, 300)(h)
		move(1, 3, 300)(h)
	}, "shares", record.Invalid},
	{"power_of_two: an idle server passed over", history("power_of_two", 8), move(2, 3, 400), "shares", record.Invalid},
	{"peak_ewma: a server picked more often than drawn", history("peak_ewma", 4), func(h *History) {
		move(0, 3, 300)(h)
		move(1, 3, 300)(h)
	}, "shares", record.Invalid},
	{"peak_ewma: an idle server passed over", history("peak_ewma", 8), move(2, 3, 400), "shares", record.Invalid},
	{"prequal: an idle server passed over", history("prequal", 4), move(2, 3, 400), "shares", record.Invalid},
	{"a policy nobody knows", roundRobin, func(h *History) { h.Policy = "coin" }, "shares", record.Undetermined},

	{"busy for longer than there was time", roundRobin, func(h *History) { h.Elapsed = h.Servers[0].Busy - 1 }, "capacity", record.Invalid},
	{"a slow server that is not slow", roundRobin, func(h *History) { h.Servers[1].Capacity = 0.5 }, "capacity", record.Invalid},
	{"a fast server that is not fast", roundRobin, func(h *History) { h.Servers[1].Capacity = 2 }, "capacity", record.Invalid},

	{"departures late by more than a tenth", roundRobin, func(h *History) {
		for i := range h.Servers {
			h.Servers[i].Oversleep = h.Servers[i].Busy*11/100 + 1
		}
	}, "service-time-model", record.Undetermined},
}

func TestChecksNoticeEveryMutant(t *testing.T) {
	for _, m := range mutants {
		t.Run(m.name, func(t *testing.T) {
			h := m.good()
			if v := record.Judge(h.Checks()...); v.Status != record.Valid {
				t.Fatalf("before the mutation the verdict is %s: %v", v.Status, v.Reasons())
			}
			m.mutate(h)
			if got := statuses(h)[m.check]; got != m.want {
				t.Errorf("%s is %s, want %s: %+v", m.check, got, m.want, h.Checks())
			}
			if v := record.Judge(h.Checks()...); v.Status == record.Valid {
				t.Errorf("the verdict is still valid")
			}
		})
	}
}

func TestOversleepShare(t *testing.T) {
	h := goodHistory("round_robin", 3)
	if got := h.OversleepShare(); got < 0.0099 || got > 0.0101 {
		t.Errorf("share %v, want 0.01", got)
	}
	if got := new(History).OversleepShare(); got != 0 {
		t.Errorf("share of an empty history %v, want 0", got)
	}
}

// On a machine too busy to renew leases servers leave the table and come back,
// and the balancer's counts start again: that proves nothing, either way.
func TestServersThatMovedAreDoubted(t *testing.T) {
	h := goodHistory("round_robin", 3)
	h.Servers[1].Picks -= 3
	if got := record.Judge(h.Checks()...).Status; got != record.Invalid {
		t.Errorf("picks that are missing: %s, want invalid", got)
	}
	h.Moved = true
	if got := record.Judge(h.Checks()...).Status; got != record.Undetermined {
		t.Errorf("picks that are missing where servers moved: %s, want unknown", got)
	}
	h.Clients[0].Wrong++
	if got := record.Judge(h.Checks()...).Status; got != record.Invalid {
		t.Errorf("a wrong answer where servers moved: %s, want invalid", got)
	}
}
