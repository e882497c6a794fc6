package driver

import (
	"context"
	"os"
	"runtime"
	"runtime/debug"
	"runtime/metrics"
	"sync"
	"time"

	"github.com/shirou/gopsutil/v3/mem"

	"dyno/bench/process"
)

// A generator's heap is small, and Go would collect its garbage many times a second.
// A sweep after that keeps a processor from reading the network for up to 10 ms at a
// time, and every call that is due meanwhile is late, or told as the service's
// slowest. How much is swept does not depend on how often: only a window without any
// collection is free of that. So a generator collects once before its window and
// then lets its heap grow by room: 512 MiB, or less on a small machine, which is 4.5 s
// of 20,000 calls per second. In longer runs it collects that seldom, and keeps as
// much memory.
const (
	mostRoom   = 512 << 20
	roomShare  = 16 // of the machine's memory, which may have several generators
	limitShare = 4  // of what control groups allow

	adjustEvery = time.Second
	settled     = 200 * time.Millisecond // from the last collection to the window, or half of the warm-up
	leastLive   = 4 << 20                // what Go takes a smaller heap for
)

// room is by how much the heap of a generator may grow on a machine with so much
// memory, in control groups with such a limit.
func room(total, limit uint64) uint64 { return min(mostRoom, total/roomShare, limit/limitShare) }

// growth is room in percent of the live heap; never less than Go's default, so that
// a heap which approaches its room is not collected all the time, as it would be
// near a memory limit.
func growth(live, room uint64) int { return int(max(100, room*100/max(live, leastLive))) }

// holdOff keeps the collector to the room of this machine, and lets it collect in
// time before a window that begins after warmup, unless GOGC says what it is to do;
// until the function that it returns is called.
func holdOff(warmup time.Duration) (resume func()) {
	m, err := mem.VirtualMemory()
	if os.Getenv("GOGC") != "" || err != nil {
		return func() {}
	}
	ctx, stop := context.WithCancel(context.Background())
	usual := debug.SetGCPercent(100)
	var pacing sync.WaitGroup
	pacing.Go(func() { pace(ctx, room(m.Total, process.MemoryLimit())) })
	// A goroutine that is runtime.GC itself would be taken for one of Go's own.
	before := time.AfterFunc(warmup-min(warmup/2, settled), func() { runtime.GC() })
	return sync.OnceFunc(func() {
		before.Stop()
		stop()
		pacing.Wait()
		debug.SetGCPercent(usual)
	})
}

// pace follows the live heap, which grows by what a run keeps, until the context
// ends.
func pace(ctx context.Context, room uint64) {
	live := []metrics.Sample{{Name: "/gc/heap/live:bytes"}}
	tick := time.NewTicker(adjustEvery)
	defer tick.Stop()
	for now := 0; ; {
		metrics.Read(live)
		if g := growth(live[0].Value.Uint64(), room); g != now { // setting it stops the world
			now = g
			debug.SetGCPercent(g)
		}
		select {
		case <-tick.C:
		case <-ctx.Done():
			return
		}
	}
}
