package fleet

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"sync"

	"dyno/bench/agent"
	"dyno/internal/record"
)

// Fleet is the machines of a run. One trial at a time is open on it.
type Fleet struct {
	machines []*agent.Machine
}

// New is a fleet of machines, which have names of their own.
func New(machines ...*agent.Machine) *Fleet { return &Fleet{machines} }

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

func (f *Fleet) each(do func(int, *agent.Machine) error) error {
	errs := make([]error, len(f.machines))
	var all sync.WaitGroup
	for i, m := range f.machines {
		all.Go(func() { errs[i] = do(i, m) })
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

// Trips measures the round-trip times between all pairs, and from the runner. That
// one does not reach another is an error.
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
	for i, m := range f.machines { // one after another: they would disturb each other
		rtts, err := m.Reach(ctx, echoes)
		if err != nil {
			return nil, err
		}
		for j, rtt := range rtts {
			if i != j {
				out = append(out, record.Trip{From: m.Name, To: f.machines[j].Name, RTT: rtt.Seconds()})
			}
		}
	}
	return out, nil
}

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
func (f *Fleet) Stamp(binary string, p *record.Placement) string {
	h := sha256.New()
	fmt.Fprintf(h, "%s %q %v", binary, f.Names(), p)
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
