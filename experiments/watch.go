package experiments

import (
	"context"
	"encoding/json"
	"maps"
	"math"
	"net"
	"os"
	"path/filepath"
	"slices"
	"sync"
	"time"

	"dyno/bench/load"
	"dyno/bench/process"
)

// Sample is what a trial is like while it runs: to be looked at, and held against
// nothing. What the figures are is known at its end.
type Sample struct {
	Plan  *Plan
	Trial *Trial
	At    time.Duration // since the trial began
	Live  *load.Live    // what its generators say; nil: nothing, for example because there are none
	CPU   []Usage       // of its processes that run, by name
}

// Usage is how many cores a process kept busy since the last sample.
type Usage struct {
	Name  string  `json:"name"`
	Cores float64 `json:"cores"`
}

// lookout is where generators tell what they do while a trial runs.
type lookout struct {
	dir  string
	from net.PacketConn // nil: nobody listens
	env  []string
	mu   sync.Mutex
	told map[int]load.Live // the newest since the last sample, by process
}

// newLookout listens if somebody wants to know. That there is nowhere to listen is no
// reason not to measure.
func (r *Runner) newLookout() *lookout {
	l := &lookout{told: make(map[int]load.Live)}
	if r.Watch == nil || !r.Live {
		return l
	}
	var err error
	if l.dir, err = os.MkdirTemp("", "dyno"); err != nil { // short: a socket's path has a limit
		return l
	}
	path := filepath.Join(l.dir, "live")
	if l.from, err = net.ListenPacket("unixgram", path); err != nil {
		l.from = nil
		return l
	}
	l.env = []string{load.LiveVar + "=" + path}
	return l
}

func (l *lookout) listen() {
	for buf := make([]byte, 1<<12); ; {
		n, _, err := l.from.ReadFrom(buf)
		if err != nil {
			return
		}
		var told load.Live
		if json.Unmarshal(buf[:n], &told) == nil {
			l.mu.Lock()
			l.told[told.PID] = told
			l.mu.Unlock()
		}
	}
}

// watch samples a group until its context ends or the lookout is closed by what it
// returns.
func (r *Runner) watch(ctx context.Context, l *lookout, p *Plan, t *Trial, bench process.Bench) (stop func()) {
	if r.Watch == nil {
		return func() {}
	}
	cpu := func() map[string]time.Duration { return nil } // what other machines use is known at the end
	if g, ok := bench.(*process.Group); ok {
		cpu = g.CPU
	}
	ctx, cancel := context.WithCancel(ctx)
	var working sync.WaitGroup
	if l.from != nil {
		working.Go(l.listen)
	}
	working.Go(func() {
		tick := time.NewTicker(load.LiveEvery)
		defer tick.Stop()
		began, last, used := time.Now(), time.Now(), cpu()
		for {
			select {
			case <-ctx.Done():
				return
			case now := <-tick.C:
				next := cpu()
				r.Watch(Sample{Plan: p, Trial: t, At: now.Sub(began), Live: l.sum(), CPU: usage(used, next, now.Sub(last))})
				last, used = now, next
			}
		}
	})
	return func() {
		cancel()
		if l.from != nil {
			l.from.Close()
		}
		working.Wait()
	}
}

func (l *lookout) close() {
	if l.from != nil {
		l.from.Close() // again, but where no trial was watched
	}
	if l.dir != "" {
		os.RemoveAll(l.dir) // of the system's temporary files: what stays is swept
	}
}

// sum is what all generators told last: operations added up, the median of the
// busiest, and the slowest of any. Nil: none told anything since it was asked last.
func (l *lookout) sum() *load.Live {
	l.mu.Lock()
	defer l.mu.Unlock()
	if len(l.told) == 0 {
		return nil
	}
	var out load.Live
	busiest := int64(-1)
	for _, t := range l.told {
		if t.OK > busiest {
			busiest, out.P50 = t.OK, t.P50
		}
		out.Seconds = max(out.Seconds, t.Seconds)
		out.OK, out.Other = out.OK+t.OK, out.Other+t.Other
		out.P99, out.Worst = max(out.P99, t.P99), max(out.Worst, t.Worst)
	}
	clear(l.told)
	return &out
}

// usage is what each process used in a span of time, to a thousandth of a core.
func usage(before, after map[string]time.Duration, took time.Duration) []Usage {
	out := []Usage{} // in JSON a list, also where nobody is known
	for _, name := range slices.Sorted(maps.Keys(after)) {
		out = append(out, Usage{name, math.Round(1e3*float64(after[name]-before[name])/float64(max(took, time.Millisecond))) / 1e3})
	}
	return out
}
