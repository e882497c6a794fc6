package process

import (
	"math"
	"slices"
	"sync"
	"time"

	"github.com/shirou/gopsutil/v3/cpu"

	"dyno/internal/record"
)

const (
	// witnessEvery is how often the CPU clocks of all children are read; of more
	// than few children every second time. A reading takes about a microsecond, a
	// round little more than waking up: half a per cent of a core at most.
	witnessEvery = 5 * time.Millisecond
	few          = 8
	// machineEvery says in how many rounds the machine's own counters are read,
	// which costs as much as many clocks.
	machineEvery = 20

	slowestTick = 10 * time.Millisecond // of kernels that do not say
)

// witness reads the CPU clocks of the group's processes from outside, on no
// road of theirs. It runs as long as the group.
type witness struct {
	mu      sync.Mutex
	watched []*watched
	machine track // CPU time that the machine was not idle
	rounds  int
	stop    chan struct{}
	done    chan struct{}
}

// watched is one process. Its clock is read until it is reaped: then its id may
// be another's.
type watched struct {
	pid   int
	ended bool
	track track
	last  point         // the last reading of the clock itself
	total time.Duration // what it was charged for at its end
}

func newWitness() *witness {
	w := &witness{stop: make(chan struct{}), done: make(chan struct{})}
	w.round()
	go w.run()
	return w
}

func (w *witness) run() {
	defer close(w.done)
	tick := time.NewTicker(witnessEvery)
	defer tick.Stop()
	for {
		select {
		case <-w.stop:
			return
		case <-tick.C:
			w.round()
		}
	}
}

// close takes a last reading and ends.
func (w *witness) close() {
	close(w.stop)
	<-w.done
	w.round()
}

func now() int64 { return time.Now().UnixNano() }

func (w *witness) round() {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.rounds%machineEvery == 0 {
		w.readMachine()
	}
	w.rounds++
	if len(w.watched) > few && w.rounds%2 == 0 {
		return
	}
	after := now()
	for _, p := range w.watched {
		after = p.read(after)
	}
}

// readMachine notes the CPU time that all processors together were not idle.
func (w *witness) readMachine() {
	after := now()
	times, err := cpu.Times(false)
	if err != nil || len(times) != 1 {
		return // the machine does not tell: then nothing is held against it
	}
	t := times[0]
	busy := t.User + t.Nice + t.System + t.Irq + t.Softirq + t.Steal
	w.machine.add(point{after: after, before: now(), cpu: int64(busy * 1e9)})
}

// read takes one reading of a process that has not ended. It happens after a
// moment, and before the one that is returned.
func (p *watched) read(after int64) (before int64) {
	if p.ended {
		return after
	}
	ns, err := cpuClock(p.pid)
	before = now()
	if err == nil {
		p.last = point{after: after, before: before, cpu: ns}
		p.track.add(p.last)
	}
	return before
}

// watch begins with a process that started at a moment, when it had used
// nothing.
func (w *witness) watch(pid int, started int64) *watched {
	p := &watched{pid: pid}
	p.track.add(point{after: started, before: started})
	w.mu.Lock()
	defer w.mu.Unlock()
	w.watched = append(w.watched, p)
	return p
}

// ended closes the books of a process that is reaped, with what it was charged
// for.
func (w *witness) ended(p *watched, total time.Duration) {
	w.mu.Lock()
	defer w.mu.Unlock()
	at := now()
	p.ended, p.total = true, total
	p.track.close(point{after: at, before: at, cpu: max(int64(total), p.last.cpu)})
}

// Witness says what the group saw of its processes from outside in the window
// of some evidence, and adds it there. Call it after Close: what a process was
// charged for and what it counted is known when it has ended. It does not fail, as
// that of a bench may whose processes are elsewhere.
func (g *Group) Witness(e *record.Evidence) error {
	g.mu.Lock()
	children := slices.Clone(g.children)
	g.mu.Unlock()
	w := g.witness
	w.mu.Lock()
	defer w.mu.Unlock()
	e.Tick = tick().Seconds()
	for _, c := range children {
		e.Processes = append(e.Processes, c.evidence(e))
	}
	if least, most, ok := w.machine.window(e.Begin, e.End, 0); ok && e.End > e.Begin && least > 0 {
		e.Machine = seconds(most)
	}
	return nil
}

// CPU is what each process has used until it was last looked at, all its lives
// together: to be looked at while the trial runs.
func (g *Group) CPU() map[string]time.Duration {
	g.mu.Lock()
	children := slices.Clone(g.children)
	g.mu.Unlock()
	g.witness.mu.Lock()
	defer g.witness.mu.Unlock()
	used := make(map[string]time.Duration, len(children))
	for _, c := range children {
		if c.watched != nil {
			used[c.Name()] += time.Duration(max(c.watched.last.cpu, int64(c.watched.total)))
		}
	}
	return used
}

// seconds are whole microseconds, as the kernel's charges are: more digits would
// only make results long.
func seconds(ns int64) float64 { return math.Round(float64(ns)/1e3) / 1e6 }

// evidence is that of one process. The caller holds the witness's lock.
func (c *child) evidence(e *record.Evidence) record.ProcessEvidence {
	p := c.watched
	out := record.ProcessEvidence{
		Name: c.Name(), Role: c.role.Name, TotalCPU: p.total.Seconds(), LastCPU: seconds(p.last.cpu),
	}
	if c.launch.Spawns {
		out.LastCPU = 0 // it says nothing of the charge at the end
	} else if end := p.track.last(); p.ended && p.last.cpu > 0 {
		out.LastAge = seconds(end.after - p.last.after)
	}
	if e.End > e.Begin {
		least, most, covered := p.track.window(e.Begin, e.End, e.Slack)
		out.Least, out.Most, out.Covered = seconds(least), seconds(most), covered
		out.WindowCPU = seconds(int64(p.track.when(e.End) - p.track.when(e.Begin)))
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	out.Calls, out.GroupCPU = c.calls, c.groupCPU
	return out
}
