package check

import (
	"bytes"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"dyno/internal/record"
)

// served is a history in which two clients' requests went to servers in an order,
// each asked while the other one's work was under way.
func served(order string) *History {
	h := &History{Policy: "round_robin", Asked: true, Elapsed: time.Hour, Bound: time.Second}
	for _, name := range []string{"s1", "s2", "s3"} {
		h.Servers = append(h.Servers, Server{ID: name, Picks: int64(strings.Count(order, name[1:]))})
	}
	n := make([]int64, 2)
	for i, s := range order {
		client := i % 2
		at := time.Duration(i) * 10 * time.Millisecond
		h.Calls = append(h.Calls, Call{
			Client: fmt.Sprintf("client %d", client), Number: n[client], Began: at, Sent: at + time.Millisecond, Ended: at + 15*time.Millisecond,
			Server: "s" + string(s), Outcome: record.OK,
		})
		n[client]++
	}
	for i, sent := range n {
		h.Clients = append(h.Clients, Client{Name: fmt.Sprintf("client %d", i), Counts: record.Counts{Sent: sent, OK: sent}})
	}
	return h
}

// The story is the first pick that no turns explain.
func TestStory(t *testing.T) {
	for _, c := range []struct {
		name   string
		change func(h *History)
		order  string
		words  string // empty: there is nothing to tell
		steps  int
	}{
		{"right", nil, "123123123123", "", 0},
		{"twice", nil, "1231231123123", "of the first 8 picks that makes 4 for s1 and 2 for s2", 6},
		{"other turns", nil, "123312213123", "", 0}, // no two counts differ by two at any time
		{"at once", nil, "11", "of the first 2 picks that makes 2 for s1 and 0 for s2", 2},
		{"under way", func(h *History) { // an s2 and an s3 may have been picked before the second s1
			h.Calls[2].Began -= 25 * time.Millisecond
			h.Calls[3].Began -= 25 * time.Millisecond
		}, "112323", "", 0},
		{"a turn that no call used", func(h *History) { h.Servers[1].Unused, h.Servers[2].Unused = 1, 1 }, "1231231123123", "", 0},
		{"a failure excuses", func(h *History) { h.Clients[0].Counts.OK-- }, "1231231123123", "", 0},
		{"not all told", func(h *History) { h.Clients[0].Counts.Sent, h.Clients[0].Counts.OK = 99, 99; h.Calls = h.Calls[:3] }, "1231", "", 0},
		{"wrong answer", func(h *History) {
			h.Calls[2].Outcome, h.Calls[2].Reason = record.Failed, "server s3 answered 0x1 to seed 0x7, not 0x2"
		}, "123", "request 1 of client 0: server s3 answered 0x1 to seed 0x7, not 0x2", 2},
		{"gone", func(h *History) {
			h.Faults = true
			h.Servers[1].Gone, h.Servers[1].GoneAt, h.Servers[1].LastPicked = true, time.Second, 4*time.Second
		}, "123", "s2 was gone at 1s; 3s later a client was sent to it, the bound is 1s", 1},
	} {
		t.Run(c.name, func(t *testing.T) {
			h := served(c.order)
			if c.change != nil {
				c.change(h)
			}
			s := h.Story()
			if text := strings.Join(s.Words, "\n"); c.words == "" && text != "" || !strings.Contains(text, c.words) || len(s.Steps) != c.steps {
				t.Errorf("%d steps, %q; want %d and %q", len(s.Steps), text, c.steps, c.words)
			}
			var svg bytes.Buffer
			if _, err := s.Tell(&svg); err != nil {
				t.Fatal(err)
			}
			if dir := os.Getenv("DYNO_STORIES"); dir != "" && c.words != "" {
				path := filepath.Join(dir, "lookaside-"+strings.ReplaceAll(c.name, " ", "-")+".svg")
				if err := os.WriteFile(path, svg.Bytes(), 0o600); err != nil {
					t.Fatal(err)
				}
			}
		})
	}
}
