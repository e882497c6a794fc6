package check

import (
	"bytes"
	"strings"
	"testing"

	"dyno/systems/standby/core"
)

// A server that forgot a deposit that it had answered shows it by the next lookup.
func TestStory(t *testing.T) {
	h := History{Opening: []core.Account{{Name: "a", Balance: 5}, {Name: "b", Balance: 7}}}
	for i, o := range []Op{
		{Client: 1, Number: 1, Kind: core.Deposit, Account: "a", Amount: 10, Outcome: core.Done, Balance: 15},
		{Client: 2, Number: 1, Kind: core.Lookup, Account: "b", Outcome: core.Done, Balance: 7},
		{Client: 2, Number: 2, Kind: core.Withdraw, Account: "b", Amount: 70, Outcome: core.TooMuch, Balance: 7},
		{Client: 1, Number: 2, Kind: core.Lookup, Account: "a", Outcome: core.Done, Balance: 15},
	} {
		o.Begin, o.End = int64(10*i), int64(10*i+5)
		h.Ops = append(h.Ops, o)
	}
	if s := h.Story(); len(s.Words) > 0 {
		t.Errorf("a right history has a story: %+v", s)
	}
	h.Ops[3].Balance, h.Ops[3].Server = 5, 1
	s := h.Story()
	const want = "client 1 read 5 at s2 after its own deposit of 10 had been acknowledged"
	if len(s.Steps) != 2 || !strings.Contains(strings.Join(s.Words, "\n"), want) {
		t.Errorf("%q: %+v", s.Words, s)
	}
	if _, err := s.Tell(new(bytes.Buffer)); err != nil {
		t.Error(err)
	}
}
