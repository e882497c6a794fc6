package server

import (
	"context"
	"runtime/debug"
	"runtime/metrics"
	"time"
)

// headroom is how much a heap may grow between two collections at least. Go
// collects whenever a heap has doubled, and a server that remembers little doubles
// its own many times a second, which costs payments, the slowest above all.
const headroom = 32 << 20

const headroomEvery = time.Second

// paceCollector keeps the collector to the headroom until the context ends.
func paceCollector(ctx context.Context) {
	sample := []metrics.Sample{{Name: "/gc/heap/live:bytes"}}
	before := debug.SetGCPercent(100)
	defer debug.SetGCPercent(before)
	tick := time.NewTicker(headroomEvery)
	defer tick.Stop()
	for {
		metrics.Read(sample)
		debug.SetGCPercent(growth(sample[0].Value.Uint64()))
		select {
		case <-tick.C:
		case <-ctx.Done():
			return
		}
	}
}

// growth is by how many percent a heap of some size may grow.
func growth(live uint64) int { return int(max(100, headroom*100/max(live, 1<<20))) }
