package load_test

import (
	"context"
	"sync"
	"testing"
	"time"

	"dyno/bench/load"
	"dyno/internal/record"
)

const requests = 200_000

// nothing is the cheapest operation: what is left is the generator.
func nothing(context.Context, int) (int32, record.Outcome) { return 0, record.OK }

func BenchmarkClosed(b *testing.B) {
	b.ReportAllocs()
	for b.Loop() {
		if _, err := (load.Closed{Clients: 8, Requests: requests}).Run(b.Context(), nothing); err != nil {
			b.Fatal(err)
		}
	}
	b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N)/requests, "ns/request")
}

// BenchmarkHandWritten is the least that a measuring loop must do: a deadline
// for the operation, two clock readings, and a latency kept per client.
func BenchmarkHandWritten(b *testing.B) {
	b.ReportAllocs()
	for b.Loop() {
		var wg sync.WaitGroup
		for client := range 8 {
			wg.Go(func() {
				latencies := make([]time.Duration, requests/8)
				for i := range latencies {
					begin := time.Now()
					ctx, cancel := context.WithTimeout(b.Context(), load.DefaultTimeout)
					nothing(ctx, client)
					cancel()
					latencies[i] = time.Since(begin)
				}
			})
		}
		wg.Wait()
	}
	b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N)/requests, "ns/request")
}
