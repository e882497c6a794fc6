package core_test

import (
	"fmt"
	"time"

	"dyno/bench/fault"
	"dyno/bench/sim"
	"dyno/internal/node"
	"dyno/internal/node/simhost"
	"dyno/systems/standby/core"
)

// Nodes of a world; clients come behind.
const (
	idFirst sim.ID = iota
	idSecond
	idWitness
	idClient
)

const (
	lease   = 40 * time.Millisecond
	clients = 3
)

// world is a simulated pair of servers, their witness and clients.
type world struct {
	async, noWitness bool
	mutant           core.Mutant
	witnessMutant    core.WitnessMutant
	hasty            bool // outputs do not wait for the disk
	late             bool // replies are sent though the lease is over
	clockSteps       bool // wall clocks are set back now and then
	actions          int  // of each client; 0: 20

	*sim.World
	acted  map[[2]uint64]core.Entry // by epoch and id
	who    map[uint64]sim.ID        // acknowledged in an epoch
	newest uint64                   // epoch in which anything was acknowledged
	ops    []op
	cores  [2]*core.Core
	strike strike
	over   bool // clients begin nothing new
}

// strike pauses the primary for longer than its lease at a step of an
// acknowledgement.
type strike struct {
	step  string
	after int
	cut   bool // and cuts it off from the other server and the witness
	spare bool // does only that
	done  bool
}

var steps = []string{"request sent", "shipped", "standby has it", "acknowledged", "replied", "asked", "granted"}

var accounts = []core.Account{{Name: "acct1", Balance: 100}, {Name: "acct2", Balance: 200}, {Name: "acct3", Balance: 0}}

func (c world) scenario(sw *sim.World) error {
	w := &c // every run has its own
	w.World, w.acted, w.who = sw, map[[2]uint64]core.Entry{}, map[uint64]sim.ID{}
	rng := splitmix(sw.Seed())
	w.strike = strike{step: append(steps, "")[rng.n(len(steps)+1)], after: rng.n(20), cut: rng.n(2) == 0, spare: rng.n(4) == 0}
	if w.clockSteps { // wall clocks are set back once
		step, at := time.Duration(1+rng.n(10))*lease/2, time.Duration(rng.n(10))*lease
		w.mutant.Wall = func(now time.Duration) time.Duration {
			if now > at {
				now -= step
			}
			return now + 10*lease
		}
	}
	sw.Add("s1", func() sim.Node { return w.server("s1", idFirst).Node() })
	sw.Add("s2", func() sim.Node { return w.server("s2", idSecond).Node() })
	witness := simhost.Host[core.Ask, core.Answer]{
		Down: sim.Delay{Base: lease / 8}, Hasty: w.hasty,
		Core: func() node.Core[core.Ask, core.Answer] { return core.NewWitness(w.witnessMutant) },
		Receive: func(_ *sim.Env, _ sim.ID, msg any) []core.Ask {
			return []core.Ask{msg.(core.Ask)}
		},
		Send: func(env *sim.Env, a core.Answer) {
			w.at("granted", w.id(a.To))
			env.Send(w.id(a.To), a.Granted)
		},
	}
	sw.Add("w", func() sim.Node { return witness.Node() })
	for id := range idClient {
		if !w.clockSteps {
			sw.SetClock(id, sim.Clock{Offset: time.Duration(rng.n(1000)) * time.Millisecond, PPM: int64(rng.n(40_001)) - 20_000})
		}
	}
	for i := range clients {
		sw.Add(fmt.Sprintf("c%d", i+1), func() sim.Node { return &client{w: w, id: uint64(i + 1), rng: splitmix(sw.Seed() + uint64(i)*77)} })
	}
	if err := sw.RunUntil(10 * lease); err != nil {
		return err
	}
	sw.EndFaults()
	w.over = true
	for range 40 {
		if err := sw.RunUntil(sw.Now() + lease); err != nil {
			return err
		}
		if w.settled() {
			return w.judge()
		}
	}
	return fmt.Errorf("it does not recover: %s", w.describe())
}

func (w *world) id(name string) sim.ID {
	if name == "s1" {
		return idFirst
	}
	return idSecond
}

