package simulator

import (
	"cmp"
	"fmt"
	"io"
	"os"
	"runtime"
	"strconv"
	"testing"
	"time"

	"dyno/internal/node"
	"dyno/systems/strife/core/coordinator"
	"dyno/systems/strife/core/participant"
)

// history makes the records of many payments between two banks, all over, under
// keys as long as a UUID.
func history(payments int) (gateway, bank [][]byte) {
	c := newCluster()
	c.keep = true
	for i := range payments {
		from, to := "alpha", "beta"
		if i%2 == 1 {
			from, to = to, from
		}
		p := payment(from, to, 1)
		if i%2 == 1 {
			p.From.Name, p.To.Name = p.To.Name, p.From.Name
		}
		c.replies, c.now = c.replies[:0], time.Duration(i)*time.Millisecond
		c.pay(coordinator.Pay{Request: 1, User: "user" + strconv.Itoa(i%1000), Key: fmt.Sprintf("%036d", i), Payment: p})
		if c.replies[0].Receipt.Status != coordinator.Paid {
			panic(c.replies[0])
		}
	}
	return c.gatewayRecords, c.bankRecords
}

// BenchmarkRecovery reads back what many payments have left, from records and
// from a snapshot. DYNO_PAYMENTS says how many; figures are for each of them.
func BenchmarkRecovery(b *testing.B) {
	payments, _ := strconv.Atoi(cmp.Or(os.Getenv("DYNO_PAYMENTS"), "100000"))
	gateway, bank := history(payments)
	b.Run("gateway", func(b *testing.B) {
		recovery(b, payments, gateway, func() node.Core[coordinator.In, coordinator.Out] {
			return coordinator.New(coordinator.Config{Gateway: 1, Banks: []string{"alpha", "beta"}})
		})
	})
	b.Run("bank", func(b *testing.B) {
		recovery(b, payments, bank, func() node.Core[participant.In, participant.Out] {
			return participant.New(participant.Config{Bank: "alpha"})
		})
	})
}

func recovery[In, Out any](b *testing.B, payments int, records [][]byte, make func() node.Core[In, Out]) {
	var recovered, frozen, restored time.Duration
	var heap, snapshot int
	for b.Loop() {
		before := live()
		began := time.Now()
		core := make()
		for _, r := range records {
			if err := core.Recover(r); err != nil {
				b.Fatal(err)
			}
		}
		core.Begin(0)
		recovered += time.Since(began)
		heap = live() - before

		began = time.Now()
		write := core.(node.Freezer).Freeze()
		frozen = max(frozen, time.Since(began))
		var state buffer
		if err := write(&state); err != nil {
			b.Fatal(err)
		}
		snapshot = len(state)
		began = time.Now()
		if err := make().(node.Snapshotter).Restore(uint64(len(records)), state); err != nil {
			b.Fatal(err)
		}
		restored += time.Since(began)
		runtime.KeepAlive(core)
	}
	n := float64(payments)
	b.ReportMetric(float64(recovered.Nanoseconds())/n/float64(b.N), "ns-recovery/payment")
	b.ReportMetric(float64(restored.Nanoseconds())/n/float64(b.N), "ns-restore/payment")
	b.ReportMetric(float64(heap)/n, "B-heap/payment")
	b.ReportMetric(float64(snapshot)/n, "B-snapshot/payment")
	b.ReportMetric(float64(frozen.Microseconds()), "µs-pause")
	b.ReportMetric(0, "ns/op")
}

type buffer []byte

func (b *buffer) Write(p []byte) (int, error) {
	*b = append(*b, p...)
	return len(p), nil
}

var _ io.Writer = (*buffer)(nil)

func live() int {
	var m runtime.MemStats
	runtime.GC()
	runtime.ReadMemStats(&m)
	return int(m.HeapAlloc)
}
