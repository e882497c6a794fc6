package agent

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"time"

	"google.golang.org/grpc"

	agentv1 "dyno/proto/agent/v1"
)

const (
	beatEvery  = time.Second
	greetBeats = 8                      // in a row, for the clocks
	beatLook   = 100 * time.Millisecond // between two looks at how old the last answer is
)

// session is one connection to an agent, with its heartbeat.
type session struct {
	name   string
	conn   *Connection
	client agentv1.AgentServiceClient
	ctx    context.Context // of the heartbeat
	stop   context.CancelFunc
	clock  clock
	stream grpc.BidiStreamingClient[agentv1.AttendRequest, agentv1.AttendResponse]
	beats  sync.WaitGroup

	mu       sync.Mutex
	number   int64
	sent     time.Time
	answered time.Time
	era      context.Context // ends when the machine is lost
	end      context.CancelCauseFunc
	broken   error // nil: it may come back by itself
	closing  sync.Once
}

func newSession(name string, c *Connection) *session {
	l := &session{name: name, conn: c, client: agentv1.NewAgentServiceClient(c.Conn)}
	l.ctx, l.stop = context.WithCancel(context.Background())
	l.era, l.end = context.WithCancelCause(l.ctx)
	return l
}

// greet compares the clocks and begins the heartbeat.
func (l *session) greet(ctx context.Context) error {
	defer context.AfterFunc(ctx, l.stop)() // a connection that hangs
	var err error
	if l.stream, err = l.client.Attend(l.ctx); err != nil {
		return err
	}
	for range greetBeats {
		if err := l.send(); err != nil {
			return err
		}
		if err := l.receive(); err != nil {
			return errors.Join(err, context.Cause(ctx))
		}
	}
	l.attend()
	return nil
}

// attend sends heartbeats, and takes in their answers, until the link is closed or the
// connection has ended.
func (l *session) attend() {
	l.beats.Go(l.beat)
	l.beats.Go(func() {
		for {
			if err := l.receive(); err != nil {
				l.fail(err)
				return
			}
		}
	})
}

func (l *session) send() error {
	l.mu.Lock()
	l.number++
	l.sent = time.Now()
	beat := &agentv1.AttendRequest{Number: l.number}
	l.mu.Unlock()
	return l.stream.Send(beat)
}

// receive takes in one answer. A machine that was lost is back with it.
func (l *session) receive() error {
	a, err := l.stream.Recv()
	if err != nil {
		return err
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	l.answered = time.Now()
	if a.GetNumber() != l.number {
		return nil // late: it says nothing of the clock, and of the machine only that it was there
	}
	l.clock.note(l.sent, l.answered, a.GetUnixNs())
	if l.era.Err() != nil && l.broken == nil && l.ctx.Err() == nil {
		l.era, l.end = context.WithCancelCause(l.ctx)
	}
	return nil
}

// beat sends heartbeats and notices when they are not answered.
func (l *session) beat() {
	tick := time.NewTicker(beatLook)
	defer tick.Stop()
	for {
		select {
		case <-l.ctx.Done():
			return
		case <-tick.C:
		}
		l.mu.Lock()
		silent, due := time.Since(l.answered), time.Since(l.sent) >= beatEvery
		if silent > LostAfter {
			l.end(&LostError{l.name, fmt.Sprintf("it has answered no heartbeat for %v", LostAfter)})
		}
		l.mu.Unlock()
		if !due {
			continue
		}
		if err := l.send(); err != nil {
			return // receive says why
		}
	}
}

// fail notes that the connection has ended.
func (l *session) fail(err error) {
	err = l.explain(err)
	l.mu.Lock()
	defer l.mu.Unlock()
	l.broken = err
	l.end(ended(l.name, err))
}

// explain adds what the other side has said of its end.
func (l *session) explain(err error) error {
	if l.conn.Said != nil {
		if said := l.conn.Said(); said != "" {
			return errors.New(said)
		}
	}
	return fromStatus(err)
}

// present is the context that ends when the machine is lost, as of now.
func (l *session) present() context.Context {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.era
}

// failure is why the connection will not come back; nil: it may.
func (l *session) failure() error {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.broken
}

func (l *session) close() (err error) {
	l.closing.Do(func() {
		l.stop()
		err = errors.Join(l.conn.Conn.Close(), l.conn.Close())
		l.beats.Wait()
	})
	return err
}

// Clock is how a machine's clock compares with this one's.
type Clock struct {
	Ahead     time.Duration // of this one's
	Uncertain time.Duration // by how much that may be wrong, either way
}

// clock keeps what the last heartbeats said.
type clock struct {
	mu   sync.Mutex
	last [greetBeats]Clock
	n    int
}

// note takes in an exchange: the other clock was read between two moments of this
// one.
func (c *clock) note(sent, answered time.Time, unixNs int64) {
	half := answered.Sub(sent) / 2
	c.mu.Lock()
	defer c.mu.Unlock()
	c.last[c.n%greetBeats] = Clock{Ahead: time.Unix(0, unixNs).Sub(sent) - half, Uncertain: half}
	c.n++
}

// best is what the quickest exchange of the last ones said.
func (c *clock) best() Clock {
	c.mu.Lock()
	defer c.mu.Unlock()
	best := c.last[0]
	for _, k := range c.last[1:min(max(c.n, 1), greetBeats)] {
		if k.Uncertain < best.Uncertain {
			best = k
		}
	}
	return best
}