// server is the shell of a server in the world.
func (w *world) server(name string, id sim.ID) simhost.Host[core.In, core.Out] {
	return simhost.Host[core.In, core.Out]{
		Hasty: w.hasty, Down: sim.Delay{Base: lease / 8},
		Core: func() node.Core[core.In, core.Out] {
			c, err := core.New(core.Config{
				Name: name, Accounts: accounts, Async: w.async, Lease: lease, Witness: !w.noWitness, First: id == idFirst,
				Window: 16, Replies: 8, Chunk: 200, Pending: 16, Mutant: w.mutant,
				Acted: func(e core.Entry) {
					if o, twice := w.acted[[2]uint64{e.Epoch, e.ID}]; twice && o != e {
						w.acted[[2]uint64{0, 0}] = e // two primaries in one epoch
					}
					w.acted[[2]uint64{e.Epoch, e.ID}] = e
				},
			})
			if err != nil {
				panic(err)
			}
			w.cores[id] = c
			return c
		},
		Receive: func(env *sim.Env, _ sim.ID, msg any) []core.In {
			if m, ok := msg.(*core.Message); ok && m.Kind == core.Append && len(m.Entries) > 0 {
				w.at("standby has it", 1-id)
			}
			return []core.In{msg.(core.In)}
		},
		Send: func(env *sim.Env, out core.Out) { w.send(env, id, out) },
	}
}

func (w *world) send(env *sim.Env, id sim.ID, out core.Out) {
	switch {
	case out.Reply != nil:
		clock := env.Now()
		if wall := w.mutant.Wall; wall != nil {
			clock = wall(clock)
		}
		if r := out.Reply; r.Until != 0 && clock >= r.Until && !w.late {
			env.Sometimes("too late to reply", true)
			return
		}
		if r := out.Reply; r.Outcome <= core.TooMuch && !r.Repeated {
			env.Always("an old primary acknowledges nothing", r.Epoch >= w.newest, "epoch %d, after epoch %d has begun", r.Epoch, w.newest)
			w.newest = r.Epoch
		}
		w.at("replied", id)
		env.Send(sim.ID(out.Reply.Ref>>32), answered{out.Reply, id})
	case out.Message != nil:
		switch m := out.Message; {
		case m.Kind == core.Append && len(m.Entries) > 0:
			w.at("shipped", id)
		case m.Kind == core.Position:
			env.Sometimes("a tail is cut", m.Cut > 0)
			w.at("acknowledged", 1-id)
		case m.Kind == core.Part:
			env.Sometimes("a snapshot is sent", true)
		}
		env.Send(1-id, out.Message)
	case out.Ask != nil:
		w.at("asked", id)
		env.Send(idWitness, *out.Ask)
	}
}

// at is told of every step, and pauses the primary at one of them.
func (w *world) at(step string, primary sim.ID) {
	if w.strike.done || step != w.strike.step || w.Now() > 8*lease || w.cores[primary] == nil {
		return
	}
	if role, _ := w.cores[primary].Role(); role != core.Primary {
		return
	}
	if w.strike.after--; w.strike.after >= 0 {
		return
	}
	w.strike.done = true
	if !w.strike.spare {
		w.Sometimes("paused when "+step, true)
		_ = w.Inject(sim.Fault{At: w.Now(), Kind: fault.Pause, Node: w.Name(primary), For: 2 * lease})
	}
	if w.strike.cut {
		_ = w.Inject(sim.Fault{At: w.Now(), Kind: fault.Cut, Links: sim.Links{A: []string{w.Name(primary)}, B: []string{w.Name(1 - primary), "w"}}, For: 3 * lease})
	}
}

// answered is a reply with whose it is.
type answered struct {
	*core.Reply
	from sim.ID
}

// chance is a generator of the world's own, so that nodes' draws stay theirs.
type chance struct{ state uint64 }

func splitmix(seed uint64) *chance { return &chance{seed*0x9e3779b97f4a7c15 + 1} }

func (c *chance) n(below int) int {
	c.state += 0x9e3779b97f4a7c15
	x := c.state
	x = (x ^ x>>30) * 0xbf58476d1ce4e5b9
	x = (x ^ x>>27) * 0x94d049bb133111eb
	return int((x ^ x>>31) % uint64(below))
}
