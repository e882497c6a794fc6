// Package check says what a correct history of the standby system is: requests
// with their answers, and the log that is left in the end. It serves the
// simulator and real trials alike.
package check

import (
	"fmt"
	"maps"
	"math"
	"slices"
	"strconv"

	"dyno/bench/history"
	"dyno/bench/story"
	"dyno/internal/record"
	"dyno/systems/standby/core"
)

// Op is a request, all attempts together, and how it ended.
type Op struct {
	Client, Number uint64
	Kind           core.Kind
	Account        string
	Amount         int64

	Outcome       core.Outcome // [core.Done], [core.NotFound], [core.TooMuch]; 0: no answer, it may have been done or not
	Balance       int64
	Blind         bool // the balance was not noted
	Epoch, Action uint64
	Repeated      bool // the stored answer
	Server        int  // who answered: 0 is s1, 1 is s2
	Begin, End    int64
}

// acknowledged says that a client was told of a change.
func (o *Op) acknowledged() bool {
	return o.Kind != core.Lookup && (o.Outcome == core.Done || o.Outcome == core.TooMuch)
}

// History is what a run has left.
type History struct {
	Opening []core.Account
	Log     []core.Entry // all of it
	Ops     []Op
	Lossy   bool        // async: what was not shipped may be lost, and must be named
	Named   []core.Lost // what servers say is lost
}

// end is the last action of the log of all epochs up to one.
func (h *History) end(epoch uint64) uint64 {
	i, _ := slices.BinarySearchFunc(h.Log, epoch+1, func(e core.Entry, epoch uint64) int {
		if e.Epoch < epoch {
			return -1
		}
		return 1
	})
	return uint64(i)
}

// Checks judge a history.
func (h *History) Checks() []record.Check {
	return []record.Check{h.replay(), h.once(), h.kept(), h.named(), h.epochs(), h.fenced(), h.order()}
}

// Lost counts the acknowledged changes that are not in the log.
func (h *History) Lost() (n int64) {
	for i := range h.Ops {
		if o := &h.Ops[i]; o.acknowledged() && o.Action > h.end(o.Epoch) {
			n++
		}
	}
	return n
}

// replay: the log holds together, and its actions leave no balance negative.
func (h *History) replay() record.Check {
	if _, err := core.Replay(h.Opening, h.Log); err != nil {
		return record.Fail("replay", 1, "%v", err)
	}
	return record.Pass("replay", int64(len(h.Log))+1)
}

// once: no request is in the log twice.
func (h *History) once() record.Check {
	type request struct{ client, number uint64 }
	seen := make(map[request]uint64, len(h.Log))
	for _, e := range h.Log {
		if e.Account == core.NoAccount {
			continue
		}
		r := request{e.Client, e.Number}
		if first, twice := seen[r]; twice {
			return record.Fail("once", 1, "request %d of client %x is action %d and action %d", e.Number, e.Client, first, e.ID)
		}
		seen[r] = e.ID
	}
	return record.Pass("once", int64(len(h.Log))+1)
}

// kept: every acknowledged change is in the log as it was told. One that is not
// lies behind the end of its epoch, and was named as lost, where that may be.
func (h *History) kept() record.Check {
	examined := int64(1)
	for i := range h.Ops {
		o := &h.Ops[i]
		if !o.acknowledged() {
			continue
		}
		examined++
		if o.Action > h.end(o.Epoch) {
			named := slices.ContainsFunc(h.Named, func(l core.Lost) bool { return l.First <= o.Action && o.Action <= l.Last && l.Epoch <= o.Epoch })
			if !h.Lossy || !named {
				return record.Fail("kept", examined, "action %d of epoch %d was acknowledged, and the log ends that epoch at %d; named as lost: %v",
					o.Action, o.Epoch, h.end(o.Epoch), h.Named)
			}
			continue
		}
		if e := h.Log[o.Action-1]; e.Client != o.Client || e.Number != o.Number {
			return record.Fail("kept", examined, "request %d of client %x was told action %d, which is request %d of client %x",
				o.Number, o.Client, o.Action, e.Number, e.Client)
		}
	}
	return record.Pass("kept", examined)
}

// named: what servers say is lost is.
func (h *History) named() record.Check {
	for _, l := range h.Named {
		if l.First <= h.end(l.Epoch) {
			return record.Fail("named", 1, "actions %d to %d of epoch %d are named as lost, and the log has that epoch through %d",
				l.First, l.Last, l.Epoch, h.end(l.Epoch))
		}
	}
	if !h.Lossy && len(h.Named) > 0 {
		return record.Fail("named", 1, "named as lost, where nothing may be: %v", h.Named)
	}
	return record.Pass("named", int64(len(h.Named))+1)
}

// epochs: in each one server acknowledges.
func (h *History) epochs() record.Check {
	who := map[uint64]int{}
	for i := range h.Ops {
		o := &h.Ops[i]
		if o.Outcome == 0 || o.Repeated {
			continue
		}
		if first, known := who[o.Epoch]; known && first != o.Server {
			return record.Fail("epochs", 1, "s%d and s%d both acknowledged in epoch %d", first+1, o.Server+1, o.Epoch)
		}
		who[o.Epoch] = o.Server
	}
	return record.Pass("epochs", int64(len(who))+1)
}

