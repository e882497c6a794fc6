package driver

import (
	"context"
	"math"
	"runtime"
	"runtime/debug"
	"runtime/metrics"
	"sync"
	"testing"
	"testing/synctest"
	"time"
)

func TestRoom(t *testing.T) {
	const mi, none = 1 << 20, math.MaxUint64
	for _, c := range []struct{ total, limit, want uint64 }{
		{24 << 30, none, 512 * mi},
		{7 << 30, none, 448 * mi},
		{1 << 30, none, 64 * mi},
		{24 << 30, 1 << 30, 256 * mi},
		{24 << 30, 64 * mi, 16 * mi},
		{1 << 30, 1 << 30, 64 * mi},
	} {
		if got := room(c.total, c.limit); got != c.want {
			t.Errorf("%d MiB of %d bytes with limit %d, want %d", got/mi, c.total, c.limit, c.want/mi)
		}
	}
}

// A heap grows by its room, and never by less than Go lets it: however much a run
// keeps, it is not collected all the time.
func TestGrowth(t *testing.T) {
	const mi = 1 << 20
	for live := uint64(0); live < 2<<30; live += 3 * mi {
		for _, room := range []uint64{0, 16 * mi, 512 * mi} {
			percent := growth(live, room)
			grown := max(live, leastLive) * uint64(percent) / 100
			if most := max(room, live, leastLive); percent < 100 || grown > most || grown < most-most/50 {
				t.Errorf("%d MiB with room %d MiB grow by %d %%", live/mi, room/mi, percent)
			}
		}
	}
}

// What a run keeps makes its heap grow by less in proportion.
func TestPace(t *testing.T) {
	defer debug.SetGCPercent(debug.SetGCPercent(100))
	percent := func() uint64 {
		s := []metrics.Sample{{Name: "/gc/gogc:percent"}}
		metrics.Read(s)
		return s[0].Value.Uint64()
	}
	synctest.Test(t, func(t *testing.T) {
		ctx, stop := context.WithCancel(t.Context())
		var pacing sync.WaitGroup
		runtime.GC()
		pacing.Go(func() { pace(ctx, 32<<20) })
		synctest.Wait()
		before := percent()
		kept := make([]byte, 40<<20)
		runtime.GC()
		time.Sleep(adjustEvery)
		synctest.Wait()
		after := percent()
		runtime.KeepAlive(kept)
		if before <= 100 || after != 100 {
			t.Errorf("%d %%, and with 40 MiB that are kept %d %%; want more than 100, then 100", before, after)
		}
		stop()
		pacing.Wait()
	})
}

// The collection falls into the warm-up, so that the window has none.
func TestCollectedBefore(t *testing.T) {
	t.Setenv("GOGC", "")
	forced := func() uint64 {
		s := []metrics.Sample{{Name: "/gc/cycles/forced:gc-cycles"}}
		metrics.Read(s)
		return s[0].Value.Uint64()
	}
	synctest.Test(t, func(t *testing.T) {
		const warmup, length = 500 * time.Millisecond, 2 * time.Second
		m, before := StartMeter(warmup, length), forced()
		time.Sleep(warmup - time.Millisecond)
		synctest.Wait()
		begin := forced()
		time.Sleep(length + time.Millisecond)
		if m.Stop(); begin != before+1 || forced() != begin {
			t.Errorf("%d collections before the window and %d in it, want 1 and 0", begin-before, forced()-begin)
		}
	})
}
