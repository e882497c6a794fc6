package sim_test

import (
	"context"
	"fmt"
	"time"

	"dyno/bench/sim"
)

// counter is a protocol core: what comes in, what is to be done. It knows no
// network, clock or disk.
type counter struct{ value uint8 }

// Step counts one message and returns what to store.
func (c *counter) Step() (record byte) {
	c.value++
	return c.value
}

// counterNode is the shell around a counter in the simulator. It tells the
// client the new value once the disk has it; the careless one tells at once.
type counterNode struct {
	core     counter
	env      *sim.Env
	careless bool
	told     *byte // the highest value that the client was told
}

func (n *counterNode) Init(env *sim.Env) {
	n.env = env
	if log := env.Disk().Read("log"); len(log) > 0 {
		n.core.value = log[len(log)-1]
	}
	if n.core.value < *n.told {
		env.Fail(fmt.Errorf("starts from %d, and the client was told %d", n.core.value, *n.told))
	}
}

func (n *counterNode) Receive(from sim.ID, _ any) {
	record := n.core.Step()
	if err := n.env.Disk().Append("log", []byte{record}); err != nil {
		n.env.Exit(time.Millisecond)
		return
	}
	n.env.Disk().Sync(uint64(record))
	if n.careless {
		n.env.Send(from, record)
	}
}

func (n *counterNode) Synced(tag uint64, err error) {
	if err == nil && !n.careless {
		n.env.Send(0, byte(tag))
	}
}

func (n *counterNode) Timer(uint64) {}

// clientNode adds one every 10 ms and knows the highest value it was told.
type clientNode struct {
	env  *sim.Env
	told *byte
}

func (c *clientNode) Init(env *sim.Env)         { c.env = env; env.SetTimer(0, 0) }
func (c *clientNode) Receive(_ sim.ID, msg any) { *c.told = max(*c.told, msg.(byte)) }

func (c *clientNode) Timer(n uint64) {
	c.env.Send(1, "add one")
	if n < 100 {
		c.env.SetTimer(10*time.Millisecond, n+1)
	}
}

// A hunt finds the crash that makes a careless server forget what it told.
func Example() {
	for _, careless := range []bool{false, true} {
		hunt := sim.Hunt{
			Seeds: 500,
			Config: sim.Config{
				Network: sim.Link{Delay: sim.Delay{Base: time.Millisecond, Spread: time.Millisecond}},
				Sync:    sim.Delay{Base: 5 * time.Millisecond},
			},
			Profile: sim.Profile{Nodes: []string{"server"}, Until: time.Second},
			Scenario: func(w *sim.World) error {
				var told byte
				w.Add("client", func() sim.Node { return &clientNode{told: &told} })
				w.Add("server", func() sim.Node { return &counterNode{careless: careless, told: &told} })
				return w.Run()
			},
		}
		failure, err := hunt.Run(context.Background())
		switch {
		case err != nil:
			fmt.Println(err)
		case failure == nil:
			fmt.Println("careful: 500 schedules, nothing found")
		default:
			fmt.Printf("careless: seed %d needs %d of its %d faults:\n%v", failure.Seed, len(failure.Shrunk.Faults), len(failure.Original), failure.Shrunk.Faults)
			fmt.Println(failure.Shrunk.Err)
		}
	}
	// Output:
	// careful: 500 schedules, nothing found
	// careless: seed 2 needs 1 of its 8 faults:
	// crash server@752ms..753ms
	// at 753ms server: starts from 75, and the client was told 76
}
