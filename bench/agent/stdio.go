package agent

import (
	"net"
	"os"
	"time"
)

// stdio is the listener of [Stdio].
type stdio struct {
	conns chan net.Conn
	over  <-chan struct{}
}

// Accept implements net.Listener.
func (l *stdio) Accept() (net.Conn, error) {
	select {
	case c := <-l.conns:
		return c, nil
	case <-l.over:
		return nil, net.ErrClosed
	}
}

// Close implements net.Listener. The connection outlives it.
func (l *stdio) Close() error { return nil }

// Addr implements net.Listener.
func (l *stdio) Addr() net.Addr { return pipeAddr{} }

// stdioConn is a connection made of two pipes. It has no deadlines: gRPC sets one
// for its handshake, which whoever holds the other end ends by hanging up.
type stdioConn struct {
	in, out *os.File
	end     func() // called when there is no more to read
}

func (c *stdioConn) Read(p []byte) (int, error) {
	n, err := c.in.Read(p)
	if err != nil {
		c.end()
	}
	return n, err
}

func (c *stdioConn) Write(p []byte) (int, error) { return c.out.Write(p) }

func (c *stdioConn) Close() error {
	c.end()
	_ = c.out.Close()
	return c.in.Close()
}

func (c *stdioConn) LocalAddr() net.Addr              { return pipeAddr{} }
func (c *stdioConn) RemoteAddr() net.Addr             { return pipeAddr{} }
func (c *stdioConn) SetDeadline(time.Time) error      { return nil }
func (c *stdioConn) SetReadDeadline(time.Time) error  { return nil }
func (c *stdioConn) SetWriteDeadline(time.Time) error { return nil }

// pipeAddr is the address of either end.
type pipeAddr struct{}

func (pipeAddr) Network() string { return "pipe" }
func (pipeAddr) String() string  { return "stdio" }
