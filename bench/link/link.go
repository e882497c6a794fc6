package link

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"net"
	"sync"
	"sync/atomic"
	"time"
)

// Link is a TCP proxy from one role to another that follows [Rules]. All
// methods may be called from any goroutine.
type Link struct {
	options Options // complete
	clock   *clock
	sole    bool // the clock ends with the link
	far     Far  // nil: it is here
	target  atomic.Pointer[string]

	ctx    context.Context // ends with the link
	cancel context.CancelFunc
	wg     sync.WaitGroup // accepting, and every connection

	forward, back way
	failed        atomic.Int64

	mu       sync.Mutex
	own      Rules  // without the faults in force
	struck   struck // these
	rules    Rules  // both
	door     *door
	conns    map[*conn]struct{}
	closed   bool
	ordinal  int64 // of the next connection
	maxOpen  int
	refused  int64
	dropped  int64
	resetted int64
}

// New returns a link that accepts connections.
func New(o Options) (*Link, error) {
	c, err := startClock()
	if err != nil {
		return nil, err
	}
	l, err := newLink(o, c)
	if err != nil {
		c.close()
		return nil, err
	}
	l.sole = true
	return l, nil
}

func startClock() (*clock, error) {
	a, err := newAlarm()
	if err != nil {
		return nil, fmt.Errorf("link: %w", err)
	}
	return newClock(a), nil
}

func newLink(o Options, c *clock) (*Link, error) {
	o, err := o.complete()
	if err != nil {
		return nil, err
	}
	l := &Link{options: o, clock: c, conns: map[*conn]struct{}{}}
	l.forward.clock, l.back.clock = c, c
	l.forward.traced, l.back.traced = o.Trace, o.Trace
	l.target.Store(&o.Target)
	l.ctx, l.cancel = context.WithCancel(context.Background())
	l.own = o.Rules
	l.apply(o.Rules)
	if o.Elsewhere != nil {
		if l.far, err = o.Elsewhere(o); err != nil {
			l.cancel()
			return nil, fmt.Errorf("%v: %w", o, err)
		}
		return l, nil
	}
	if l.door, err = newDoor(o.Listen, l.serve); err != nil {
		l.cancel()
		return nil, fmt.Errorf("%v: %w", o, err)
	}
	if o.Rules.Refuse {
		l.door.shut()
	}
	return l, nil
}

// Addr is where the link listens, host:port. It never changes.
func (l *Link) Addr() string {
	if l.far != nil {
		return l.far.Addr()
	}
	return l.door.addr.String()
}

// From is the name of the side that dials.
func (l *Link) From() string { return l.options.From }

// To is the name of the side that is dialled.
func (l *Link) To() string { return l.options.To }

// SetTarget leads new connections to another address, for example because a
// role was started again. Established ones stay where they are.
func (l *Link) SetTarget(target string) error {
	if err := checkTarget(target); err != nil {
		return fmt.Errorf("%v: %w", l.options, err)
	}
	if l.far != nil {
		return fmt.Errorf("%v is on another machine: it leads where it led when it was made", l.options)
	}
	l.target.Store(&target)
	return nil
}

// Rules returns what applies now, faults in force included.
func (l *Link) Rules() Rules {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.rules
}

// SetRules replaces all rules. Faults in force stay, and add to them.
func (l *Link) SetRules(r Rules) error { return l.Update(func(old *Rules) { *old = r }) }

// Update changes some rules and leaves the others as they are.
func (l *Link) Update(change func(*Rules)) error {
	return l.change(func(own *Rules, _ *struck) { change(own) })
}

// change changes the rules of the link's own and the faults in force, all of
// it or nothing.
func (l *Link) change(change func(*Rules, *struck)) error {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.closed {
		return fmt.Errorf("%v is closed", l.options)
	}
	if l.far != nil {
		return fmt.Errorf("%v is on another machine: faults strike it, and nothing else changes its rules", l.options)
	}
	own, faults := l.own, l.struck
	change(&own, &faults)
	r := own.under(faults)
	if err := cmp.Or(own.check(), r.check()); err != nil {
		return fmt.Errorf("%v: %w", l.options, err)
	}
	if r.Refuse {
		l.door.shut()
	} else if err := l.door.open(); err != nil {
		return fmt.Errorf("%v: %w", l.options, err)
	}
	l.own, l.struck = own, faults
	l.apply(r)
	return nil
}

// apply makes rules known to all connections. The caller holds l.mu.
func (l *Link) apply(r Rules) {
	l.rules = r
	l.forward.path.Store(&r.Forward)
	l.back.path.Store(&r.Back)
	for c := range l.conns {
		c.wakeUp()
	}
}

// serve accepts on ln in the background until it is closed.
func (l *Link) serve(ln *net.TCPListener) { l.wg.Go(func() { l.accept(ln) }) }

func (l *Link) accept(ln *net.TCPListener) {
	for {
		s, err := ln.AcceptTCP()
		switch {
		case err == nil:
			l.admit(s)
		case errors.Is(err, net.ErrClosed):
			return
		default: // out of descriptors, or a connection that ended before it was accepted
			select {
			case <-time.After(10 * time.Millisecond):
			case <-l.ctx.Done():
			}
		}
	}
}

// admit starts a new connection, or resets it if the rules say so.
func (l *Link) admit(s *net.TCPConn) {
	l.mu.Lock()
	defer l.mu.Unlock()
	n := l.ordinal
	l.ordinal++
	switch {
	case l.closed:
		closeReset(s)
		return
	case l.rules.Refuse || len(l.conns) >= l.options.MaxConns:
		l.refused++
		closeReset(s)
		return
	case l.rules.Drop > 0 && l.options.chance(n, "drop").Float64() < l.rules.Drop:
		l.dropped++
		closeReset(s)
		return
	}
	c := newConn(l, s, n)
	l.conns[c] = struct{}{}
	l.maxOpen = max(l.maxOpen, len(l.conns))
	l.wg.Go(func() {
		c.run()
		l.mu.Lock()
		defer l.mu.Unlock()
		delete(l.conns, c)
	})
}

// whole says that neither way is cut, as a handshake needs.
func (l *Link) whole() bool { return !l.forward.path.Load().Cut && !l.back.path.Load().Cut }

// Reset ends all connections at once, with RST on both sides, and returns how
// many there were. Bytes under way are lost. New connections are welcome.
func (l *Link) Reset() int {
	n := 0
	l.mu.Lock()
	defer l.mu.Unlock()
	for c := range l.conns {
		if c.end(closeReset) {
			n++
		}
	}
	l.resetted += int64(n)
	return n
}

// Stats returns the counters.
func (l *Link) Stats() Stats {
	l.mu.Lock()
	defer l.mu.Unlock()
	return Stats{
		From: l.options.From, To: l.options.To,
		Accepted: l.ordinal, Open: int64(len(l.conns)), MaxOpen: int64(l.maxOpen),
		Refused: l.refused, Dropped: l.dropped, Failed: l.failed.Load(), Reset: l.resetted,
		Forward: l.forward.stats(), Back: l.back.stats(),
	}
}

// Close ends the link, its connections and everything that runs for them, and
// waits for it. Closing it again does nothing. A link of a [Network] is closed
// with it; one that is closed before keeps its name there and fails each step
// that concerns it.
func (l *Link) Close() error {
	l.mu.Lock()
	if !l.closed {
		l.closed = true
		l.cancel()
		if l.far == nil {
			l.door.close()
		}
		for c := range l.conns {
			c.end(closeGently)
		}
	}
	l.mu.Unlock()
	l.wg.Wait()
	if l.sole {
		l.clock.close()
	}
	return nil
}
