package wire

import (
	"context"
	"sync"
)

// Pump gathers what is to travel in the next message of a stream, while the one
// before it is being sent. The zero value is ready.
type Pump[M any] struct {
	mu     sync.Mutex
	next   *M
	wake   chan struct{} // has room for one
	closed bool
}

// Put adds to the next message. After the pump has stopped it does nothing, and
// returns false.
func (p *Pump[M]) Put(add func(*M)) bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.closed {
		return false
	}
	if p.next == nil {
		p.next = new(M)
		select {
		case p.signal() <- struct{}{}:
		default:
		}
	}
	add(p.next)
	return true
}

// signal is where the writer waits; mu is held.
func (p *Pump[M]) signal() chan struct{} {
	if p.wake == nil {
		p.wake = make(chan struct{}, 1)
	}
	return p.wake
}

// Run sends messages until the context ends or sending fails. One caller at a
// time.
func (p *Pump[M]) Run(ctx context.Context, send func(*M) error) error {
	p.mu.Lock()
	wake := p.signal()
	p.mu.Unlock()
	for {
		select {
		case <-wake:
		case <-ctx.Done():
			return p.stop(ctx.Err())
		}
		p.mu.Lock()
		m := p.next
		p.next = nil
		p.mu.Unlock()
		if m == nil {
			continue
		}
		if err := send(m); err != nil {
			return p.stop(err)
		}
	}
}

func (p *Pump[M]) stop(err error) error {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.closed, p.next = true, nil
	return err
}