// fenced: who asks after somebody was answered in a later epoch is not answered
// in an earlier one.
func (h *History) fenced() record.Check {
	begun := map[uint64]int64{} // when the first answer of an epoch had come
	for i := range h.Ops {
		o := &h.Ops[i]
		if at, known := begun[o.Epoch]; o.Outcome != 0 && !o.Repeated && (!known || o.End < at) {
			begun[o.Epoch] = o.End
		}
	}
	later := map[uint64]int64{} // when one of any later epoch had
	next := int64(history.Never)
	for _, e := range slices.Backward(slices.Sorted(maps.Keys(begun))) {
		later[e] = next
		next = min(next, begun[e])
	}
	for i := range h.Ops {
		o := &h.Ops[i]
		if o.Outcome != 0 && !o.Repeated && o.Begin > later[o.Epoch] {
			return record.Fail("fenced", 1, "s%d answered in epoch %d after a later one had begun", o.Server+1, o.Epoch)
		}
	}
	return record.Pass("fenced", int64(len(h.Ops))+1)
}

func requestName(client, number uint64) string {
	return strconv.FormatUint(client, 16) + "/" + strconv.FormatUint(number, 10)
}

// order: the answers are those of the order of the action ids, and that order is
// possible. Entries that change nothing do not count there.
func (h *History) order() record.Check {
	bank := history.Bank{Initial: map[string]int64{}}
	for _, a := range h.Opening {
		bank.Initial[a.Name] = a.Balance
	}
	var order history.ActionLog
	place := make([]int64, len(h.Log)+1)
	for i, e := range h.Log {
		if e.Account != core.NoAccount && !e.Refused {
			order.Requests = append(order.Requests, requestName(e.Client, e.Number))
		}
		place[i+1] = int64(len(order.Requests))
	}
	ops := make([]history.BankOp, 0, len(h.Ops))
	for i := range h.Ops {
		if op, counts := h.bankOp(&h.Ops[i], place); counts {
			op.Seq = int32(i)
			ops = append(ops, op)
		}
	}
	f := bank.InOrder(ops, order)
	if len(ops) == 0 {
		return record.Pass("order", 1)
	}
	return f.Check("order")
}

var bankKinds = map[core.Kind]history.BankKind{core.Lookup: history.Query, core.Withdraw: history.Withdraw, core.Deposit: history.Deposit}

// bankOp is an operation for the checker of the order; counts is false for one
// that says nothing: of a state that is lost.
func (h *History) bankOp(o *Op, place []int64) (op history.BankOp, counts bool) {
	lost := o.Outcome != 0 && o.Action > h.end(o.Epoch)
	op = history.BankOp{
		Begin: o.Begin, End: o.End, Outcome: record.OK,
		Input: history.BankInput{Kind: bankKinds[o.Kind], Account: o.Account},
	}
	if o.Kind != core.Lookup {
		op.Input.Amount, op.Input.Request = o.Amount, requestName(o.Client, o.Number)
	}
	switch {
	case lost && o.Kind == core.Lookup, o.Outcome == core.NotFound, o.Outcome == 0 && o.Kind == core.Lookup:
		return op, false
	case lost, o.Outcome == 0:
		op.Outcome, op.End = record.Unknown, history.Never
		return op, true
	case o.Outcome == core.TooMuch:
		op.Outcome = record.Refused
	}
	op.Output = history.BankOutput{Balance: o.Balance, Shown: !o.Blind, Order: place[o.Action]}
	return op, true
}

// Story tells of the first balance that no right server shows, by what clients
// were told alone.
func (h *History) Story() story.Story {
	bank := history.Bank{Initial: map[string]int64{}}
	for _, a := range h.Opening {
		bank.Initial[a.Name] = a.Balance
	}
	told := history.Told{Single: true}
	for i := range h.Ops {
		o := &h.Ops[i]
		if o.Outcome == core.NotFound {
			continue
		}
		op := history.BankOp{Client: int32(o.Client & math.MaxInt32), Seq: int32(i), Begin: o.Begin, End: o.End, Outcome: record.OK}
		op.Input = history.BankInput{Kind: bankKinds[o.Kind], Account: o.Account}
		if o.Kind != core.Lookup {
			op.Input.Amount, op.Input.Request = o.Amount, requestName(o.Client, o.Number)
		}
		op.Output = history.BankOutput{Balance: o.Balance, Shown: !o.Blind && !o.Repeated}
		switch o.Outcome {
		case 0:
			op.Outcome, op.End = record.Unknown, history.Never
		case core.TooMuch:
			op.Outcome = record.Refused
		}
		told.Ops = append(told.Ops, op)
	}
	told.Server = func(o history.BankOp) string { return fmt.Sprintf("s%d", h.Ops[o.Seq].Server+1) }
	told.Name = func(o history.BankOp) string { return fmt.Sprintf("client %x", h.Ops[o.Seq].Client) }
	return story.Bank(bank, told)
}
