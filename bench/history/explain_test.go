package history

import (
	"fmt"
	"math/rand/v2"
	"testing"

	"dyno/internal/record"
)

func atBranch(o BankOp) string { return map[bool]string{true: "even", false: "odd"}[o.Client%2 == 0] }

// What is planted is what is explained, to the write; what is right is not
// explained at all.
func TestExplainBalance(t *testing.T) {
	generate := branches(true)
	for seed := range uint64(100) {
		h := generate(chance(seed))
		if f, found := h.bank.Explain(Told{Ops: h.ops, Replicas: h.replicas, Server: atBranch}); found {
			t.Fatalf("seed %d: a right history is explained: %+v", seed, f)
		}
		for _, m := range balanceMutants[:2] {
			h, ok := m.Plant(generate(chance(seed)), chance(^seed))
			if !ok {
				continue
			}
			f, found := h.bank.Explain(Told{Ops: h.ops, Replicas: h.replicas, Server: atBranch})
			lost, twice := 1, 0
			if m.Name != "stale read" {
				lost, twice = 0, 1
			}
			if !found || len(f.Lost) != lost || len(f.Twice) != twice || f.Read.Input.Kind != Query || f.Where != "" {
				t.Fatalf("seed %d, %s: found %v, %+v", seed, m.Name, found, f)
			}
			for _, w := range f.Lost {
				if w.End >= f.Read.Begin || f.Rest+amount(&w) != f.Right {
					t.Fatalf("seed %d: %v was not over before %v", seed, w, f.Read)
				}
			}
		}
	}
}

// A replica that lacks what one server acknowledged last is told apart.
func TestExplainReplica(t *testing.T) {
	r := rand.New(rand.NewPCG(1, 1))
	var ops []BankOp
	var total, lost int64
	for i := range 40 {
		o := BankOp{Client: int32(i % 4), Begin: int64(10 * i), End: int64(10*i + 5), Outcome: record.OK}
		o.Input = BankInput{Kind: Deposit, Amount: 1 + r.Int64N(9)*1000, Request: string(rune('a' + i))}
		total += o.Input.Amount
		if i >= 20 && o.Client%2 == 0 {
			lost += o.Input.Amount
		}
		ops = append(ops, o)
	}
	b := Bank{Initial: map[string]int64{"": 7}}
	right := Replica{Name: "right", Balances: map[string]int64{"": 7 + total}}
	wrong := Replica{Name: "wrong", Balances: map[string]int64{"": 7 + total - lost}}
	f, found := b.Explain(Told{Ops: ops, Replicas: []Replica{right, wrong}, Server: atBranch})
	if !found || f.Where != "wrong" || len(f.Lost) == 0 || len(f.Lost) > 10 || f.Right != 7+total || f.Read.Client != NoClient {
		t.Fatalf("found %v: %+v", found, f)
	}
	if sum := f.Rest; sum != 7+total-lost {
		t.Errorf("the rest is %d, held is %d", sum, 7+total-lost)
	}
	var early int64 // what a server forgot that was started again, before it went on
	for _, o := range ops[:5] {
		early += o.Input.Amount
	}
	wrong.Balances[""] = 7 + total - early
	f, found = b.Explain(Told{Ops: ops, Replicas: []Replica{wrong}, Server: atBranch})
	if !found || len(f.Lost) != 5 || f.Lost[0].Begin != 0 || f.Rest != 7+total-early {
		t.Errorf("of the first five writes, found %v: %+v", found, f)
	}
	wrong.Balances[""] = 1 << 40
	if f, found := b.Explain(Told{Ops: ops, Replicas: []Replica{wrong}, Server: atBranch}); !found || len(f.Lost)+len(f.Twice) > 0 || f.Rest != f.Right {
		t.Errorf("nothing explains it, but: %v, %+v", found, f)
	}
	if _, found := b.Explain(Told{Ops: ops, Replicas: []Replica{right}, Server: atBranch}); found {
		t.Error("the right replica is explained")
	}
}

// A copy that loses one of two updates shows it in the answer to the next write.
func TestExplainSingle(t *testing.T) {
	b := Bank{Initial: map[string]int64{"": 20}}
	write := func(client int32, begin, end, amount, balance int64) BankOp {
		o := BankOp{Client: client, Begin: begin, End: end, Outcome: record.OK, Output: BankOutput{Balance: balance, Shown: true}}
		o.Input = BankInput{Kind: Deposit, Amount: amount, Request: fmt.Sprint(begin)}
		return o
	}
	ops := []BankOp{write(1, 1, 5, 3, 23), write(2, 2, 4, 7, 27), write(1, 6, 8, 1, 24)}
	f, found := b.Explain(Told{Ops: ops, Server: atBranch, Single: true})
	if !found || f.Read.Input.Kind != Deposit || f.Right != 31 || len(f.Lost) != 1 || f.Lost[0].Input.Amount != 7 {
		t.Errorf("found %v: %+v", found, f)
	}
	if _, found := b.Explain(Told{Ops: ops, Server: atBranch}); found {
		t.Error("with many copies that may be right")
	}
	ops[2].Output.Balance = 31
	if f, found := b.Explain(Told{Ops: ops, Server: atBranch, Single: true}); found {
		t.Errorf("a right history is explained: %+v", f)
	}
}
