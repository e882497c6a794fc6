package link

import (
	"context"
	"net"
	"sync"
)

// conn is one connection through a link: a socket on either side and a pipe
// each way.
type conn struct {
	link          *Link
	ctx           context.Context // ends with the connection
	cancel        context.CancelFunc
	forward, back *pipe
	src           socket // who dialled

	mu    sync.Mutex
	dst   socket // the target; nil until it is reached
	ended bool
}

func newConn(l *Link, src *net.TCPConn, ordinal int64) *conn {
	c := &conn{link: l, src: &tcpSocket{TCPConn: src}}
	c.ctx, c.cancel = context.WithCancel(l.ctx)
	c.forward = newPipe(&l.forward, l.options.Buffer, l.options.chance(ordinal, "forward"))
	c.back = newPipe(&l.back, l.options.Buffer, l.options.chance(ordinal, "back"))
	c.forward.peer, c.back.peer = c.back, c.forward
	return c
}

// run carries the connection until both ways have ended.
func (c *conn) run() {
	var wg sync.WaitGroup
	wg.Go(func() { c.forward.fill(c.src) })
	if c.forward.await(c.link.whole) && c.connect() {
		wg.Go(func() { c.back.fill(c.dst) })
		wg.Go(func() { c.back.drain(c.dst, c.src) })
		c.forward.drain(c.src, c.dst)
	} else {
		c.end(closeReset)
	}
	wg.Wait()
	c.end(closeGently)
	c.forward.close()
	c.back.close()
}

// connect dials the target. What the other side sends meanwhile waits.
func (c *conn) connect() bool {
	ctx, cancel := context.WithTimeout(c.ctx, c.link.options.DialTimeout)
	defer cancel()
	// Keep-alive probes would tell what a cut hides. A handshake that is broken
	// off may be complete for the target, which has to see a reset then.
	dialer := net.Dialer{KeepAlive: -1, Control: lingerNot}
	dst, err := dialer.DialContext(ctx, "tcp", *c.link.target.Load())
	if err != nil {
		if c.ctx.Err() == nil {
			c.link.failed.Add(1)
		}
		return false
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	c.dst = &tcpSocket{TCPConn: dst.(*net.TCPConn)}
	if c.ended {
		closeReset(c.dst)
		return false
	}
	_ = c.dst.SetLinger(-1) // an error means that it is gone already, which reading will tell
	return true
}

// end closes both sockets in the given way and stops the pipes. The first
// call counts.
func (c *conn) end(closeSocket func(socket)) bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.ended {
		return false
	}
	c.ended = true
	c.cancel()
	c.forward.stop()
	c.back.stop()
	closeSocket(c.src)
	if c.dst != nil {
		closeSocket(c.dst)
	}
	return true
}

// wakeUp makes both ways look at changed rules.
func (c *conn) wakeUp() {
	c.forward.wakeUp()
	c.back.wakeUp()
}
