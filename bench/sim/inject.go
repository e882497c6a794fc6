package sim

import (
	"math/rand/v2"
	"path"
	"slices"
	"time"
)

// force is a fault in force on links or on a disk.
type force struct {
	fault  int // its number
	kind   Kind
	p      float64
	delay  time.Duration
	jitter time.Duration
	tail   bool
	oneWay bool
	sides  []uint8 // of each node: inA, inB, both or neither
	others uint8   // of nodes beyond sides
}

const (
	inA uint8 = 1 << iota
	inB
)

func (f *force) side(id ID) uint8 {
	if int(id) < len(f.sides) {
		return f.sides[id]
	}
	return f.others
}

func (f *force) covers(line wire) bool {
	from, to := f.side(line.from), f.side(line.to)
	return from&inA != 0 && to&inB != 0 || !f.oneWay && from&inB != 0 && to&inA != 0
}

// wait draws by how much a message is delayed.
func (f *force) wait(rng *rand.Rand) time.Duration {
	if f.tail {
		return f.delay + time.Duration(rng.ExpFloat64()*float64(f.jitter))
	}
	return f.delay - f.jitter + time.Duration(rng.Int64N(int64(2*f.jitter)+1))
}

// compile turns names into sides.
func (w *World) compile(number int) force {
	f := w.faults[number]
	out := force{fault: number, kind: f.Kind, p: f.P, delay: f.Delay, jitter: f.Jitter, tail: f.Tail, oneWay: f.Links.OneWay}
	if len(f.Links.A) == 0 {
		out.others |= inA
	}
	if len(f.Links.B) == 0 {
		out.others |= inB
	}
	if f.Links.All() {
		return out
	}
	out.sides = make([]uint8, len(w.nodes))
	for i, n := range w.nodes {
		if f.Links.OnA(n.name) {
			out.sides[i] |= inA
		}
		if f.Links.OnB(n.name) {
			out.sides[i] |= inB
		}
	}
	return out
}

// Inject schedules one more fault. It may be called at any time, also by what
// the world calls; At must not lie in the past.
func (w *World) Inject(f Fault) error {
	if err := check(f); err != nil {
		return err
	}
	for _, name := range f.Names() {
		if !w.knows(name) {
			return misused("fault %q: the world has no node %s", f, name)
		}
	}
	if int64(f.At) < w.now {
		return misused("fault %q lies in the past: it is %v", f, w.Now())
	}
	if number, ok := w.enlist(f); ok {
		w.schedule(int64(f.At), event{what: begins, tag: uint64(number)})
	}
	return w.err
}

// knows says that there is a node of a name, or one that a pattern fits.
func (w *World) knows(name string) bool {
	return w.byName[name] != nil || slices.ContainsFunc(w.nodes, func(n *node) bool {
		ok, _ := path.Match(name, n.name) // the fault has been checked
		return ok
	})
}

// strike has a fault begin at once.
func (w *World) strike(f Fault) {
	if number, ok := w.enlist(f); ok {
		w.begin(number)
	}
}

// enlist gives a fault its number.
func (w *World) enlist(f Fault) (number int, ok bool) {
	if len(w.faults) >= w.cfg.Limits.Faults {
		w.over("Faults", w.cfg.Limits.Faults)
		return 0, false
	}
	w.faults = append(w.faults, f)
	return len(w.faults) - 1, true
}

// begin has a fault strike.
func (w *World) begin(number int) {
	f := w.faults[number]
	w.traceFault("fault", f)
	n := w.byName[f.Node] // nil for those that strike no node
	switch f.Kind {
	case Crash, Kill, Stop:
		w.takeDown(n, f)
		n.crashes = append(n.crashes, number)
	case Restart:
		w.restart(n)
	case Pause:
		if n.up() {
			n.pauses = append(n.pauses, number)
		}
	case Resume:
		w.resume(n)
	case Cut:
		w.cuts = append(w.cuts, w.compile(number))
	case Heal:
		w.cuts, w.weather = nil, nil
	case Drop, Duplicate, Delayed:
		w.weather = append(w.weather, w.compile(number))
	case SlowDisk, FullDisk, FailSync:
		n.store.forces = append(n.store.forces, w.compile(number))
	}
	if f.For > 0 {
		w.schedule(later(w.now, f.For), event{what: ends, tag: uint64(number)})
	}
}

