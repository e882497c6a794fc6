// Package check judges what a group of branches did: what clients were told,
// against what the branches hold in the end and have in their journals.
package check

import (
	"cmp"
	"fmt"
	"slices"

	"dyno/bench/history"
	"dyno/bench/story"
	"dyno/internal/record"
	"dyno/internal/replica"
	"dyno/systems/branchbank/core/branch"
)

// History is what is known of a run when it is over: all operations have ended,
// and what the branches had to tell each other has arrived.
type History struct {
	Mode     branch.Mode
	Funds    branch.Funds
	Initial  int64
	Ops      []history.BankOp
	Branches []Branch
	Missed   []string // faults that did not come to pass
	Blind    bool     `json:",omitempty"` // of the branches nothing but the balances is known: no journals
}

// Branch is one branch after quiescence.
type Branch struct {
	ID       branch.ID
	Balance  int64 // as customers see it
	External int64 // terms from outside in it
	Digest   uint64
	Negative uint64          // writes after which its balance was below 0, as far as its last life knows
	Declined int64           // withdrawals, by its journal
	Log      []Applied       // from its journal
	Rights   map[int32]int64 `json:",omitempty"`
}

// Applied is a write as a branch's journal has it.
type Applied struct {
	Origin  branch.ID `json:"o"`
	Seq     uint64    `json:"s"`
	Amount  int64     `json:"a,omitempty"` // what it adds to the balance
	Request string    `json:"r,omitempty"` // at its origin only
}

// Journal gathers what a journal's records say.
func (b *Branch) Journal(data []byte) error {
	r, err := branch.ParseRecord(data)
	if r.Refused != nil {
		b.Declined++
	}
	if err != nil || r.Write == nil {
		return err
	}
	b.Log = append(b.Log, Of(*r.Write))
	return nil
}

// Of is a write as the history has it.
func Of(w replica.Write[branch.Body]) Applied {
	a := Applied{Origin: w.Origin, Seq: w.Seq, Request: w.Body.Request}
	switch w.Body.Kind {
	case branch.Deposit:
		a.Amount = w.Body.Amount
	case branch.Withdraw:
		a.Amount = -w.Body.Amount
	}
	return a
}

// Overdrawn counts the moments at which a balance below 0 was seen: shown to a
// client, or held by a branch after a write.
func (h *History) Overdrawn() int64 {
	n := history.Solvent(h.Ops, nil).Violations
	for _, b := range h.Branches {
		n += int64(b.Negative)
	}
	return n
}

// Judge puts the history to the test.
func (h *History) Judge() []record.Check {
	bank := history.Bank{Initial: map[string]int64{"": h.Initial}, Overdraft: h.Funds == branch.Optimistic, Cautious: true}
	replicas, err := h.replicas()
	if err != nil {
		return []record.Check{record.Fail("journals", 0, "%v", err)}
	}
	var checks []record.Check
	add := func(name string, f history.Finding) {
		if f.Examined > 0 || f.Violations > 0 { // of queries alone, or of one branch, there may be nothing to say
			checks = append(checks, f.Check(name))
		}
	}
	add("conserved", bank.Conserved(h.Ops, replicas))
	if !h.Blind {
		add("once", history.Once(h.Ops, replicas))
		add("durable", history.Durable(h.Ops, replicas))
	}
	add("agree", history.Agree(replicas))
	alone := h.Blind && len(h.Branches) == 1
	if h.Mode == branch.Sync || alone {
		add("regular", bank.Regular(h.Ops))
	}
	switch {
	case alone:
		bank.Overdraft = false // who is alone knows what there is
		add("linearizable", bank.Linearizable(beginning(h.Ops, linearOps), history.Limits{}))
	case !h.Blind:
		checks = append(checks, h.digests(), h.logs())
	}
	if h.Funds == branch.Escrow {
		checks = append(checks, h.solvent(replicas))
	}
	if len(h.Missed) > 0 {
		checks = append(checks, record.Doubt("faults", 1, "the load was over before %q", h.Missed))
	}
	return checks
}

// linearOps is how many operations are held against an order of all: who is faster
// is judged by as much, and by every balance that a query was told ("regular").
const linearOps = 4_000

// beginning is what there was before the operation of a number began. What was
// under way then may have happened or not, whatever it was answered later: the
// beginning of a right history is right.
func beginning(ops []history.BankOp, n int) []history.BankOp {
	if len(ops) <= n {
		return ops
	}
	sorted := slices.Clone(ops)
	slices.SortStableFunc(sorted, func(a, b history.BankOp) int { return cmp.Compare(a.Begin, b.Begin) })
	until, sorted := sorted[n].Begin, sorted[:n]
	for i := range sorted {
		if o := &sorted[i]; o.End >= until {
			o.End, o.Outcome, o.Output = history.Never, record.Unknown, history.BankOutput{}
		}
	}
	return sorted
}

