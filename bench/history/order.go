package history

import (
	"cmp"
	"fmt"
	"slices"

	"dyno/internal/record"
)

// ActionLog is the order in which a server says it applied actions: Requests[i]
// has action id i+1.
type ActionLog struct{ Requests []string }

// InOrder tells whether the answers are those of the order that the server
// reports, and whether that order is possible: an operation that ended before
// another began comes first. Together these are linearizability with the order
// given, in O(n log n) for any number of clients on one account.
//
// Every deposit and withdrawal that was acknowledged must be in the log once,
// under the action id it was told, if any; what is in the log must have been asked for
// and not been refused or failed; of the unknown ones the log decides. A query or a
// refusal is placed after the action id in its answer, 0 before them all; one with
// [NoOrder] is undecided.
func (b Bank) InOrder(ops []BankOp, log ActionLog) Finding {
	return settled(ops, func(ops []BankOp) Finding {
		o := ordering{bank: b, log: log, asked: make(map[string]*BankOp, len(ops))}
		o.writes(ops)
		o.answers(ops)
		if o.found.Violations == 0 {
			o.realTime()
			o.replay()
		}
		return o.found
	})
}

// ordering is one check by action order.
type ordering struct {
	bank  Bank
	log   ActionLog
	asked map[string]*BankOp // deposits and withdrawals by request
	line  []placed
	found Finding
}

// placed is an operation with its place in the order. Answers that change
// nothing come after the action whose id they carry.
type placed struct {
	op    *BankOp
	at    int64
	write bool
}

// writes places what is in the log.
func (o *ordering) writes(ops []BankOp) {
	for i := range ops {
		if ops[i].Input.Kind != Query {
			o.asked[ops[i].Input.Request] = &ops[i]
		}
	}
	applied := make(map[string]int64, len(o.log.Requests))
	for i, request := range o.log.Requests {
		at := int64(i) + 1
		op := o.asked[request]
		o.found.Examined++
		switch {
		case op == nil:
			o.found.violate(fmt.Sprintf("action %d is request %s, which nobody made", at, request))
		case applied[request] != 0:
			o.found.violate(fmt.Sprintf("%v was applied twice, as actions %d and %d", *op, applied[request], at))
		case op.Outcome == record.Refused || op.Outcome == record.Failed:
			o.found.violate(fmt.Sprintf("%v was applied, as action %d", *op, at))
		case op.Outcome == record.OK && op.Output.Order > 0 && op.Output.Order != at:
			o.found.violate(fmt.Sprintf("%v was told action id %d and stands at %d", *op, op.Output.Order, at))
		default:
			o.line = append(o.line, placed{op, at, true})
		}
		applied[request] = at
	}
	for i := range ops {
		op := &ops[i]
		if op.Input.Kind == Query || op.Outcome != record.OK || applied[op.Input.Request] != 0 {
			continue
		}
		o.found.Examined++
		o.found.violate(fmt.Sprintf("%v was acknowledged and is not in the log", *op))
	}
}

// answers places queries and refusals.
func (o *ordering) answers(ops []BankOp) {
	end := int64(len(o.log.Requests))
	for i := range ops {
		op := &ops[i]
		query := op.Input.Kind == Query && op.Outcome == record.OK
		refusal := op.Outcome == record.Refused && !o.bank.mayRefuse(op)
		if !query && !refusal {
			continue
		}
		at := op.Output.Order
		o.found.Examined++
		switch {
		case at == NoOrder:
			o.found.leaveOpen(fmt.Sprintf("%v carries no action id", *op))
		case at > end:
			o.found.violate(fmt.Sprintf("%v carries an action id beyond the log, which ends with %d", *op, end))
		default:
			o.line = append(o.line, placed{op, at, false})
		}
	}
	slices.SortFunc(o.line, func(a, b placed) int {
		if a.write != b.write && a.at == b.at {
			return map[bool]int{true: -1, false: 1}[a.write]
		}
		return cmp.Or(cmp.Compare(a.at, b.at), cmp.Compare(a.op.Begin, b.op.Begin))
	})
}

// realTime finds an operation that ended before one placed ahead of it began.
func (o *ordering) realTime() {
	var latest *BankOp // of those passed, the one that began last
	for _, p := range o.line {
		if latest != nil && p.op.Until() < latest.Begin {
			o.found.violate(fmt.Sprintf("%v ended before %v began, and is ordered after it, at action %d", *p.op, *latest, p.at))
		}
		if latest == nil || p.op.Begin > latest.Begin {
			latest = p.op
		}
	}
}

// replay executes the order and compares every answer.
func (o *ordering) replay() {
	balance := make(map[string]int64)
	for _, p := range o.line {
		account := p.op.Input.Account
		now, seen := balance[account]
		if !seen {
			now = o.bank.Initial[account]
		}
		op := *p.op
		if p.write {
			op.Outcome = record.OK // it is in the log, so it must have been possible
			op.Output.Shown = op.Output.Shown && p.op.Outcome == record.OK
		}
		next, ok := o.bank.step(now, &op)
		if !ok {
			o.found.violate(fmt.Sprintf("%v is impossible at action %d, where the balance was %d", *p.op, p.at, now))
			return // every later balance rests on this one
		}
		balance[account] = next
	}
}
