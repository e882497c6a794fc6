package sim_test

import (
	"fmt"
	"time"

	"dyno/bench/sim"
)

// A toy: a witness grants a lease to one of three nodes, which acts as leader
// while it holds it. No two may hold it at once.
const lease = 40 * ms

type leaseFlaw int

const (
	leaseCorrect leaseFlaw = iota
	fromReceipt            // the holder counts from when the grant came, not from when it asked
	forgetful              // the witness grants at once after a restart
)

type (
	please struct{ sent time.Duration }
	grant  struct{ sent time.Duration }
)

func (m please) String() string { return fmt.Sprintf("please of %v", m.sent) }
func (m grant) String() string  { return fmt.Sprintf("grant of %v", m.sent) }

// witness holds the lease table: who has it, until when.
func witness(f leaseFlaw) func() sim.Node {
	return func() sim.Node {
		holder, until := sim.ID(-1), time.Duration(0)
		return &script{
			init: func(env *sim.Env) {
				if f != forgetful {
					until = env.Now() + lease // of somebody it no longer knows
				}
			},
			receive: func(env *sim.Env, from sim.ID, msg any) {
				if from == holder || env.Now() >= until {
					holder, until = from, env.Now()+lease
					env.Send(from, grant(msg.(please)))
				}
			},
		}
	}
}

func leased(f leaseFlaw) sim.Scenario {
	return func(w *sim.World) error {
		w.Add("witness", witness(f))
		var until [4]time.Duration // as each node believes
		for id := sim.ID(1); id <= 3; id++ {
			w.Add(fmt.Sprintf("n%d", id), scripted(script{
				init: func(env *sim.Env) {
					until[id] = 0
					env.SetTimer(time.Duration(env.Rand().Int64N(int64(5*ms))), 0)
				},
				timer: func(env *sim.Env, tag uint64) {
					if tag%2 == 0 {
						env.Send(0, please{env.Now()})
					}
					env.SetTimer(5*ms, tag+1)
					if env.Now() >= until[id] {
						return
					}
					for other, theirs := range until { // now it acts as leader
						if other != int(id) && env.Now() < theirs {
							env.Fail(fmt.Errorf("two leaders: n%d too", other))
						}
					}
				},
				receive: func(env *sim.Env, _ sim.ID, msg any) {
					sent := msg.(grant).sent
					if f == fromReceipt {
						sent = env.Now()
					}
					until[id] = max(until[id], sent+lease)
				},
			}))
		}
		return w.RunUntil(600 * ms)
	}
}

func leaseHunt(f leaseFlaw, seeds int) sim.Hunt {
	return sim.Hunt{
		Scenario: leased(f),
		Config:   sim.Config{Network: sim.Link{Delay: sim.Delay{Base: ms, Spread: ms}}},
		Profile:  sim.Profile{Nodes: []string{"witness", "n1", "n2", "n3"}, Until: 500 * ms},
		Seeds:    seeds,
		First:    1,
	}
}
