package server_test

import (
	"context"
	"fmt"
	"slices"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"dyno/internal/journal"
	"dyno/systems/strife/security"
	"dyno/systems/strife/server"
	"dyno/systems/strife/site"
)

// Payments by closed-loop clients, all servers in this process.
func BenchmarkPay(b *testing.B) {
	for _, clients := range []int{1, 32, 128} {
		for _, p := range security.Protections {
			b.Run(fmt.Sprintf("clients=%d/protection=%s", clients, p), func(b *testing.B) { benchmarkPay(b, clients, p) })
		}
	}
}

func benchmarkPay(b *testing.B, clients int, p security.Protection) {
	users := min(clients, 16)
	w := newWorld(b, site.Plan{Banks: 2, Users: users * 2, Balance: 1e12, Same: true, Protection: p}).start()
	payers := make([]*customer, users)
	for i := range payers {
		payers[i] = w.login(i)
	}
	b.ResetTimer()
	cpu := processorTime(b)
	var next atomic.Int64
	var all sync.WaitGroup
	waits := make([][]time.Duration, clients)
	for i := range clients {
		all.Go(func() {
			c := payers[i%users]
			to := w.made.Users[users+(i*7+1)%users]
			for n := next.Add(1); n <= int64(b.N); n = next.Add(1) {
				begin := time.Now()
				if _, err := c.pay(context.Background(), fmt.Sprintf("k%d", n), to, 1); err != nil {
					b.Error(err)
					return
				}
				waits[i] = append(waits[i], time.Since(begin))
			}
		})
	}
	all.Wait()
	b.StopTimer()
	b.ReportMetric(float64((processorTime(b)-cpu).Microseconds())/float64(b.N), "cpu-us/payment")
	batches := 0
	for _, p := range w.parties() {
		w.stop(p)
		r, err := journal.Scan(w.dir.Journal(p), journal.Options{Identity: server.Identity(p, "journal")}, func(journal.Entry) error { return nil })
		if err != nil {
			b.Fatal(err)
		}
		batches += r.Batches
	}
	b.ReportMetric(float64(batches)/float64(b.N), "forced-writes/payment")
	every := slices.Concat(waits...)
	slices.Sort(every)
	b.ReportMetric(float64(b.N)/b.Elapsed().Seconds(), "payments/s")
	b.ReportMetric(every[len(every)/2].Seconds()*1e3, "p50-ms")
	b.ReportMetric(every[len(every)*99/100].Seconds()*1e3, "p99-ms")
}

// processorTime is what this process has used.
func processorTime(b *testing.B) time.Duration {
	var u syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &u); err != nil {
		b.Fatal(err)
	}
	return time.Duration(u.Utime.Nano() + u.Stime.Nano())
}
