package sim_test

import (
	"encoding/binary"
	"fmt"
	"slices"
	"time"

	"dyno/bench/sim"
)

// A toy: a client writes numbers to a primary, which has a backup. Correct,
// both sync a record before it is acknowledged; then an acknowledged record is
// on both disks.
type replica struct {
	env    *sim.Env
	flaw   flaw
	backup sim.ID         // 0: this is the backup
	synced map[uint64]ack // by the tag of the sync
	ready  map[write]disks
	tag    uint64
}

type flaw int

const (
	correct       flaw = iota
	ackBeforeSync      // acknowledges what is only buffered, and syncs every 50 ms
	retrySync          // believes a sync that succeeds after one that failed
	countTwice         // takes two syncs of its own, of a record that came twice, for two disks
)

// disks says where a record is known to be durable.
type disks struct{ own, other bool }

type (
	write uint64 // a record
	ack   struct {
		to     sim.ID
		record write
	}
)

func (m write) String() string { return fmt.Sprintf("write %d", uint64(m)) }
func (m ack) String() string   { return fmt.Sprintf("ack %d", m.record) }

const recordSize = 8

func records(log []byte) []write {
	var out []write
	for part := range slices.Chunk(log, recordSize) {
		if len(part) == recordSize {
			out = append(out, write(binary.BigEndian.Uint64(part)))
		}
	}
	return out
}

func (r *replica) Init(env *sim.Env) {
	r.env, r.synced, r.ready = env, map[uint64]ack{}, map[write]disks{}
	size := env.Disk().Size("log")
	if size%recordSize > 0 && env.Disk().Truncate("log", size-size%recordSize) != nil { // half a record
		env.Exit(10 * ms)
		return
	}
	if r.flaw == ackBeforeSync {
		env.SetTimer(50*ms, 0)
	}
}

func (r *replica) Receive(from sim.ID, msg any) {
	switch m := msg.(type) {
	case write:
		if r.env.Disk().Append("log", binary.BigEndian.AppendUint64(nil, uint64(m))) != nil {
			return // the client will try again
		}
		if r.backup != 0 {
			r.ready[m] = disks{}
			r.env.Send(r.backup, m)
		}
		if r.flaw == ackBeforeSync {
			r.done(ack{from, m}, false)
			return
		}
		r.tag++
		r.synced[r.tag] = ack{from, m}
		r.env.Disk().SyncFor("record", r.tag)
	case ack:
		r.done(m, true)
	}
}

// done has one disk, its own or the backup's, be ready with a record.
func (r *replica) done(a ack, other bool) {
	if r.backup == 0 {
		r.env.Send(a.to, a)
		return
	}
	d, ok := r.ready[a.record]
	if !ok {
		return
	}
	if r.flaw == countTwice && d.own {
		other = true
	}
	d.own, d.other = d.own || !other, d.other || other
	r.ready[a.record] = d
	r.env.Sometimes("the backup is ready first", d.other && !d.own)
	if d.own && d.other {
		r.env.Send(client, a)
	}
}

func (r *replica) Timer(uint64) {
	r.env.Disk().Sync(0)
	r.env.SetTimer(50*ms, 0)
}

func (r *replica) Synced(tag uint64, err error) {
	a, ok := r.synced[tag]
	switch {
	case !ok:
	case err == nil:
		delete(r.synced, tag)
		r.done(a, false)
	case r.flaw == retrySync:
		r.env.Disk().Sync(tag)
	default:
		delete(r.synced, tag)
	}
}

const (
	client sim.ID = iota
	primary
	backup
)

// replicated returns the scenario: an acknowledged record must be durable on so
// many disks in the end.
func replicated(f flaw, copies int) sim.Scenario {
	return func(w *sim.World) error {
		var next write = 1
		var acked []write
		ask := func(env *sim.Env) {
			if env.Now() < time.Second {
				env.Send(primary, next)
				env.SetTimer(20*ms, uint64(next)) // try again
			}
		}
		w.Add("client", scripted(script{
			init: ask,
			receive: func(env *sim.Env, _ sim.ID, msg any) {
				if m := msg.(ack); m.record == next {
					acked = append(acked, next)
					next++
					ask(env)
				}
			},
			timer: func(env *sim.Env, tag uint64) {
				if write(tag) == next {
					ask(env)
				}
			},
		}))
		w.Add("primary", func() sim.Node { return &replica{flaw: f, backup: backup} })
		w.Add("backup", func() sim.Node { return &replica{flaw: f} })
		if err := w.RunUntil(1200 * ms); err != nil {
			return err
		}
		if len(acked) == 0 {
			return fmt.Errorf("nothing was acknowledged")
		}
		p, b := records(w.Durable(primary, "log")), records(w.Durable(backup, "log"))
		for _, record := range acked {
			have := 0
			for _, log := range [][]write{p, b} {
				if slices.Contains(log, record) {
					have++
				}
			}
			if have < copies {
				return fmt.Errorf("record %d was acknowledged and is on %d disks", record, have)
			}
		}
		return nil
	}
}

func replicaHunt(f flaw, copies, seeds int) sim.Hunt {
	return sim.Hunt{
		Scenario: replicated(f, copies),
		Config:   sim.Config{Network: sim.Link{Delay: sim.Delay{Base: ms, Tail: ms}}, Sync: sim.Delay{Base: 2 * ms, Spread: 2 * ms}},
		Profile: sim.Profile{
			Nodes: []string{"primary", "backup"}, Until: time.Second, Torn: 0.3,
			Kinds: []sim.Kind{sim.Crash, sim.Crash, sim.Pause, sim.Cut, sim.Drop, sim.Duplicate, sim.Delayed, sim.SlowDisk, sim.FullDisk, sim.FailSync},
		},
		Seeds: seeds,
		First: 1,
		Replay: func(seed uint64) string {
			return fmt.Sprintf("go test ./bench/sim -run TestHuntFindsMutants -v -sim.seed=%d", seed)
		},
	}
}
