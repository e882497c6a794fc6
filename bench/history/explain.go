package history

import (
	"cmp"
	"math"
	"slices"
	"strings"

	"dyno/internal/record"
)

// Flaw is the smallest reason found for the first balance that no right bank
// shows: as if some acknowledged writes had not happened, or some had happened
// twice. What else there was adds up to Rest. It is an explanation, not a proof:
// other faults may show the same number.
type Flaw struct {
	Read  BankOp // the query; of what a replica held in the end, Client is [NoClient]
	Where string // which replica held it in the end; empty: a client's query
	Right int64  // the balance without anything of Open
	Rest  int64  // Right, without Lost and Twice
	Lost  []BankOp
	Twice []BankOp
	Open  []BankOp // under way or unknown: any of them may count
}

// NoClient is who looks at replicas when all is over.
const NoClient = -1

// Bounds of explanations.
const (
	nearOps     = 200     // single writes that are tried, the latest first
	repeatedOps = 12      // that are tried as done twice, three at a time
	runOps      = 100_000 // longest run of writes that is tried as lost
)

// Told is what there is to be explained.
type Told struct {
	Ops      []BankOp
	Replicas []Replica           // what they held in the end
	Server   func(BankOp) string // who served a request
	Name     func(BankOp) string // who asked; nil: customer N
	Single   bool                // there is one copy: what it shows after a write is a balance like that of a query
}

// Explain explains the first balance of a query that Regular does not allow, and
// if there is none, the first one that a replica held in the end. Found is false
// when every balance is possible.
func (b Bank) Explain(t Told) (f Flaw, found bool) {
	one, err := settle(t.Ops)
	if err != nil {
		return f, false
	}
	e := explainer{server: t.Server, after: make(map[*BankOp]*BankOp), asked: make(map[string]int)}
	for i := range t.Ops {
		if id := t.Ops[i].Input.Request; id != "" {
			e.asked[id]++
		}
	}
	accounts := make(map[string][]*BankOp)
	for i := range one {
		account := one[i].Input.Account
		accounts[account] = append(accounts[account], &one[i])
		if before, ok := e.before(&one[i]); ok && t.Single {
			accounts[account] = append(accounts[account], before)
		}
	}
	for _, account := range sortedKeys(accounts) {
		scan(accounts[account], b.Initial[account], e.first)
	}
	for _, r := range t.Replicas {
		for _, account := range sortedKeys(r.Balances) {
			if e.flaw != nil {
				break
			}
			e.held(b, r, account, accounts[account])
		}
	}
	if e.flaw == nil {
		return f, false
	}
	return *e.flaw, true
}

type explainer struct {
	server func(BankOp) string
	after  map[*BankOp]*BankOp // the writes behind queries that [explainer.before] made up
	asked  map[string]int      // how often, by request
	flaw   *Flaw
}

// before is a query that a copy answered right before a write, by the balance that
// it showed after it.
func (e *explainer) before(o *BankOp) (*BankOp, bool) {
	if o.Input.Kind == Query || !shows(o) {
		return nil, false
	}
	q := *o
	q.Input = BankInput{Kind: Query, Account: o.Input.Account}
	q.Output.Balance -= amount(o)
	e.after[&q] = o
	return &q, true
}

// first explains a query that is not possible and begins before any other one.
func (e *explainer) first(q *query) bool {
	if e.flaw != nil && e.flaw.Read.Begin <= q.Begin {
		return false
	}
	if q.legal(0) != illegal {
		return true
	}
	e.flaw = e.explain(q)
	return false
}

// held looks at what a replica held when all was over, as a last query.
func (e *explainer) held(b Bank, r Replica, account string, ops []*BankOp) {
	last := int64(math.MinInt64)
	var writes []*BankOp
	for _, o := range ops {
		if o.Input.Kind != Query {
			writes = append(writes, o)
		}
		if last = max(last, o.Begin); o.End != Never {
			last = max(last, o.End)
		}
	}
	look := &BankOp{
		Client: NoClient, Begin: last + 1, End: last + 1, Outcome: record.OK,
		Input: BankInput{Kind: Query, Account: account}, Output: BankOutput{Balance: r.Balances[account]},
	}
	scan(append(writes, look), b.Initial[account], e.first)
	if e.flaw != nil {
		e.flaw.Where = r.Name
	}
}

