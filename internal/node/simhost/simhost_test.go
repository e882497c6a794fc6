package simhost_test

import (
	"encoding/binary"
	"errors"
	"flag"
	"fmt"
	"slices"
	"testing"
	"time"

	"dyno/bench/sim"
	"dyno/internal/node"
	"dyno/internal/node/simhost"
)

var seed = flag.Uint64("sim.seed", 0, "play this seed and show its trace")

const ms = time.Millisecond

// ledger is a core that remembers numbers and tells so: what it has told is in
// its memory for good, in order.
type ledger struct{ entries []uint64 }

type (
	put  uint64
	done uint64
)

func (m put) String() string  { return fmt.Sprintf("put %d", uint64(m)) }
func (m done) String() string { return fmt.Sprintf("done %d", uint64(m)) }

func (l *ledger) Recover(record []byte) error {
	if len(record) != 64 {
		return errors.New("a record of another size")
	}
	l.entries = append(l.entries, binary.BigEndian.Uint64(record))
	return nil
}

func (l *ledger) Begin(time.Duration) node.Effects[done] { return node.Effects[done]{} }
func (l *ledger) Wake(time.Duration) node.Effects[done]  { return node.Effects[done]{} }

func (l *ledger) Step(_ time.Duration, in put) node.Effects[done] {
	e := node.Effects[done]{Send: []done{done(in)}}
	if !slices.Contains(l.entries, uint64(in)) { // else it was told, or will be
		l.entries = append(l.entries, uint64(in))
		record := make([]byte, 64)
		binary.BigEndian.PutUint64(record, uint64(in))
		e.Write = [][]byte{record}
	}
	return e
}

// Snapshot implements [node.Snapshotter].
func (l *ledger) Snapshot() (b []byte) {
	for _, n := range l.entries {
		b = binary.BigEndian.AppendUint64(b, n)
	}
	return b
}

// Restore implements [node.Snapshotter].
func (l *ledger) Restore(_ uint64, b []byte) error {
	for ; len(b) >= 8; b = b[8:] {
		l.entries = append(l.entries, binary.BigEndian.Uint64(b))
	}
	return nil
}

// writer puts numbers one after the other, each until it is done.
type writer struct {
	env  *sim.Env
	next uint64
	done func(uint64)
}

func (w *writer) Init(env *sim.Env) {
	w.env, w.next = env, 1
	w.ask()
}

func (w *writer) ask() {
	if w.env.Now() < time.Second {
		w.env.Send(0, put(w.next))
		w.env.SetTimer(10*ms, w.next)
	}
}

func (w *writer) Receive(_ sim.ID, msg any) {
	if n := uint64(msg.(done)); n == w.next {
		w.done(n)
		w.next++
		w.ask()
	}
}

func (w *writer) Timer(tag uint64) {
	if tag == w.next {
		w.ask()
	}
}

const (
	manyLives = "a life with over 100 entries behind it"
	idleLife  = "a life in which nothing was told"
)

func scenario(hasty bool) sim.Scenario {
	return func(w *sim.World) error {
		var told []uint64
		lives, since := 0, 0
		var memory *ledger
		h := simhost.Host[put, done]{
			Hasty: hasty, Down: sim.Delay{Base: 5 * ms}, Compact: w.Seed() % 3 * 40,
			Core: func() node.Core[put, done] { memory = &ledger{}; return memory },
			Receive: func(env *sim.Env, _ sim.ID, msg any) []put {
				env.Always("memory", len(memory.entries) >= len(told), "%d numbers are told, %d known", len(told), len(memory.entries))
				return []put{msg.(put)}
			},
			Send: func(env *sim.Env, out done) { env.Send(1, out) },
		}
		w.Add("ledger", func() sim.Node {
			lives++
			w.Sometimes(manyLives, lives > 1 && len(told) > 100)
			w.Sometimes(idleLife, lives > 1 && len(told) == since)
			since = len(told)
			return h.Node()
		})
		w.Add("writer", func() sim.Node { return &writer{done: func(n uint64) { told = append(told, n) }} })
		if err := w.RunUntil(1100 * ms); err != nil {
			return err
		}
		w.EndFaults()
		if err := w.Inject(sim.Fault{At: w.Now(), Kind: sim.Crash, Node: "ledger", For: ms}); err != nil {
			return err
		}
		if err := w.RunUntil(w.Now() + 50*ms); err != nil {
			return err
		}
		for i, n := range told {
			if i >= len(memory.entries) || memory.entries[i] != n {
				return fmt.Errorf("number %d was told, and after a crash the memory has %d", n, len(memory.entries))
			}
		}
		return nil
	}
}

func hunt(hasty bool, seeds int) sim.Hunt {
	return sim.Hunt{
		Scenario: scenario(hasty), Seeds: seeds, First: 1,
		Config: sim.Config{
			Network: sim.Link{Delay: sim.Delay{Base: ms, Tail: ms / 2}},
			Sync:    sim.Delay{Base: ms / 5, Tail: ms / 5},
		},
		Profile: sim.Profile{
			Nodes: []string{"ledger"}, Until: time.Second, Torn: 0.5, Swarm: true,
			Kinds: []sim.Kind{sim.Crash, sim.Crash, sim.Pause, sim.Drop, sim.Duplicate, sim.SlowDisk, sim.FullDisk, sim.FailSync},
		},
		Replay: func(seed uint64) string {
			return fmt.Sprintf("go test ./internal/node/simhost -run TestRemembers -v -sim.seed %d", seed)
		},
	}
}

// What was told is remembered, whatever happens to the disk.
func TestRemembers(t *testing.T) {
	h := hunt(false, 300)
	if *seed != 0 {
		out := h.Try(*seed)
		t.Logf("%v\n%s\n%s", out.Err, out.Faults, out.Trace)
		return
	}
	h.Sometimes = []string{manyLives, idleLife, simhost.Compacted}
	s, err := h.Sweep(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	if s.Failure != nil {
		t.Fatal(s.Failure)
	}
	t.Log(s)
}

// A host that does not wait for the disk is noticed; so is a disk whose syncs
// lie.
func TestMutants(t *testing.T) {
	f, err := hunt(true, 300).Run(t.Context())
	if err != nil || f == nil {
		t.Errorf("a host that sends before it remembers: %v", err)
	}
	found, err := hunt(false, 300).Weaken(t.Context(), simhost.ForOpen)
	if err != nil || found[simhost.ForAppend] == nil {
		t.Error(err)
	}
}

func BenchmarkWorld(b *testing.B) {
	h := hunt(false, 1)
	var events uint64
	seed := uint64(0)
	for b.Loop() {
		seed++
		faults, err := sim.Generate(seed, h.Profile)
		if err != nil {
			b.Fatal(err)
		}
		cfg := h.Config
		cfg.Seed, cfg.Faults = seed, faults
		out := sim.Run(cfg, h.Scenario)
		if out.Err != nil {
			b.Fatal(out.Err)
		}
		events += out.Stats.Events
	}
	b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(events), "ns/event")
	b.ReportMetric(float64(events)/float64(b.N), "events/op")
}
