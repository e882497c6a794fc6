package experiments

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"maps"
	"math"
	"os"
	"path/filepath"
	"slices"
	"sync"
	"time"

	"dyno/bench/load"
	"dyno/bench/process"
	"dyno/internal/record"
)

// Sample is what a trial is like while it runs: to be looked at, and held against
// nothing. What the figures are is known at its end.
type Sample struct {
	Plan  *Plan
	Trial *Trial
	At    time.Duration // since the trial began
	Live  *Live         // what its generators say; nil: nothing, for example because there are none
	CPU   []Usage       // of its processes that run, by name
}

// Live is what all generators of a trial told since the last sample.
type Live struct {
	Seconds float64 `json:"s"`
	OK      int64   `json:"ok"`
	Other   int64   `json:"other"`
	P50     float64 `json:"p50_ms"` // of those that were OK, right to 1 %; 0 where none was
	P99     float64 `json:"p99_ms"`
	Worst   float64 `json:"worst_ms"`
}

// Usage is how many cores a process kept busy since the last sample.
type Usage struct {
	Name  string  `json:"name"`
	Cores float64 `json:"cores"`
}

// lookout takes in what generators tell while a trial runs.
type lookout struct {
	here *load.Listener // nil: nobody of this machine is asked
	file string         // for what other machines tell

	mu      sync.Mutex
	told    map[string]load.Live // since the last sample, by process
	journal io.WriteCloser       // nil: nothing has come from other machines yet
	closed  bool
}

// LiveFile has, in the folder of a trial's logs, what its generators on other machines
// told until one was lost: a line for each time.
const LiveFile = "live.jsonl"

// newLookout listens if somebody wants to know. That there is nowhere to listen is no
// reason not to measure.
func (r *Runner) newLookout(dir string) *lookout {
	l := &lookout{told: make(map[string]load.Live), file: filepath.Join(dir, LiveFile)}
	if r.Watch != nil && r.Live && r.Machines == nil {
		l.here, _ = load.Listen(func(told []byte) { l.take("", told) })
	}
	return l
}

// far takes in what a process of another machine tells, and keeps it: a machine that is
// lost leaves nothing else.
func (l *lookout) far(machine string, told []byte) {
	if !l.take(machine, told) {
		return
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.closed { // the stream of an agent lasts beyond its trial, the folder perhaps not
		return
	}
	if l.journal == nil {
		f, err := os.Create(l.file)
		if err != nil {
			return // the trial says what it finds itself
		}
		l.journal = f
	}
	fmt.Fprintf(l.journal, "{\"machine\":%q,\"live\":%s}\n", machine, told)
}

// take says whether it could be read.
func (l *lookout) take(machine string, told []byte) bool {
	var t load.Live
	if json.Unmarshal(told, &t) != nil {
		return false
	}
	who := fmt.Sprint(machine, "/", t.PID)
	l.mu.Lock()
	defer l.mu.Unlock()
	sum := l.told[who]
	sum.Seconds, sum.OK, sum.Other = sum.Seconds+t.Seconds, sum.OK+t.OK, sum.Other+t.Other
	if sum.Latency == nil {
		sum.Latency = t.Latency
	} else if t.Latency != nil {
		sum.Latency.Merge(t.Latency)
	}
	l.told[who] = sum
	return true
}

// watch samples a group as often as its generators tell, until its context ends or it
// is stopped by what it returns; then once more, for what they told last.
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
	working.Go(func() {
		tick := time.NewTicker(load.LiveIn(t.Cell.Length))
		defer tick.Stop()
		began, last, used := time.Now(), time.Now(), cpu()
		for ended := false; !ended; {
			select {
			case <-ctx.Done():
				ended = true
			case <-tick.C:
			}
			now, next, live := time.Now(), cpu(), l.sum()
			if ended && live == nil {
				return
			}
			r.Watch(Sample{Plan: p, Trial: t, At: now.Sub(began), Live: live, CPU: usage(used, next, now.Sub(last))})
			last, used = now, next
		}
	})
	return func() {
		cancel()
		working.Wait()
	}
}

func (l *lookout) close() {
	l.here.Close()
	l.mu.Lock()
	defer l.mu.Unlock()
	l.closed = true
	if l.journal != nil {
		_ = l.journal.Close()
	}
}

// sum is what all generators told, operations added up. Nil: none told anything since it
// was asked last.
func (l *lookout) sum() *Live {
	l.mu.Lock()
	defer l.mu.Unlock()
	if len(l.told) == 0 {
		return nil
	}
	var out Live
	all := record.NewCoarseHistogram()
	for _, t := range l.told {
		out.Seconds = max(out.Seconds, t.Seconds)
		out.OK, out.Other = out.OK+t.OK, out.Other+t.Other
		if t.Latency != nil {
			all.Merge(t.Latency)
		}
	}
	clear(l.told)
	ms := func(d time.Duration) float64 { return float64(d) / float64(time.Millisecond) }
	out.P50, out.P99, out.Worst = ms(all.Quantile(0.5)), ms(all.Quantile(0.99)), ms(all.Max())
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
