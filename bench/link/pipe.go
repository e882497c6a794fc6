package link

import (
	"errors"
	"io"
	"math/rand/v2"
	"sync"
	"time"
)

// ending is how a stream of bytes ends. A later one overrides an earlier.
type ending int

const (
	running  ending = iota
	finished        // FIN: no more bytes this way
	broken          // RST: the connection is gone
	stopped         // the link itself ends it
)

// pipe carries the bytes of one connection one way: fill reads them from one
// socket and stamps them, drain writes them to the other when they are due.
type pipe struct {
	way  *way
	rng  *rand.Rand // used by fill only
	peer *pipe      // the other way of the same connection

	mu      sync.Mutex
	changed sync.Cond // anything below, or the rules
	wait    wait      // for the time that next waits for
	line    line
	full    bool   // fill waits for room
	lost    bool   // the receiver is gone: what comes is thrown away
	end     ending // after the bytes in the line
	endDue  time.Duration
	drained bool // drain has returned

	slot    int // bytes to which the limited rate has assigned the way out; 0: none
	slotDue time.Duration
}

func newPipe(w *way, buffer int, rng *rand.Rand) *pipe {
	p := &pipe{way: w, rng: rng, line: line{limit: buffer}}
	p.changed.L = &p.mu
	p.wait.wake = p.wakeUp
	return p
}

// wakeUp makes everyone look again at the time and the rules.
func (p *pipe) wakeUp() {
	p.mu.Lock() // so that nobody is between looking and waiting
	defer p.mu.Unlock()
	p.changed.Broadcast()
}

// fill reads until the stream ends.
func (p *pipe) fill(src socket) {
	for {
		buf := p.room()
		if buf == nil {
			return
		}
		n, err := src.Read(buf)
		p.arrive(n, err)
		if err != nil {
			return
		}
	}
}

// room waits until there is room for bytes; nil if the link ends the pipe.
func (p *pipe) room() []byte {
	p.mu.Lock()
	defer p.mu.Unlock()
	for p.end != stopped {
		if buf := p.line.room(); buf != nil {
			return buf
		}
		p.full = true
		p.changed.Wait()
	}
	return nil
}

// arrive takes over what a read has put into the room.
func (p *pipe) arrive(n int, err error) {
	path := p.way.path.Load()
	p.mu.Lock()
	defer p.mu.Unlock()
	if n > 0 && !p.lost {
		if p.line.held() == 0 {
			p.changed.Broadcast() // otherwise drain waits for earlier bytes
		}
		p.line.push(n, p.way.clock.now()+path.Delay+path.Jitter.draw(p.rng))
		p.way.bytes.Add(int64(n))
		p.way.chunks.Add(1)
		p.way.remember(passed{p.way.clock.now(), path.Delay, path.Cut, int32(n)})
		p.way.heldBytes.add(int64(n))
		p.way.heldChunks.add(1)
	}
	switch {
	case errors.Is(err, io.EOF):
		p.finish(finished)
	case err != nil:
		p.finish(broken)
	}
}

// finish puts an ending into the line. The caller holds p.mu.
func (p *pipe) finish(end ending) {
	if end <= p.end {
		return
	}
	p.end = end
	p.endDue = max(p.line.last, p.way.clock.now()+p.way.path.Load().Delay)
	p.changed.Broadcast()
}

// stop ends the pipe now; what is in the line is lost.
func (p *pipe) stop() {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.finish(stopped)
}

// await returns when the condition holds; false if the sender has broken the
// connection or the link ended it before.
func (p *pipe) await(condition func() bool) bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	for p.end < broken {
		if condition() {
			return true
		}
		p.changed.Wait()
	}
	return false
}

// drain writes what is due until the stream has ended, and passes on how.
func (p *pipe) drain(src, dst socket) {
	for {
		data, end := p.next()
		if data == nil {
			p.conclude(src, dst, end)
			return
		}
		_, err := dst.Write(data)
		p.leave(len(data))
		if err != nil {
			p.lose(src)
		}
	}
}

// conclude passes on the end of the stream.
func (p *pipe) conclude(src, dst socket, end ending) {
	if end == finished && dst.CloseWrite() != nil {
		p.lose(src)
	}
	p.mu.Lock()
	p.drained = true
	if end == finished && p.end == broken {
		end = broken // while FIN was being passed on
	}
	p.mu.Unlock()
	if end == broken {
		p.way.reset(dst)
	}
}

// next waits for bytes that may leave and returns them, or how the stream
// ended.
func (p *pipe) next() ([]byte, ending) {
	p.mu.Lock()
	defer p.mu.Unlock()
	for {
		if p.end == stopped || (p.lost && p.end != running) {
			return nil, stopped // nobody is there to be told
		}
		path := p.way.path.Load()
		at, ok := p.due()
		switch {
		case !ok || path.Cut:
			p.changed.Wait()
		case at > p.way.clock.now():
			p.way.clock.wakeAt(&p.wait, at)
			p.changed.Wait()
		case path.Rate > 0 && p.slot == 0 && p.line.held() > 0:
			p.slot = len(p.line.front(p.way.clock.now(), packet(path.Rate)))
			p.slotDue = p.way.reserve(p.slot, at, path.Rate)
		default:
			return p.take()
		}
	}
}

// due says when the next bytes, or the ending behind them, may leave. The
// caller holds p.mu.
func (p *pipe) due() (time.Duration, bool) {
	if p.slot > 0 {
		return p.slotDue, true
	}
	if at, ok := p.line.due(); ok {
		return at, true
	}
	return p.endDue, p.end != running
}

// take returns what is due now. The caller holds p.mu.
func (p *pipe) take() ([]byte, ending) {
	now := p.way.clock.now()
	if p.line.held() == 0 {
		return nil, p.end
	}
	limit := maxWrite
	if p.slot > 0 {
		limit, p.slot = p.slot, 0
	}
	return p.line.front(now, limit), running
}

// leave forgets bytes that have been written.
func (p *pipe) leave(n int) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.forget(n)
	if p.full {
		p.full = false
		p.changed.Broadcast()
	}
}

// forget removes bytes from the line. The caller holds p.mu.
func (p *pipe) forget(n int) {
	chunks := p.line.held()
	p.line.advance(n)
	p.way.heldBytes.add(int64(-n))
	p.way.heldChunks.add(int64(p.line.held() - chunks))
}

// lose is called when the receiver is gone. The sender learns of it as from a
// real one: by a reset that travels the other way, under that way's rules.
func (p *pipe) lose(src socket) {
	p.mu.Lock()
	p.lost = true
	p.slot = 0
	p.forget(p.line.size)
	p.full = false
	p.changed.Broadcast()
	p.mu.Unlock()

	p.peer.mu.Lock()
	drained := p.peer.drained
	p.peer.finish(broken)
	p.peer.mu.Unlock()
	if drained {
		p.peer.way.reset(src) // nobody is left to pass it on
	}
}

// close gives back what is left in the line. Fill and drain have returned.
func (p *pipe) close() {
	p.way.clock.cancel(&p.wait)
	p.mu.Lock()
	defer p.mu.Unlock()
	p.forget(p.line.size)
}