// replicas are the branches as the checkers of histories know them. What a
// request is called only its origin knows.
func (h *History) replicas() ([]history.Replica, error) {
	type number struct {
		origin branch.ID
		seq    uint64
	}
	names := make(map[number]string)
	for _, b := range h.Branches {
		for _, a := range b.Log {
			if a.Origin == b.ID && a.Request != "" {
				names[number{a.Origin, a.Seq}] = a.Request
			}
		}
	}
	out := make([]history.Replica, len(h.Branches))
	for i, b := range h.Branches {
		out[i] = history.Replica{Name: fmt.Sprint(b.ID), Balances: map[string]int64{"": b.Balance - b.External}}
		if h.Blind {
			continue
		}
		out[i].Applied = []string{}
		for _, a := range b.Log {
			if a.Amount == 0 {
				continue // rights, of which customers know nothing
			}
			name, ok := names[number{a.Origin, a.Seq}]
			if !ok {
				return nil, fmt.Errorf("branch %d has applied write %d of branch %d, which does not have it itself", b.ID, a.Seq, a.Origin)
			}
			out[i].Applied = append(out[i].Applied, name)
		}
	}
	return out, nil
}

func (h *History) digests() record.Check {
	for _, b := range h.Branches[1:] {
		if first := h.Branches[0]; b.Digest != first.Digest {
			return record.Fail("digests", int64(len(h.Branches)), "branches %d and %d hold different states", first.ID, b.ID)
		}
	}
	return record.Pass("digests", int64(len(h.Branches)))
}

// logs: every branch applied the writes of each origin in their order, each
// once, and holds what they sum up to.
func (h *History) logs() record.Check {
	var n int64
	for _, b := range h.Branches {
		last, sum := make(map[branch.ID]uint64), h.Initial+b.External
		for _, a := range b.Log {
			if n++; a.Seq != last[a.Origin]+1 {
				return record.Fail("logs", n, "branch %d applied write %d of branch %d after %d", b.ID, a.Seq, a.Origin, last[a.Origin])
			}
			last[a.Origin] = a.Seq
			sum += a.Amount
		}
		if sum != b.Balance {
			return record.Fail("logs", n, "branch %d shows %d, its journal sums up to %d", b.ID, b.Balance, sum)
		}
	}
	return record.Pass("logs", n+int64(len(h.Branches)))
}

// solvent: under escrow no balance below 0 was ever seen, and the rights are the
// balance.
func (h *History) solvent(replicas []history.Replica) record.Check {
	if n := h.Overdrawn(); n > 0 {
		return record.Fail("solvent", n, "a balance below 0 was seen %d times", n)
	}
	for _, b := range h.Branches {
		var sum int64
		if h.Blind {
			continue
		}
		for id, r := range b.Rights {
			if sum += r; r < 0 {
				return record.Fail("solvent", 1, "at branch %d, branch %d has rights to %d", b.ID, id, r)
			}
		}
		if sum != b.Balance-b.External {
			return record.Fail("solvent", 1, "at branch %d the rights sum up to %d, the balance to %d", b.ID, sum, b.Balance-b.External)
		}
	}
	return history.Solvent(h.Ops, replicas).Check("solvent")
}

// Story tells of the first balance that is wrong, whatever the mode says about
// when branches must agree: in the end they always must.
func (h *History) Story() story.Story {
	bank := history.Bank{Initial: map[string]int64{"": h.Initial}, Overdraft: h.Funds == branch.Optimistic}
	told := history.Told{Ops: h.Ops, Single: len(h.Branches) == 1}
	told.Server = func(o history.BankOp) string { return branchName(int(o.Input.At)) }
	if h.Mode != branch.Sync && !told.Single {
		told.Ops = writes(h.Ops)
	}
	for i, b := range h.Branches {
		told.Replicas = append(told.Replicas, history.Replica{Name: branchName(i + 1), Balances: map[string]int64{"": b.Balance - b.External}})
	}
	return story.Bank(bank, told)
}

func branchName(number int) string { return fmt.Sprintf("branch %d", number) }

// writes leaves out what may show an older balance.
func writes(ops []history.BankOp) (out []history.BankOp) {
	for _, o := range ops {
		if o.Input.Kind != history.Query {
			out = append(out, o)
		}
	}
	return out
}
