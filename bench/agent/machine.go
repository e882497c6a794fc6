package agent

import (
	"cmp"
	"context"
	"fmt"
	"sync"
	"time"

	"google.golang.org/grpc"

	agentv1 "dyno/proto/agent/v1"
)

const (
	// LostAfter is how long a machine may leave heartbeats unanswered.
	LostAfter = 3 * time.Second
	// ReturnWithin is how long a run waits for a machine that it has lost.
	ReturnWithin = 30 * time.Second
	// firstWithin is how long it waits for one that it has not seen yet, to which
	// programs may have to be copied before the agent answers.
	firstWithin = 10 * time.Minute

	redialPause = 500 * time.Millisecond
	askTimeout  = 15 * time.Second // of one question that brings no deadline
)

// LostError says that a machine does not answer any more: what ran there has proved
// nothing.
type LostError struct {
	Machine string
	Why     string
}

func (e *LostError) Error() string {
	return fmt.Sprintf("machine %s is lost: %s; the trial is given up", e.Machine, e.Why)
}

// ended is the loss of a machine whose connection is gone.
func ended(name string, err error) error {
	return &LostError{name, "its agent has ended, or the connection to it: " + err.Error()}
}

// Connection leads to an agent.
type Connection struct {
	Conn  *grpc.ClientConn
	Close func() error  // ends it; called once
	Said  func() string // what the other side has said of its end; nil: it has no way to
}

// Machine is the runner's end of an agent. It is safe for concurrent use.
type Machine struct {
	Name     string
	Patience time.Duration // with it when it is lost; 0: [ReturnWithin]
	dial     func(context.Context) (*Connection, error)

	mu   sync.Mutex
	link *session // nil: not connected yet
	info *agentv1.DescribeResponse
}

// NewMachine is a machine that is not connected yet. Dialling may take as long as its
// context; it is done again when the connection has ended.
func NewMachine(name string, dial func(context.Context) (*Connection, error)) *Machine {
	return &Machine{Name: name, dial: dial}
}

// Connect connects, or waits until the machine answers again that was lost, but not
// for longer than [ReturnWithin].
func (m *Machine) Connect(ctx context.Context) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.connect(ctx)
}

func (m *Machine) connect(ctx context.Context) error {
	if m.link != nil && m.link.present().Err() == nil {
		return nil
	}
	within := cmp.Or(m.Patience, ReturnWithin)
	limit := fmt.Errorf("machine %s has not come back within %v", m.Name, within)
	if m.info == nil {
		within, limit = firstWithin, fmt.Errorf("machine %s has not been there within %v", m.Name, firstWithin)
	}
	ctx, cancel := context.WithTimeoutCause(ctx, within, limit)
	defer cancel()
	for {
		err := m.attempt(ctx)
		if err == nil {
			return nil
		}
		if m.info == nil { // never seen: it will not come by itself
			return err
		}
		select {
		case <-ctx.Done():
			return fmt.Errorf("%w: %w", context.Cause(ctx), err)
		case <-time.After(redialPause):
		}
	}
}

// attempt looks for the machine once.
func (m *Machine) attempt(ctx context.Context) error {
	if m.link != nil {
		if broken := m.link.failure(); broken == nil {
			return context.Cause(m.link.present())
		}
		m.link.close()
		m.link = nil
	}
	c, err := m.dial(ctx)
	if err != nil {
		return fmt.Errorf("machine %s: %w", m.Name, err)
	}
	l := newSession(m.Name, c)
	info, err := l.introduce(ctx)
	if err != nil {
		_ = l.close() // what it says is less than why it is closed
		return fmt.Errorf("machine %s: %w", m.Name, err)
	}
	m.link, m.info = l, info
	return nil
}

// introduce begins the heartbeat, and asks what the machine is.
func (l *session) introduce(ctx context.Context) (*agentv1.DescribeResponse, error) {
	ctx, cancel := context.WithTimeoutCause(ctx, ReturnWithin, fmt.Errorf("its agent has said nothing for %v", ReturnWithin))
	defer cancel()
	if err := l.greet(ctx); err != nil {
		return nil, l.explain(err)
	}
	info, err := l.client.Describe(ctx, new(agentv1.DescribeRequest))
	if err != nil {
		return nil, l.explain(err)
	}
	return info, same(info.GetBinary(), program())
}

// same refuses an agent that is another program than the runner: what it measures is
// another one's. Who cannot tell is believed.
func same(there, here string) error {
	if there == here || there == "" || here == "" {
		return nil
	}
	return fmt.Errorf("its agent is another dyno than this one (SHA-256 %.12s there, %.12s here): give both the same", there, here)
}

// now is the link of a machine that was connected.
func (m *Machine) now() *session {
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.link
}

// Info is what the machine says of itself; nil before it was connected.
func (m *Machine) Info() *agentv1.DescribeResponse {
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.info
}

// Clock compares the machine's clock with this one's.
func (m *Machine) Clock() Clock { return m.now().clock.best() }

// Reach measures the round-trip times from the machine to others' echo addresses.
func (m *Machine) Reach(ctx context.Context, addresses []string) ([]time.Duration, error) {
	l := m.now()
	ctx, cancel := context.WithTimeout(ctx, askTimeout)
	defer cancel()
	resp, err := l.client.Reach(ctx, &agentv1.ReachRequest{Addresses: addresses})
	if err != nil {
		return nil, fmt.Errorf("machine %s: %w", m.Name, l.explain(err))
	}
	if len(resp.GetRttNs()) != len(addresses) || len(resp.GetErrors()) != len(addresses) {
		return nil, fmt.Errorf("machine %s: it was asked for the ways to %d others, and told %d", m.Name, len(addresses), len(resp.GetRttNs()))
	}
	out := make([]time.Duration, len(addresses))
	for i := range out {
		if text := resp.GetErrors()[i]; text != "" {
			return nil, fmt.Errorf("machine %s does not reach %s: %s", m.Name, addresses[i], text)
		}
		out[i] = time.Duration(resp.GetRttNs()[i])
	}
	return out, nil
}

// Close ends the connection, and with it what the agent runs.
func (m *Machine) Close() error {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.link == nil {
		return nil
	}
	err := m.link.close()
	m.link = nil
	return err
}
