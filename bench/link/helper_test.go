package link_test

import (
	"errors"
	"io"
	"net"
	"runtime"
	"strings"
	"testing"
	"time"

	"dyno/bench/link"
)

const patience = 20 * time.Second // for what must happen; only a hang takes so long

// newLink returns a link that is closed, and leaves nothing running, at the
// end of the test.
func newLink(t testing.TB, o link.Options) *link.Link {
	t.Helper()
	l, err := link.New(o)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := l.Close(); err != nil {
			t.Error(err)
		}
		noGoroutines(t)
	})
	return l
}

// noGoroutines fails when something of the package still runs.
func noGoroutines(t testing.TB) {
	t.Helper()
	var left string
	defer func() {
		if left != "" {
			t.Errorf("still running:\n%s", left)
		}
	}()
	for begin := time.Now(); time.Since(begin) < patience; runtime.Gosched() {
		left = ""
		buf := make([]byte, 1<<20)
		for g := range strings.SplitSeq(string(buf[:runtime.Stack(buf, true)]), "\n\n") {
			if strings.Contains(g, "dyno/bench/link.(*") {
				left += g + "\n\n"
			}
		}
		if left == "" {
			return
		}
	}
}

// eventually waits until a condition holds that nothing announces.
func eventually(t testing.TB, what string, condition func() bool) {
	t.Helper()
	for begin := time.Now(); !condition(); runtime.Gosched() {
		if time.Since(begin) > patience {
			t.Fatalf("after %v still not: %s", patience, what)
		}
	}
}

// server listens and hands every connection to serve, which closes it or
// leaves it to the end of the test.
func server(t testing.TB, serve func(*net.TCPConn)) string {
	t.Helper()
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { ln.Close() })
	go func() {
		for {
			c, err := ln.Accept()
			if err != nil {
				return
			}
			go serve(c.(*net.TCPConn))
		}
	}()
	return ln.Addr().String()
}

// echoServer sends back what it receives, and half-closes when the client
// does.
func echoServer(t testing.TB) string {
	return server(t, func(c *net.TCPConn) {
		defer c.Close()
		_, _ = io.Copy(struct{ io.Writer }{c}, struct{ io.Reader }{c})
		_ = c.CloseWrite()
	})
}

// acceptor is a server whose connections the test itself holds.
func acceptor(t testing.TB) (addr string, conns <-chan *net.TCPConn) {
	ch := make(chan *net.TCPConn, 16)
	return server(t, func(c *net.TCPConn) { ch <- c }), ch
}

// accept takes the next connection of an acceptor.
func accept(t testing.TB, conns <-chan *net.TCPConn) *net.TCPConn {
	t.Helper()
	select {
	case c := <-conns:
		t.Cleanup(func() { c.Close() })
		_ = c.SetDeadline(time.Now().Add(patience))
		return c
	case <-time.After(patience):
		t.Fatal("no connection reached the target")
		return nil
	}
}

func dial(t testing.TB, addr string) *net.TCPConn {
	t.Helper()
	c, err := net.Dial("tcp", addr)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { c.Close() })
	_ = c.SetDeadline(time.Now().Add(patience))
	return c.(*net.TCPConn)
}

func send(t testing.TB, c net.Conn, text string) {
	t.Helper()
	if _, err := io.WriteString(c, text); err != nil {
		t.Fatal(err)
	}
}

func expect(t testing.TB, c net.Conn, text string) {
	t.Helper()
	buf := make([]byte, len(text))
	if _, err := io.ReadFull(c, buf); err != nil {
		t.Fatalf("waiting for %q: %v", text, err)
	}
	if string(buf) != text {
		t.Fatalf("received %q, want %q", buf, text)
	}
}

// expectError fails unless reading ends with the given error at once.
func expectError(t testing.TB, c net.Conn, want error) {
	t.Helper()
	n, err := c.Read(make([]byte, 1))
	if n > 0 || !errors.Is(err, want) {
		t.Fatalf("read %d bytes, error %v; want error %v", n, err, want)
	}
}
