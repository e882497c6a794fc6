package check_test

import (
	"math/rand/v2"
	"slices"
	"testing"

	"dyno/bench/history"
	"dyno/internal/record"
	"dyno/systems/standby/check"
	"dyno/systems/standby/core"
)

var opening = []core.Account{{Name: "a", Balance: 50}, {Name: "b", Balance: 0}}

// simulate is a history of three clients over three reigns, in async mode: with
// the second one the last action of the first is lost.
func simulate(r *rand.Rand) *check.History {
	h := &check.History{Opening: opening, Lossy: true}
	balances := map[string]int64{"a": 50, "b": 0}
	numbers := map[uint64]uint64{}
	now, action := int64(0), uint64(0)
	for epoch := uint64(1); epoch <= 3; epoch++ {
		for range 6 + r.IntN(4) {
			now += 10
			a := opening[r.IntN(2)].Name
			o := check.Op{
				Client: 1 + r.Uint64N(3), Account: a, Amount: r.Int64N(30), Kind: core.Kind(1 + r.IntN(3)), Outcome: core.Done,
				Epoch: epoch, Server: int(epoch % 2), Begin: now, End: now + 5 + r.Int64N(5),
			}
			numbers[o.Client]++
			o.Number = numbers[o.Client]
			if o.Kind == core.Lookup {
				o.Amount = 0
			} else {
				action++
				e := core.Entry{ID: action, Epoch: epoch, Client: o.Client, Number: o.Number, Delta: o.Amount}
				if e.Account = 0; a == "b" {
					e.Account = 1
				}
				if o.Kind == core.Withdraw {
					e.Delta = -o.Amount
				}
				if balances[a]+e.Delta < 0 {
					e.Delta, e.Refused, o.Outcome = 0, true, core.TooMuch
				}
				balances[a] += e.Delta
				h.Log = append(h.Log, e)
			}
			o.Balance, o.Action = balances[a], action
			h.Ops = append(h.Ops, o)
		}
		if n := len(h.Ops); epoch == 1 && h.Ops[n-1].Kind != core.Lookup { // not shipped
			last := h.Log[len(h.Log)-1]
			h.Log = h.Log[:len(h.Log)-1]
			balances[opening[last.Account].Name] -= last.Delta
			h.Named = append(h.Named, core.Lost{Epoch: 1, First: action, Last: action})
			action--
		}
	}
	return h
}

// change plants a flaw in the first operation that has a place for it, from the
// end.
func change(fits func(h *check.History, o *check.Op) bool, flaw func(h *check.History, o *check.Op)) func(*check.History, *rand.Rand) (*check.History, bool) {
	return func(h *check.History, _ *rand.Rand) (*check.History, bool) {
		n := *h
		n.Ops, n.Log, n.Named = slices.Clone(h.Ops), slices.Clone(h.Log), slices.Clone(h.Named)
		for i := range slices.Backward(n.Ops) {
			if fits(&n, &n.Ops[i]) {
				flaw(&n, &n.Ops[i])
				return &n, true
			}
		}
		return nil, false
	}
}

func kept(h *check.History, o *check.Op) bool {
	return o.Kind != core.Lookup && o.Epoch == 3 && o.Outcome == core.Done
}

func TestSuite(t *testing.T) {
	anyOp := func(*check.History, *check.Op) bool { return true }
	report := history.Suite[*check.History]{
		Generate: simulate,
		Check:    (*check.History).Checks,
		Mutants: []history.Mutant[*check.History]{
			{Name: "an acknowledged action is gone", Plant: change(kept, func(h *check.History, o *check.Op) { h.Log = h.Log[:o.Action-1] })},
			{Name: "a request is done twice", Plant: change(kept, func(h *check.History, o *check.Op) {
				e := h.Log[o.Action-1]
				e.ID, e.Epoch = uint64(len(h.Log))+1, 3
				e.Delta = max(e.Delta, 0)
				h.Log = append(h.Log, e)
			})},
			{Name: "a balance is wrong", Plant: change(func(_ *check.History, o *check.Op) bool { return o.Outcome == core.Done && o.Epoch == 3 }, func(_ *check.History, o *check.Op) { o.Balance++ })},
			{Name: "two servers in an epoch", Plant: change(func(h *check.History, o *check.Op) bool {
				return o.Epoch == 2 && h.Ops[0].Epoch == 1
			}, func(_ *check.History, o *check.Op) { o.Server = 1 - o.Server })},
			{Name: "an old primary answers", Plant: change(func(_ *check.History, o *check.Op) bool {
				return o.Epoch == 2 && o.Kind == core.Lookup
			}, func(h *check.History, o *check.Op) {
				late := h.Ops[len(h.Ops)-1].End
				o.Begin, o.End = late+1, late+2
			})},
			{Name: "a loss is not named", Plant: change(func(h *check.History, _ *check.Op) bool { return len(h.Named) > 0 },
				func(h *check.History, _ *check.Op) { h.Named = nil })},
			{Name: "a loss is named that is none", Plant: change(anyOp,
				func(h *check.History, _ *check.Op) { h.Named = append(h.Named, core.Lost{Epoch: 1, First: 1, Last: 1}) })},
			{Name: "a loss in sync mode", Plant: change(func(h *check.History, _ *check.Op) bool { return len(h.Named) > 0 },
				func(h *check.History, _ *check.Op) { h.Lossy = false })},
			{Name: "an action that nobody asked for", Plant: change(anyOp, func(h *check.History, _ *check.Op) {
				h.Log = append(h.Log, core.Entry{ID: uint64(len(h.Log)) + 1, Epoch: 3, Client: 9, Number: 9, Delta: 1})
			})},
			{Name: "a stale lookup", Plant: change(func(h *check.History, o *check.Op) bool {
				return o.Kind == core.Lookup && o.Epoch == 3 && o.Action > 1 && h.Log[o.Action-1].Epoch == 3
			}, func(h *check.History, o *check.Op) { o.Action, o.Begin, o.End = 0, o.End+1000, o.End+1001 })},
			{Name: "the log leaves a balance negative", Plant: change(anyOp, func(h *check.History, _ *check.Op) {
				h.Log = append(h.Log, core.Entry{ID: uint64(len(h.Log)) + 1, Epoch: 3, Client: 9, Number: 9, Delta: -1 << 40})
			})},
		},
	}.Run(1, 200)
	if err := report.Err(); err != nil {
		t.Error(err)
	}
	for _, s := range report.Scores {
		t.Logf("%s: caught %d of %d", s.Mutant, s.Caught, s.Planted)
	}
}

// A history of nothing is no proof against the system, and no failure.
func TestEmpty(t *testing.T) {
	if v := record.Judge((&check.History{Opening: opening}).Checks()...); v.Status != record.Valid {
		t.Error(v.Reasons())
	}
}
