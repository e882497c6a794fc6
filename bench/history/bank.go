package history

import (
	"fmt"
	"math/bits"

	"dyno/internal/record"
)

// BankKind is what is done to an account.
type BankKind string

// The kinds.
const (
	Query    BankKind = "query"
	Deposit  BankKind = "deposit"
	Withdraw BankKind = "withdraw"
)

// BankInput asks something of one account.
type BankInput struct {
	Kind    BankKind `json:"kind"`
	Account string   `json:"account,omitempty"`
	Amount  int64    `json:"amount,omitempty"`  // ≥ 0, in whole units
	Request string   `json:"request,omitempty"` // names a deposit or withdrawal; a retry carries the same one
	At      int32    `json:"at,omitempty"`      // who was asked first, from 1, for those who read the history; 0: there is only one
}

// String describes the request.
func (in BankInput) String() string {
	if in.Kind == Query {
		return "query " + in.Account
	}
	return fmt.Sprintf("%s %s %d (request %s)", in.Kind, in.Account, in.Amount, in.Request)
}

// BankOutput is the answer of the bank.
type BankOutput struct {
	Balance int64 `json:"balance"`
	Shown   bool  `json:"shown,omitempty"` // the answer to a deposit or withdrawal carries the balance; that to a query always does
	Order   int64 `json:"order,omitempty"` // the action id in the answer: of this action, or of the last one applied, 0 before the first
}

// NoOrder is the Order of an answer to a query, or of a refusal, without action id.
const NoOrder = -1

// BankOp is an operation on an account. A withdrawal that was turned away for
// lack of funds is Refused; one turned away for another reason is Failed.
type BankOp = Op[BankInput, BankOutput]

// Bank is what the bank promises, and where it began.
type Bank struct {
	Initial   map[string]int64 // balances by account; 0 where missing
	Overdraft bool             // a withdrawal may exceed the balance
	Cautious  bool             // a withdrawal may be refused although the money is there
}

// amount is what a write adds to its account.
func amount(o *BankOp) int64 {
	switch o.Input.Kind {
	case Deposit:
		return o.Input.Amount
	case Withdraw:
		return -o.Input.Amount
	default:
		return 0
	}
}

func shows(o *BankOp) bool {
	return o.Outcome == record.OK && (o.Input.Kind == Query || o.Output.Shown)
}

// settle makes one operation of all attempts under one request id: it begins
// with the first attempt, and ends with the first answer. It reports what no
// bank may answer or no client ask: two different answers or requests under one
// id, a write without an id, a negative amount, an unknown kind.
func settle(ops []BankOp) ([]BankOp, error) {
	out := make([]BankOp, 0, len(ops))
	at := make(map[string]int)
	for _, o := range ops {
		if err := askable(o.Input); err != nil {
			return nil, fmt.Errorf("%v: %w", o, err)
		}
		if o.Input.Kind == Query {
			out = append(out, o)
			continue
		}
		i, retry := at[o.Input.Request]
		if !retry {
			at[o.Input.Request] = len(out)
			out = append(out, o)
			continue
		}
		if err := join(&out[i], o); err != nil {
			return nil, err
		}
	}
	return out, nil
}

func askable(in BankInput) error {
	switch {
	case in.Kind != Query && in.Kind != Deposit && in.Kind != Withdraw:
		return fmt.Errorf("kind %q is none of query, deposit, withdraw", in.Kind)
	case in.Amount < 0:
		return fmt.Errorf("the amount is negative: record what the bank rejects as Failed with its absolute amount, or not at all")
	case in.Kind != Query && in.Request == "":
		return fmt.Errorf("it has no request id: every deposit and withdrawal needs one")
	}
	return nil
}