// end lifts a fault, unless something else has done so before.
func (w *World) end(number int) {
	f := w.faults[number]
	n := w.byName[f.Node]
	lifted := false
	switch f.Kind {
	case Crash, Kill, Stop:
		n.crashes, lifted = without(n.crashes, number)
	case Pause:
		n.pauses, lifted = without(n.pauses, number)
	case Cut:
		w.cuts, lifted = lift(w.cuts, number)
	case Drop, Duplicate, Delayed:
		w.weather, lifted = lift(w.weather, number)
	case SlowDisk, FullDisk, FailSync:
		n.store.forces, lifted = lift(n.store.forces, number)
	}
	if !lifted {
		return
	}
	w.traceFault("over", f)
	switch {
	case downs(f.Kind) && len(n.crashes) == 0:
		w.restart(n)
	case f.Kind == Pause && len(n.pauses) == 0:
		w.resume(n)
	}
}

func without(numbers []int, number int) ([]int, bool) {
	i := slices.Index(numbers, number)
	if i < 0 {
		return numbers, false
	}
	return slices.Delete(numbers, i, i+1), true
}

func lift(forces []force, number int) ([]force, bool) {
	i := slices.IndexFunc(forces, func(f force) bool { return f.fault == number })
	if i < 0 {
		return forces, false
	}
	return slices.Delete(forces, i, i+1), true
}

// downs says that a node is down while the fault lasts.
func downs(k Kind) bool { return k == Crash || k == Kill || k == Stop }

// takeDown ends the life of a node in the manner of the fault. Only a power cut
// takes away what the node had written.
func (w *World) takeDown(n *node, f Fault) {
	survives := 1.0
	switch f.Kind {
	case Crash:
		survives = f.P
	case Stop:
		w.resume(n) // as SIGTERM is followed by SIGCONT: the signal must arrive
		if s, ok := n.node.(Stopper); ok {
			s.Stop()
		}
	}
	w.crash(n, survives)
}

// crash ends the life of a node.
func (w *World) crash(n *node, torn float64) {
	if !n.up() {
		return
	}
	n.env.dead = true
	n.env, n.node, n.pauses = nil, nil, nil
	n.life++ // voids timers and syncs
	n.store.crash(torn)
	for i := range n.backlog {
		if e := &n.backlog[i]; e.what == delivery {
			w.lose(&w.stats.Missed, "down", wire{e.from, n.id}, e.msg, e.tag)
		}
		n.backlog[i] = event{}
	}
	w.waiting -= len(n.backlog)
	n.backlog = n.backlog[:0]
}

func (w *World) restart(n *node) {
	n.crashes = nil
	if !n.up() {
		w.boot(n)
	}
}

func (w *World) resume(n *node) {
	n.pauses = nil
	w.drain(n)
}

// EndFaults makes everything whole: it ends all faults in force, starting and
// resuming nodes in their order, and drops those to come, so that a scenario
// can ask whether the system recovers. It must not be called while the world
// runs.
func (w *World) EndFaults() {
	if w.running {
		w.stop(misused("EndFaults is called while the world runs"))
		return
	}
	w.running = true
	defer func() { w.running = false }()
	w.armed, w.ended = true, len(w.faults)
	w.cuts, w.weather = nil, nil
	w.start()
	for _, n := range w.nodes {
		n.store.forces = nil
	}
	for _, n := range w.nodes {
		if w.err != nil {
			return
		}
		w.restart(n)
		w.resume(n)
	}
}
