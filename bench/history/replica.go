package history

import (
	"cmp"
	"fmt"
	"maps"
	"slices"

	"dyno/internal/record"
)

// Replica is what one replica holds after quiescence.
type Replica struct {
	Name     string
	Balances map[string]int64 // by account
	Applied  []string         // the requests it applied, once per time it did; nil when it does not tell
}

// Conserved tells whether no money came or went: at every replica the balance
// of every account is the initial one, plus accepted deposits, less accepted
// withdrawals, plus external terms. Unknown operations count where the replica
// says it applied them; when it does not tell, any set of them may. A balance
// that leaves the range of int64 is a violation: nobody can have held it.
// O(operations × replicas).
func (b Bank) Conserved(ops []BankOp, replicas []Replica) Finding {
	return settled(ops, func(ops []BankOp) Finding {
		var f Finding
		for i := range replicas {
			b.conservedAt(&replicas[i], ops, &f)
		}
		return f
	})
}

func (b Bank) conservedAt(r *Replica, ops []BankOp, f *Finding) {
	applied := make(map[string]bool, len(r.Applied))
	for _, request := range r.Applied {
		applied[request] = true
	}
	total := make(map[string]sum)
	for account, n := range b.Initial {
		total[account] = total[account].add(n)
	}
	open := make(map[string][]int64)
	for i := range ops {
		o := &ops[i]
		switch account := o.Input.Account; {
		case o.Input.Kind == Query:
		case o.Outcome == record.OK, !known(o.Outcome) && applied[o.Input.Request]:
			total[account] = total[account].add(amount(o))
		case !known(o.Outcome) && r.Applied == nil:
			open[account] = append(open[account], amount(o))
		}
	}
	for account := range r.Balances { // an account that nobody opened must be empty
		total[account] = total[account].add(0)
	}
	for _, account := range sortedKeys(total) {
		f.Examined++
		judgeBalance(f, r, account, total[account], open[account])
	}
}

func judgeBalance(f *Finding, r *Replica, account string, want sum, open []int64) {
	have, ok := r.Balances[account]
	if !ok && want == (sum{}) && len(open) == 0 {
		return
	}
	if !ok {
		f.violate(fmt.Sprintf("replica %s has no account %q", r.Name, account))
		return
	}
	n, fits := want.int64()
	if !fits && len(open) == 0 {
		f.violate(fmt.Sprintf("replica %s, account %q: the right balance overflows int64, it shows %d", r.Name, account, have))
		return
	}
	switch reach(open, sumOf(have).minus(want)) {
	case illegal:
		f.violate(fmt.Sprintf("replica %s, account %q: the balance is %d, should be %d (%d unknown operations either way)", r.Name, account,
			have, n, len(open)))
	case undecided:
		f.leaveOpen(fmt.Sprintf("replica %s, account %q: the %d unknown operations have more than %d totals", r.Name, account, len(open),
			maxSums))
	}
}

// Once tells whether every replica applied every request at most once, and only
// requests that were made and neither refused nor failed. Examined are the
// applied requests. O(operations + applied).
func Once(ops []BankOp, replicas []Replica) Finding {
	return settled(ops, func(ops []BankOp) Finding {
		asked := writesByRequest(ops)
		var f Finding
		for _, r := range replicas {
			seen := make(map[string]bool, len(r.Applied))
			for _, request := range r.Applied {
				f.Examined++
				switch o := asked[request]; {
				case seen[request]:
					f.violate(fmt.Sprintf("replica %s applied request %s twice", r.Name, request))
				case o == nil:
					f.violate(fmt.Sprintf("replica %s applied request %s, which nobody made", r.Name, request))
				case o.Outcome == record.Refused || o.Outcome == record.Failed:
					f.violate(fmt.Sprintf("replica %s applied %v", r.Name, *o))
				}
				seen[request] = true
			}
		}
		return f
	})
}

// Durable tells whether every acknowledged request is applied at every replica
// that is given (the survivors, after quiescence). Violations are the
// acknowledged writes lost, counted per replica: an asynchronous system reads
// the number. O(operations × replicas).
func Durable(ops []BankOp, replicas []Replica) Finding {
	return settled(ops, func(ops []BankOp) Finding {
		var f Finding
		for _, r := range replicas {
			applied := make(map[string]bool, len(r.Applied))
			for _, request := range r.Applied {
				applied[request] = true
			}
			for i := range ops {
				if o := &ops[i]; o.Input.Kind != Query && o.Outcome == record.OK {
					f.Examined++
					if !applied[o.Input.Request] {
						f.violate(fmt.Sprintf("replica %s lacks %v", r.Name, *o))
					}
				}
			}
		}
		return f
	})
}

// Agree tells whether all replicas hold the same balances and applied the same
// set of requests, in whatever order. One replica alone has nobody to agree
// with: nothing is examined.
func Agree(replicas []Replica) Finding {
	var f Finding
	if len(replicas) < 2 {
		return f
	}
	first := replicas[0]
	want := slices.Sorted(slices.Values(first.Applied))
	for _, r := range replicas[1:] {
		f.Examined++
		if !maps.Equal(first.Balances, r.Balances) {
			f.violate(fmt.Sprintf("replicas %s and %s hold %v and %v", first.Name, r.Name, first.Balances, r.Balances))
		} else if got := slices.Sorted(slices.Values(r.Applied)); !slices.Equal(want, got) {
			f.violate(fmt.Sprintf("replicas %s and %s applied %d and %d requests, not the same", first.Name, r.Name, len(want), len(got)))
		}
	}
	return f
}

// Solvent tells whether no balance was negative that a client or, at the end, a
// replica showed. Under a rule that permits overdrafts read the number of
// Violations.
func Solvent(ops []BankOp, replicas []Replica) Finding {
	var f Finding
	for i := range ops {
		if o := &ops[i]; shows(o) {
			f.Examined++
			if o.Output.Balance < 0 {
				f.violate(o.String())
			}
		}
	}
	for _, r := range replicas {
		for _, account := range sortedKeys(r.Balances) {
			f.Examined++
			if n := r.Balances[account]; n < 0 {
				f.violate(fmt.Sprintf("replica %s, account %q: %d", r.Name, account, n))
			}
		}
	}
	return f
}

func writesByRequest(ops []BankOp) map[string]*BankOp {
	out := make(map[string]*BankOp, len(ops))
	for i := range ops {
		if ops[i].Input.Kind != Query {
			out[ops[i].Input.Request] = &ops[i]
		}
	}
	return out
}

func sortedKeys[K cmp.Ordered, V any](m map[K]V) []K { return slices.Sorted(maps.Keys(m)) }
