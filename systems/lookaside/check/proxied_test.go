package check

import (
	"strings"
	"testing"
	"time"

	"dyno/internal/record"
)

// proxied is a right history of two servers behind a proxy.
func proxied(policy string) *History {
	h := &History{
		Policy: policy, Service: time.Millisecond, Elapsed: 2 * time.Second,
		Proxied: &Proxied{Software: "nginx 1", Retries: 3, Leaning: Leaning{Picks: 1000, Excess: 100, Coin: 1000}},
		Clients: []Client{{Counts: record.Counts{Offered: 1000, Sent: 1000, OK: 1000}, Verified: 1000, Servers: make(map[string]Share)}},
	}
	for _, id := range []string{"s1", "s2"} {
		h.Servers = append(h.Servers, Server{ID: id, Instance: "a", Capacity: 1, Requests: 500, Area: time.Second, Busy: 500 * time.Millisecond})
		h.Clients[0].Servers[id+"/a"] = Share{Sent: 500, OK: 500, Sojourn: time.Second}
	}
	return h
}

func TestProxied(t *testing.T) {
	for want, mutate := range map[string]func(h *History){
		"":                       func(*History) {},
		"policy: a coin":         func(h *History) { h.Proxied.Leaning.Excess = 950 },
		"policy: turns":          func(h *History) { h.Policy = "round_robin"; h.Servers[0].Requests -= 2; h.Servers[1].Requests += 2 },
		"accounting: left out":   func(h *History) { h.Servers[0].Requests-- },
		"passed-on: asked twice": func(h *History) { h.Servers[1].Requests++ },
		"passed-on: struck": func(h *History) {
			h.Faults = true
			h.Servers[1].Requests += 3001
		},
	} {
		h := proxied("least_load")
		mutate(h)
		var caught []string
		for _, c := range h.Checks() {
			if c.Status == record.Invalid {
				caught = append(caught, c.Name)
			}
		}
		check, _, _ := strings.Cut(want, ":")
		if got := strings.Join(caught, ","); check == "" && got != "" || !strings.Contains(got, check) {
			t.Errorf("%q: caught by %q", want, got)
		}
	}
	// What is asked again because of a fault is no lie.
	h := proxied("power_of_two")
	h.Faults = true
	h.Servers[1].Requests += 4
	h.Proxied.Leaning.Excess = 950
	if v := record.Judge(h.Checks()...); v.Status != record.Valid {
		t.Error(v.Reasons())
	}
}
