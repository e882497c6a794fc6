package sim

import (
	"fmt"
	"math"
	"math/rand/v2"
	"time"

	"dyno/bench/fault"
	"dyno/internal/splitmix"
)

// Config says what a world is made of.
type Config struct {
	Seed    uint64   // every choice comes from it
	Faults  Schedule // what goes wrong, and when
	Network Link     // every link, unless World.SetLink says otherwise
	Sync    Delay    // how long a disk takes for one sync
	Limits  Limits
	Trace   bool // keep a trace: slower, and bounded by Limits.Trace
	Record  bool // keep what a Timeline shows, bounded by Limits.Trace likewise

	// Weaken makes the syncs for one purpose lie: they say that they are done,
	// and nothing is durable that no other sync covers. See [Hunt.Weaken].
	Weaken string

	// Branch, if its At is above 0, has everything that happens after that moment
	// depend on another seed.
	Branch Branch

	// Clone, if set, copies a message at each delivery, so that a receiver may
	// change what it gets. Without it messages are shared and must not change.
	Clone func(msg any) any
}

// Stats counts what happened in a world. Once nothing is under way or waiting
// for a paused node, Sent+Duplicated = Delivered+Dropped+Cut+Missed.
type Stats struct {
	Events     uint64 // handled, of any kind
	Sent       uint64 // messages
	Duplicated uint64 // copies that were made of them
	Delivered  uint64
	Dropped    uint64
	Cut        uint64 // lost at a cut link
	Missed     uint64 // came to a node that was down, or crashed before it took them
}

// World is a set of nodes, the network between them, and the time. It belongs
// to one goroutine. Make one with [New], or have it made by [Run].
type World struct {
	cfg     Config
	nodes   []*node
	byName  map[string]*node
	started int // nodes that were started for the first time
	links   map[wire]*Link
	latest  map[wire]int64 // arrival of the last message on an ordered link

	now    int64 // ns
	queue  queue
	chance rand.PCG   // seeded anew for each message and each disk operation
	rng    *rand.Rand // draws from chance
	stats  Stats
	trace  []byte
	err    error // why the world has ended
	halted bool  // the current run is to end

	running bool
	seed    uint64 // of what is drawn from now on
	forked  bool   // the branch is taken
	reached map[string]int
	syncs   map[string]int
	moments []Moment
	sends   uint64 // messages so far, to number them

	faults  []Fault // scheduled so far
	armed   bool    // those of the configuration are scheduled
	ended   int     // faults before this number are over by EndFaults
	waiting int     // events in backlogs
	cuts    []force
	weather []force // Drop, Duplicate and Delayed
}

// New makes an empty world.
func New(cfg Config) (*World, error) {
	limits, err := cfg.Limits.withDefaults()
	if err != nil {
		return nil, err
	}
	cfg.Limits = limits
	if err := cfg.Network.check("Config.Network"); err != nil {
		return nil, err
	}
	if err := cfg.Sync.check("Config.Sync"); err != nil {
		return nil, err
	}
	w := &World{cfg: cfg, seed: cfg.Seed, byName: map[string]*node{}, links: map[wire]*Link{}, latest: map[wire]int64{}}
	w.rng = rand.New(&w.chance)
	return w, nil
}

// MaxNodes bounds the nodes of a world.
const MaxNodes = 1 << 20

// Add makes a node. The world calls start for the first life when it runs
// next, and again for each restart; what start returns must share no state
// with earlier lives but what the check of the scenario needs. Names are
// unique and made of letters, digits and _ . : - as faults and traces use
// them; a name that is not is an error of the next run.
func (w *World) Add(name string, start func() Node) ID {
	id := ID(len(w.nodes))
	switch {
	case checkName(name) != nil:
		w.stop(checkName(name))
	case w.byName[name] != nil:
		w.stop(misused("two nodes are called %s", name))
	case len(w.nodes) >= MaxNodes:
		w.stop(misused("more than %d nodes", MaxNodes))
	case start == nil:
		w.stop(misused("node %s has no start function", name))
	case w.running:
		w.stop(misused("node %s is added while the world runs", name))
	}
	n := &node{id: id, name: name, make: start}
	n.net = *stream(w.cfg.Seed, "net", id, 0)
	n.store.init(w, n)
	w.nodes = append(w.nodes, n)
	w.byName[name] = n
	return id
}

// stream seeds a generator of its own for one purpose of one life of a node.
func stream(seed uint64, purpose string, id ID, life uint32) *rand.PCG {
	h := seed
	for _, b := range []byte(purpose) {
		h = splitmix.Mix(h + uint64(b))
	}
	return rand.NewPCG(splitmix.Mix(h+uint64(id)), splitmix.Mix(h^uint64(life)<<32))
}

// SetLink makes the link from one node to another differ from
// [Config].Network. Messages already under way keep their fate.
func (w *World) SetLink(from, to ID, l Link) {
	if !w.has(from) || !w.has(to) {
		w.stop(misused("SetLink(%d, %d): the world has %d nodes", from, to, len(w.nodes)))
		return
	}
	if err := l.check(fmt.Sprintf("the link from %s to %s", w.Name(from), w.Name(to))); err != nil {
		w.stop(err)
		return
	}
	w.links[wire{from, to}] = &l
}

// SetClock gives a node a clock of its own. It must be called before the world
// first runs with that node: a clock does not jump.
func (w *World) SetClock(id ID, c Clock) {
	switch {
	case !w.has(id) || int(id) < w.started:
		w.stop(misused("SetClock(%d): no such node, or it has already run", id))
	case c.check(w.Name(id)) != nil:
		w.stop(c.check(w.Name(id)))
	default:
		w.nodes[id].clock = c
	}
}

func (w *World) has(id ID) bool { return id >= 0 && int(id) < len(w.nodes) }

// Seed returns the seed of the world, for messages.
func (w *World) Seed() uint64 { return w.cfg.Seed }

// Name returns a node's name.
func (w *World) Name(id ID) string { return w.nodes[id].name }

// Node returns the present life of a node, nil while it is down.
func (w *World) Node(id ID) Node { return w.nodes[id].node }

// Now returns the virtual time since the start.
func (w *World) Now() time.Duration { return time.Duration(w.now) }

// Stats returns what has happened so far.
func (w *World) Stats() Stats { return w.stats }

// Durable returns a copy of what a crash at this moment would leave of a file
// on a node's disk. It is nil if there would be none.
func (w *World) Durable(id ID, file string) []byte { return w.nodes[id].store.survivor(file) }

// Run handles events until none is left, a node calls [Env.Stop], or an error.
// A world with a heartbeat never falls silent: use RunUntil, or Stop.
func (w *World) Run() error { return w.run(math.MaxInt64) }

// RunUntil handles what happens up to and including the moment t, and sets the
// time to t unless the run was stopped. It may be called again for later
// moments; after an error every run returns that error.
func (w *World) RunUntil(t time.Duration) error {
	if err := w.run(int64(t)); err != nil {
		return err
	}
	if int64(t) > int64(w.cfg.Limits.Time) {
		w.over("Time", w.cfg.Limits.Time)
	} else if !w.halted {
		w.now = max(w.now, int64(t))
	}
	return w.err
}

// stop ends the world; the first reason holds.
func (w *World) stop(err error) {
	if w.err == nil {
		w.err = err
	}
}

func checkName(name string) error {
	if err := fault.CheckName(name); err != nil {
		return misused("%v", err)
	}
	return nil
}
