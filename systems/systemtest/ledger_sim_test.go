package systemtest

import (
	"encoding/binary"
	"fmt"
	"testing"
	"time"

	"dyno/bench/fault"
	"dyno/bench/sim"
	"dyno/internal/node"
	"dyno/internal/node/simhost"
	"dyno/internal/record"
)

// The ledger hunted in the simulator: the same core and the same journal as in
// the trial, on simulated disks, with a client that repeats each operation until
// it is answered.
func ledgerWorld(mutant string) sim.Scenario {
	return func(w *sim.World) error {
		h := ledgerHistory{Told: map[uint64]uint64{}}
		lives, moment := 0, time.Millisecond
		server := simhost.Host[uint64, told]{
			Hasty: mutant == "hasty", Down: sim.Delay{Base: 5 * moment},
			Core:    func() node.Core[uint64, told] { h.Log = nil; return recorder{newLedger(mutant), &h} },
			Receive: func(_ *sim.Env, _ sim.ID, msg any) []uint64 { return []uint64{msg.(uint64)} },
			Send:    func(env *sim.Env, a told) { env.Send(1, a) },
		}
		w.Add("server", func() sim.Node {
			lives++
			w.Sometimes("a third life", lives > 2)
			return server.Node()
		})
		w.Add("client", func() sim.Node { return &ledgerClient{told: h.Told, op: 1} })
		if err := w.RunUntil(500 * moment); err != nil {
			return err
		}
		w.EndFaults()
		if err := w.Inject(sim.Fault{At: w.Now(), Kind: fault.Crash, Node: "server", For: moment}); err != nil {
			return err
		}
		if err := w.RunUntil(w.Now() + 50*moment); err != nil {
			return err
		}
		if v := h.judge(); v.Status != record.Valid {
			return fmt.Errorf("%v", v.Reasons())
		}
		return nil
	}
}

// recorder notes what a life finds in its journal.
type recorder struct {
	*ledger
	history *ledgerHistory
}

func (r recorder) Recover(entry []byte) error {
	r.history.Log = append(r.history.Log, binary.BigEndian.Uint64(entry))
	return r.ledger.Recover(entry)
}

type ledgerClient struct {
	env  *sim.Env
	told map[uint64]uint64
	op   uint64
}

func (c *ledgerClient) Init(env *sim.Env) { c.env = env; c.Timer(c.op) }

func (c *ledgerClient) Timer(op uint64) {
	if op == c.op && c.env.Now() < 500*time.Millisecond {
		c.env.Send(0, c.op)
		c.env.SetTimer(10*time.Millisecond, op)
	}
}

func (c *ledgerClient) Receive(_ sim.ID, msg any) {
	a := msg.(told)
	if n, known := c.told[a.op]; known {
		c.env.Always("once", n == a.number, "operation %d is told %d and %d", a.op, n, a.number)
	}
	c.told[a.op] = a.number
	if a.op == c.op {
		c.op++
		c.Timer(c.op)
	}
}

func ledgerHunt(mutant string) sim.Hunt {
	return sim.Hunt{
		Scenario: ledgerWorld(mutant), Seeds: 200, First: 1, ShrinkRuns: 50,
		Config: sim.Config{Network: sim.Link{Delay: sim.Delay{Base: time.Millisecond}}, Sync: sim.Delay{Tail: time.Millisecond}},
		Profile: sim.Profile{
			Nodes: []string{"server"}, Until: 400 * time.Millisecond, Torn: 0.5, Swarm: true,
			Kinds: []sim.Kind{fault.Kill, fault.Crash, fault.Pause, fault.Cut, fault.Drop, fault.Duplicate},
		},
	}
}

func TestLedgerHunt(t *testing.T) {
	h := ledgerHunt("none")
	h.Sometimes = []string{"a third life"}
	if s, err := h.Sweep(t.Context()); err != nil || s.Failure != nil {
		t.Fatalf("%v %v", err, s)
	}
	for _, mutant := range append(ledgerMutants[1:], "hasty") {
		f, err := ledgerHunt(mutant).Run(t.Context())
		if err != nil || f == nil {
			t.Errorf("%s: found nothing: %v", mutant, err)
			continue
		}
		t.Logf("%s: seed %d: %v", mutant, f.Seed, f.Shrunk.Err)
	}
	if _, err := ledgerHunt("none").Weaken(t.Context(), simhost.ForOpen); err != nil {
		t.Error(err)
	}
}
