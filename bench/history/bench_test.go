package history

import (
	"fmt"
	"testing"

	"dyno/internal/record"
)

func perOp(b *testing.B, n int) {
	b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N)/float64(n), "ns/checked-op")
}

func BenchmarkRecord(b *testing.B) {
	r := NewRecorder[BankInput, BankOutput](1<<30, nil)
	b.ReportAllocs()
	b.RunParallel(func(pb *testing.PB) {
		log := new(Log[BankInput, BankOutput])
		log.recorder = r // of its own, and free to be collected
		for pb.Next() {
			if len(log.chunks) > 16 {
				log.chunks = log.chunks[:0]
			}
			call, err := log.Begin(BankInput{Kind: Query})
			if err != nil {
				b.Error(err)
				return
			}
			call.End(BankOutput{}, record.OK)
		}
	})
}

func BenchmarkLinearizableRegister(b *testing.B) {
	for _, unknown := range []int{10, 100, 1000} {
		for _, clients := range []int{2, 4, 8, 16, 32} {
			b.Run(fmt.Sprintf("unknown=1in%d/clients=%d", unknown, clients), func(b *testing.B) {
				ops := registerSystem(clients, 2000/clients, unknown)(chance(1))
				var f Finding
				for b.Loop() {
					f = registers.Linearizable(ops, Limits{})
				}
				if f.Violations > 0 {
					b.Error(f)
				}
				b.ReportMetric(float64(f.Undecided), "undecided")
				perOp(b, len(ops))
			})
		}
	}
}

// A violation that only the search can tell, in the middle of a history: one
// value, another, and the first again, each written once.
func BenchmarkExplain(b *testing.B) {
	ops := registerSystem(4, 500, 1000)(chance(1))
	at := ops[len(ops)/2].Begin
	add := func(client int32, kind RegisterKind, begin, end int64, value int) {
		op := RegisterOp{Client: client, Begin: at + begin, End: at + end, Outcome: record.OK, Input: RegisterInput{Key: "x", Kind: kind}}
		if op.Input.Value = value; kind == Get {
			op.Input.Value, op.Output = 0, value
		}
		ops = append(ops, op)
	}
	add(96, Put, 0, 100, -7)
	add(97, Put, 0, 100, -8)
	add(98, Get, 10, 11, -7)
	add(98, Get, 20, 21, -8)
	add(98, Get, 30, 31, -7)
	order(ops)
	var f Finding
	for b.Loop() {
		f = registers.Linearizable(ops, Limits{})
	}
	if f.Violations != 1 {
		b.Error(f)
	}
	perOp(b, len(ops))
}

// The hot account: by search, and by the order that the server reports.
func BenchmarkHotAccount(b *testing.B) {
	for _, unknown := range []int{100, 1 << 30} {
		for _, clients := range []int{4, 8, 16, 32} {
			h := oneServerWith(clients, 960/clients, unknown, false, false)(chance(1))
			name := fmt.Sprintf("unknown=1in%d/clients=%d", unknown, clients)
			b.Run("search/"+name, func(b *testing.B) {
				var f Finding
				for b.Loop() {
					f = h.bank.Linearizable(h.ops, Limits{})
				}
				if f.Violations > 0 {
					b.Error(f)
				}
				b.ReportMetric(float64(f.Undecided), "undecided")
				perOp(b, len(h.ops))
			})
			b.Run("order/"+name, func(b *testing.B) {
				for b.Loop() {
					if f := h.bank.InOrder(h.ops, h.log); f.Violations+f.Undecided > 0 {
						b.Fatal(f)
					}
				}
				perOp(b, len(h.ops))
			})
		}
	}
}

func BenchmarkInOrder(b *testing.B) {
	h := oneServer(32, 3000, true, false)(chance(1))
	for b.Loop() {
		if f := h.bank.InOrder(h.ops, h.log); f.Violations+f.Undecided > 0 {
			b.Fatal(f)
		}
	}
	perOp(b, len(h.ops))
}

func BenchmarkRegularBank(b *testing.B) {
	for name, perClient := range map[string]int{"ops=800": 25, "ops=3200": 100} {
		b.Run(name, func(b *testing.B) {
			h := oneServer(32, perClient, true, false)(chance(1))
			var f Finding
			for b.Loop() {
				f = h.bank.Regular(h.ops)
			}
			if f.Violations > 0 {
				b.Error(f)
			}
			b.ReportMetric(float64(f.Undecided), "undecided")
			perOp(b, len(h.ops))
		})
	}
}

func BenchmarkConserved(b *testing.B) {
	h := oneServer(32, 3000, true, false)(chance(1))
	for b.Loop() {
		if f := h.bank.Conserved(h.ops, h.replicas); f.Violations+f.Undecided > 0 {
			b.Fatal(f)
		}
	}
	perOp(b, len(h.ops))
}

// sessionHistory is one long session over three branches, with vectors.
func sessionHistory(n int) travel {
	v := map[string]int64{}
	var t travel
	logs := make([]ApplyLog, 3)
	for i := range n {
		op := SessionOp{Seq: int32(i), Begin: int64(10 * i), End: int64(10*i + 5), Outcome: record.OK, Input: SessionInput{"c", i%2 == 0}}
		if op.Input.Write {
			origin := branchName(i / 2 % 3)
			v[origin]++
			op.Output.Wrote = WriteID{origin, v[origin]}
			for b := range logs {
				logs[b].Writes = append(logs[b].Writes, op.Output.Wrote)
			}
		} else {
			op.Output.Seen = Seen{Vector: cloned(v)}
		}
		t.ops = append(t.ops, op)
	}
	t.logs = logs
	return t
}

func BenchmarkSessions(b *testing.B) {
	for name, n := range map[string]int{"ops=10000": 10000, "ops=100000": 100000} {
		b.Run(name, func(b *testing.B) {
			t := sessionHistory(n)
			for b.Loop() {
				if s := CheckSessions(t.ops, t.logs); s.WritesFollowReads.Violations != 0 || s.ReadYourWrites.Violations != 0 {
					b.Fatal(s)
				}
			}
			perOp(b, n)
		})
	}
}
