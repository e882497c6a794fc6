package server

import (
	"errors"
	"net"
	"sync/atomic"
	"time"
)

// fence keeps what a primary has said from leaving after its right to say it is
// over. Between the core's decision and the socket lie queues and goroutines; a
// process that is stopped among them would send, when it goes on, what was true
// before. So every connection asks again at the very write, and one that may
// hold an answer which is late is closed instead: its client asks again.
type fence struct {
	now   func() time.Duration
	until atomic.Int64 // the latest end of the right to any answer that was given; 0: none was
}

// said notes an answer.
func (f *fence) said(until time.Duration) {
	for {
		old := f.until.Load()
		if int64(until) <= old || f.until.CompareAndSwap(old, int64(until)) {
			return
		}
	}
}

// fencedListener hands out connections behind a fence.
type fencedListener struct {
	net.Listener
	fence *fence
}

// Accept implements net.Listener.
func (l fencedListener) Accept() (net.Conn, error) {
	c, err := l.Listener.Accept()
	if err != nil {
		return nil, err
	}
	return &fencedConn{Conn: c, fence: l.fence, settled: l.fence.until.Load()}, nil
}

type fencedConn struct {
	net.Conn
	fence   *fence
	settled int64 // answers up to here are not of this connection
}

var errLate = errors.New("standby: the lease is over: what was to be said may not be true any more")

// Write implements net.Conn.
func (c *fencedConn) Write(b []byte) (int, error) {
	if until := c.fence.until.Load(); until > c.settled && int64(c.fence.now()) >= until {
		return 0, errors.Join(errLate, c.Close())
	}
	return c.Conn.Write(b)
}