// join adds another attempt to an operation.
func join(o *BankOp, again BankOp) error {
	again.Input.At = o.Input.At
	if o.Input != again.Input {
		return fmt.Errorf("request %s stands for two requests: %v and %v", o.Input.Request, o.Input, again.Input)
	}
	begin := min(o.Begin, again.Begin)
	switch a, b := answered(o.Outcome), answered(again.Outcome); {
	case a && b && (o.Outcome != again.Outcome || o.Output != again.Output):
		return fmt.Errorf("request %s was answered twice, differently: %v, and %v", o.Input.Request, *o, again)
	case a && b:
		o.End = min(o.End, again.End)
	case b:
		*o = again
	case a:
	case o.Outcome == record.Failed: // unknown beats failed: either attempt may have been the one
		again.End = max(o.End, again.End)
		*o = again
	default:
		o.End = max(o.End, again.End)
	}
	o.Begin = begin
	return nil
}

// settled runs a checker on settled operations; when they cannot be settled,
// that is the finding.
func settled(ops []BankOp, check func([]BankOp) Finding) Finding {
	one, err := settle(ops)
	if err != nil {
		f := Finding{Examined: 1}
		f.violate(err.Error())
		return f
	}
	return check(one)
}

// Linearizable tells whether the accounts behave as one copy that executes one
// operation at a time. See [Model.Linearizable]. With more than about 8 clients
// on one account the search explodes: use [Bank.InOrder] there.
func (b Bank) Linearizable(ops []BankOp, limits Limits) Finding {
	return settled(ops, func(ops []BankOp) Finding {
		if f := b.regular(ops); f.Violations > 0 { // told without a search
			return f
		}
		return b.model().Linearizable(ops, limits)
	})
}

func (b Bank) model() Model[BankInput, BankOutput, string, int64] {
	return Model[BankInput, BankOutput, string, int64]{
		Key:  func(in BankInput) string { return in.Account },
		Init: func(account string) int64 { return b.Initial[account] },
		Step: b.step,
		Ignore: func(o *BankOp) bool {
			return o.Outcome == record.Refused && b.mayRefuse(o) || o.Input.Kind == Query && o.Outcome != record.OK
		},
		Observes: func(o *BankOp) bool { return shows(o) || o.Input.Kind == Withdraw && !b.Overdraft },
	}
}

// mayRefuse says that a refusal proves nothing about the balance.
func (b Bank) mayRefuse(o *BankOp) bool { return o.Input.Kind != Withdraw || b.Cautious }

// step executes one operation on a balance. It is the sequential bank, behind
// the search as well as behind the check by order.
func (b Bank) step(balance int64, o *BankOp) (int64, bool) {
	if o.Outcome == record.Refused {
		return balance, b.mayRefuse(o) || balance < o.Input.Amount
	}
	next, fits := sumOf(balance).add(amount(o)).int64()
	possible := fits && (o.Input.Kind != Withdraw || b.Overdraft || balance >= o.Input.Amount)
	switch {
	case !known(o.Outcome) && !possible:
		return balance, true // it was refused, and nobody heard of it
	case !possible:
		return balance, false
	case shows(o):
		return next, next == o.Output.Balance
	default:
		return next, true
	}
}

// sum is a 128-bit total. Adding fewer than 2⁶³ amounts cannot wrap, in
// whatever order, so only the result is held against the range of int64.
type sum struct {
	hi int64
	lo uint64
}

func sumOf(n int64) sum { return sum{n >> 63, uint64(n)} }

func (s sum) add(n int64) sum { return s.plus(sumOf(n)) }

func (s sum) plus(t sum) sum {
	lo, carry := bits.Add64(s.lo, t.lo, 0)
	hi, _ := bits.Add64(uint64(s.hi), uint64(t.hi), carry)
	return sum{int64(hi), lo}
}

func (s sum) minus(t sum) sum {
	lo, borrow := bits.Sub64(s.lo, t.lo, 0)
	hi, _ := bits.Sub64(uint64(s.hi), uint64(t.hi), borrow)
	return sum{int64(hi), lo}
}

func (s sum) less(t sum) bool { return s.hi < t.hi || s.hi == t.hi && s.lo < t.lo }

// int64 is the total as an amount; ok is false when it overflows.
func (s sum) int64() (n int64, ok bool) { return int64(s.lo), s == sumOf(int64(s.lo)) }
