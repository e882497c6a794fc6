package fleet

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"slices"
	"sync"
	"time"

	"dyno/bench/agent"
	"dyno/internal/record"
	"dyno/systems"
)

// Fleet is the machines of a run. One trial at a time is open on it.
type Fleet struct {
	machines []*agent.Machine
}

// New is a fleet of machines, which have names of their own.
func New(machines ...*agent.Machine) *Fleet { return &Fleet{machines} }

// Split makes disjoint fleets of as many machines each, in order. No fleet is one of
// itself.
func (f *Fleet) Split(sets int) ([]*Fleet, error) {
	if f == nil && sets == 1 {
		return []*Fleet{nil}, nil
	}
	if f == nil {
		return nil, systems.Usagef("--sets %d: give the machines that are to be split with --hosts FILE", sets)
	}
	n := len(f.Names())
	if sets < 1 || sets > n || n%sets != 0 {
		return nil, systems.Usagef("--sets %d: %d machines cannot be split into %d sets of as many machines each", sets, n, sets)
	}
	var out []*Fleet
	for set := range slices.Chunk(f.machines, n/sets) {
		out = append(out, New(set...))
	}
	return out, nil
}

// Lost says whether an error is that a machine is lost.
func Lost(err error) bool { return errors.As(err, new(*agent.LostError)) }

// Names are those of the machines, in order; none of no fleet.
func (f *Fleet) Names() (out []string) {
	if f == nil {
		return nil
	}
	for _, m := range f.machines {
		out = append(out, m.Name)
	}
	return out
}

// Connect connects to all machines at once, or waits for those that were lost. An
// error says which did not answer.
func (f *Fleet) Connect(ctx context.Context) error {
	return f.each(func(_ int, m *agent.Machine) error { return m.Connect(ctx) })
}

// again is between two looks at a machine that has not come yet.
const again = 200 * time.Millisecond

// Gather connects to machines that have yet to come, each as soon as it answers, so that
// none ends for want of a runner while it waits for others. An error, at the end of the
// context, says which did not come.
func (f *Fleet) Gather(ctx context.Context) error {
	errs := make([]error, len(f.machines))
	room := make(chan struct{}, atOnce)
	var all sync.WaitGroup
	for i, m := range f.machines {
		all.Go(func() {
			for {
				room <- struct{}{}
				errs[i] = m.Connect(ctx)
				<-room
				if errs[i] == nil {
					return
				}
				select {
				case <-ctx.Done():
					return
				case <-time.After(again):
				}
			}
		})
	}
	all.Wait()
	return errors.Join(errs...)
}

// atOnce bounds the handshakes under way: a thousand would starve each other.
const atOnce = 64

func (f *Fleet) each(do func(int, *agent.Machine) error) error {
	errs := make([]error, len(f.machines))
	room := make(chan struct{}, atOnce)
	var all sync.WaitGroup
	for i, m := range f.machines {
		room <- struct{}{}
		all.Go(func() {
			defer func() { <-room }()
			errs[i] = do(i, m)
		})
	}
	all.Wait()
	return errors.Join(errs...)
}

// Describe is what the machines are, which were connected.
func (f *Fleet) Describe() (out []record.Machine) {
	for _, m := range f.machines {
		i := m.Info()
		out = append(out, record.Machine{
			Name: m.Name, Address: i.GetAdvertise(), Hostname: i.GetHostname(), CPU: i.GetCpu(), Cores: int(i.GetCores()),
			MemoryBytes: i.GetMemoryBytes(), OS: i.GetOs(), Kernel: i.GetKernel(), QoS: i.GetQosClass(),
		})
	}
	return out
}

// Trips measures the round-trip times from the runner to all machines and between all
// pairs; in a fleet of more than 17 from each to the 16 after it. That one does not
// reach another is an error.
func (f *Fleet) Trips(ctx context.Context) (out []record.Trip, err error) {
	var echoes []string
	for _, m := range f.machines {
		addr := m.Info().GetEchoAddress()
		rtt, err := agent.RoundTrip(ctx, addr)
		if err != nil {
			return nil, fmt.Errorf("the runner does not reach machine %s, where roles will listen: %w", m.Name, err)
		}
		out = append(out, record.Trip{From: record.Runner, To: m.Name, RTT: rtt.Seconds()})
		echoes = append(echoes, addr)
	}
	found := make([][]record.Trip, len(f.machines))
	ask := func(i int, m *agent.Machine) error {
		// Each begins with the one after itself: in a large fleet, where all ask at
		// once, no two ask the same one.
		var to []int
		for step := range min(len(f.machines)-1, Partners) {
			to = append(to, (i+step+1)%len(f.machines))
		}
		addresses := make([]string, len(to))
		for k, j := range to {
			addresses[k] = echoes[j]
		}
		rtts, err := m.Reach(ctx, addresses)
		for k, rtt := range rtts {
			found[i] = append(found[i], record.Trip{From: m.Name, To: f.machines[to[k]].Name, RTT: rtt.Seconds()})
		}
		return err
	}
	if len(f.machines) > Partners+1 {
		err = f.each(ask)
	} else { // alone: they would disturb each other
		for i, m := range f.machines {
			err = errors.Join(err, ask(i, m))
		}
	}
	return slices.Concat(append([][]record.Trip{out}, found...)...), err
}

// Partners is to how many others a machine measures the way: all of a small fleet. Of
// a large one that would take a block longer than its trials (docs/scale.md).
const Partners = 16

// Clocks are those of the machines, compared with the runner's.
func (f *Fleet) Clocks() map[string]agent.Clock {
	out := make(map[string]agent.Clock)
	for _, m := range f.machines {
		out[m.Name] = m.Clock()
	}
	return out
}

// Stamp tells what a binary measures on these machines, so placed, from what it
// measures elsewhere.
func (f *Fleet) Stamp(binary string, p *record.Placement, sets int) string {
	h := sha256.New()
	fmt.Fprintf(h, "%s %q %v", binary, f.Names(), p)
	if sets > 1 {
		fmt.Fprintf(h, " in %d sets", sets)
	}
	if p != nil {
		fmt.Fprint(h, p.Roles) // maps print in order
	}
	return hex.EncodeToString(h.Sum(nil))
}

// Close ends all connections, and with them what agents run.
func (f *Fleet) Close() error {
	if f == nil {
		return nil
	}
	return f.each(func(_ int, m *agent.Machine) error { return m.Close() })
}