func (e *explainer) explain(q *query) *Flaw {
	f := &Flaw{Read: *q.BankOp, Open: values(q.open)}
	lost, twice := e.single(q)
	if lost == nil && twice == nil {
		lost = e.run(q)
	}
	if lost == nil && twice == nil {
		twice = e.repeated(q)
	}
	f.Lost, f.Twice = values(lost), values(twice)
	f.Right, _ = q.certain.int64() // beyond int64 it is shown wrong, and the check says so
	if w := e.after[q.BankOp]; w != nil {
		f.Read = *w
		f.Right += amount(w)
		f.Open = slices.DeleteFunc(f.Open, func(o BankOp) bool { return o.Input.Request == w.Input.Request })
	}
	f.Rest = f.Right
	for _, o := range append(lost, twice...) {
		if o.Outcome == record.OK {
			f.Rest -= amount(o)
		}
	}
	return f
}

// single tries writes one by one: those of the client itself first, then the
// latest.
func (e *explainer) single(q *query) (lost, twice []*BankOp) {
	near := slices.Clone(q.ended[max(0, len(q.ended)-nearOps):])
	slices.Reverse(near)
	near = append(near, q.open...)
	near = slices.DeleteFunc(near, func(w *BankOp) bool { return w == e.after[q.BankOp] })
	slices.SortStableFunc(near, func(a, b *BankOp) int {
		switch mine := a.Client == q.Client; {
		case mine == (b.Client == q.Client):
			return 0
		case mine:
			return -1
		}
		return 1
	})
	for _, w := range near { // what was asked again is what may have happened again
		if e.asked[w.Input.Request] > 1 && q.legal(-amount(w)) == legal {
			return nil, []*BankOp{w}
		}
	}
	for _, w := range near {
		if w.Outcome == record.OK && q.legal(amount(w)) == legal {
			return []*BankOp{w}, nil
		}
	}
	for _, w := range near {
		if q.legal(-amount(w)) == legal {
			return nil, []*BankOp{w}
		}
	}
	return nil, nil
}

// repeated tries up to three of the latest writes that ended or are under way.
func (e *explainer) repeated(q *query) []*BankOp {
	late := append(slices.Clone(q.ended), q.open...)
	late = late[max(0, len(late)-repeatedOps):]
	for i, a := range late {
		for j, b := range late[:i] {
			if q.legal(-amount(a)-amount(b)) == legal {
				return []*BankOp{b, a}
			}
			for _, c := range late[:j] {
				if q.legal(-amount(a)-amount(b)-amount(c)) == legal {
					return []*BankOp{c, b, a}
				}
			}
		}
	}
	return nil
}

// run tries the last writes together, and the first ones, as a server loses them that
// is started again: of any one server, then of all.
func (e *explainer) run(q *query) []*BankOp {
	var servers []string
	for _, w := range q.ended {
		if s := e.server(*w); !slices.Contains(servers, s) {
			servers = append(servers, s)
		}
	}
	slices.SortFunc(servers, strings.Compare)
	first := q.ended
	last := slices.Clone(first)
	slices.Reverse(last)
	for _, order := range [][]*BankOp{last, first} {
		var best []*BankOp
		for _, s := range append(servers, "") {
			if found := e.lost(q, order, s); best == nil || found != nil && len(found) < len(best) {
				best = found
			}
		}
		if best != nil {
			slices.SortStableFunc(best, func(a, b *BankOp) int { return cmp.Compare(a.End, b.End) })
			return best
		}
	}
	return nil
}

// lost is the shortest beginning of writes, of a server or of all, without which the
// balance is possible.
func (e *explainer) lost(q *query, order []*BankOp, server string) (run []*BankOp) {
	var missing int64
	for _, w := range order[:min(len(order), runOps)] {
		if server != "" && e.server(*w) != server {
			continue
		}
		run = append(run, w)
		if missing += amount(w); q.legal(missing) == legal {
			return run
		}
	}
	return nil
}

func values(ops []*BankOp) []BankOp {
	out := make([]BankOp, len(ops))
	for i, o := range ops {
		out[i] = *o
	}
	return out
}
