package history

import (
	"math/rand/v2"
	"testing"

	"dyno/internal/record"
)

func atBranch(client int32) string { return map[bool]string{true: "even", false: "odd"}[client%2 == 0] }

// What is planted is what is explained, to the write; what is right is not
// explained at all.
func TestExplainBalance(t *testing.T) {
	generate := branches(true)
	for seed := range uint64(100) {
		h := generate(chance(seed))
		if f, found := h.bank.Explain(h.ops, h.replicas, atBranch); found {
			t.Fatalf("seed %d: a right history is explained: %+v", seed, f)
		}
		for _, m := range balanceMutants[:2] {
			h, ok := m.Plant(generate(chance(seed)), chance(^seed))
			if !ok {
				continue
			}
			f, found := h.bank.Explain(h.ops, h.replicas, atBranch)
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
	f, found := b.Explain(ops, []Replica{right, wrong}, atBranch)
	if !found || f.Where != "wrong" || len(f.Lost) == 0 || len(f.Lost) > 10 || f.Right != 7+total || f.Read.Client != NoClient {
		t.Fatalf("found %v: %+v", found, f)
	}
	if sum := f.Rest; sum != 7+total-lost {
		t.Errorf("the rest is %d, held is %d", sum, 7+total-lost)
	}
	wrong.Balances[""] = 1 << 40
	if f, found := b.Explain(ops, []Replica{wrong}, atBranch); !found || len(f.Lost)+len(f.Twice) > 0 || f.Rest != f.Right {
		t.Errorf("nothing explains it, but: %v, %+v", found, f)
	}
	if _, found := b.Explain(ops, []Replica{right}, atBranch); found {
		t.Error("the right replica is explained")
	}
}
