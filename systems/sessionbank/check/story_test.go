package check

import (
	"bytes"
	"fmt"
	"strings"
	"testing"

	"dyno/internal/record"
	"dyno/internal/replica"
	"dyno/systems/sessionbank/core/bank"
	"dyno/systems/sessionbank/core/token"
)

// long is a right history of three sessions at two branches.
func long() *History {
	h := &History{Initial: 100, Guarantees: token.All, Settled: true}
	balance := int64(100)
	var log []bank.Entry
	for i := range 90 {
		o := Op{
			Session: fmt.Sprint("c", i%3), Begin: int64(10 * i), End: int64(10*i + 5), Outcome: record.OK, At: replica.ID(1 + i%2),
		}
		if i%2 == 0 {
			o.Kind, o.Amount, o.Number, o.Origin, o.Seq = bank.Deposit, int64(1+i), uint64(1+i/6), 1, uint64(1+i/2)
			balance += o.Amount
			log = append(log, bank.Entry{Origin: 1, Seq: o.Seq, Body: bank.Body{Name: o.name(), Delta: o.Amount}})
		} else {
			o.Kind, o.Balance, o.Seen = bank.Query, balance, replica.Vector{1: uint64(1 + i/2)}
		}
		h.Ops = append(h.Ops, o)
	}
	h.Branches = []Branch{{1, log, balance}, {2, log, balance}}
	return h
}

func TestStory(t *testing.T) {
	for name, c := range map[string]struct {
		change func(*History)
		title  string
		words  []string
		steps  int
	}{
		"right":     {func(*History) {}, "", nil, 0},
		"own write": {func(h *History) { h.Ops[51].Seen = replica.Vector{1: 23} }, "read-your-writes is broken", []string{"session c0: deposit 49 → ok at branch 1, then query → 776 at branch 2"}, 2},
		"backwards": {
			func(h *History) { h.Guarantees = token.MonotonicReads; h.Ops[51].Seen = replica.Vector{1: 22} },
			"monotonic-reads is broken",
			[]string{"session c0: query → "},
			2,
		},
		"one lacks a write": {
			func(h *History) { h.Branches[1].Balance -= 49 }, "branch 2 lacks an acknowledged write in the end",
			[]string{"branch 2 held 2076 after the deposit of 49 by session c0 at branch 1 had been acknowledged"},
			2,
		},
	} {
		h := long()
		c.change(h)
		s := h.Story()
		if s.Title != c.title || len(s.Steps) != c.steps || c.steps > 0 && !s.Steps[len(s.Steps)-1].Broken {
			t.Errorf("%s: %q, want %q: %+v", name, s.Title, c.title, s)
		}
		for _, want := range c.words {
			if !strings.Contains(strings.Join(s.Words, "\n"), want) {
				t.Errorf("%s: %q does not say %q", name, s.Words, want)
			}
		}
		if _, err := s.Tell(new(bytes.Buffer)); err != nil {
			t.Errorf("%s: %v", name, err)
		}
	}
}
