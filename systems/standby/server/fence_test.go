package server

import (
	"errors"
	"net"
	"testing"
	"time"
)

// An answer leaves while the right to it holds. When that is over, connections on
// which it may still be are closed, others and new ones are not.
func TestFence(t *testing.T) {
	now := time.Second
	f := &fence{now: func() time.Duration { return now }}
	dial := func() net.Conn {
		a, b := net.Pipe()
		go func() {
			for buf := make([]byte, 8); ; {
				if _, err := b.Read(buf); err != nil {
					return
				}
			}
		}()
		c, err := fencedListener{oneConn{a}, f}.Accept()
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { a.Close(); b.Close() })
		return c
	}
	write := func(c net.Conn) error {
		_, err := c.Write([]byte("answer"))
		return err
	}
	old := dial()
	if err := write(old); err != nil {
		t.Errorf("nothing was said: %v", err)
	}
	f.said(3 * time.Second)
	f.said(2 * time.Second)
	if err := write(old); err != nil {
		t.Errorf("the lease holds: %v", err)
	}
	now = 3 * time.Second
	if err := write(old); !errors.Is(err, errLate) {
		t.Errorf("the lease is over: %v", err)
	}
	if err := write(old); err == nil {
		t.Error("the connection lives")
	}
	if err := write(dial()); err != nil {
		t.Errorf("a new connection: %v", err)
	}
}

type oneConn struct{ net.Conn }

func (o oneConn) Accept() (net.Conn, error) { return o.Conn, nil }
func (o oneConn) Addr() net.Addr            { return o.LocalAddr() }
