package rpc

import (
	"bytes"
	"errors"
	"io"
	"net"
	"os"
	"strings"
	"syscall"
	"testing"
	"time"
)

// sockets are two ends of a TCP connection, the first one with direct system calls.
func sockets(t *testing.T) (net.Conn, *net.TCPConn) {
	t.Helper()
	lis, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer lis.Close()
	a, err := net.Dial("tcp", lis.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = a.Close() })
	b, err := lis.Accept()
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = b.Close() })
	return directly(a), b.(*net.TCPConn)
}

// More than the kernel takes at once comes whole, and the end of it is one.
func TestDirectWhole(t *testing.T) {
	a, b := sockets(t)
	want := bytes.Repeat([]byte("0123456789abcdef"), 1<<18)
	go func() {
		_, _ = io.Copy(b, b) // echoes until the other end is closed
		_ = b.Close()
	}()
	go func() {
		n, err := a.Write(want)
		if err != nil || n != len(want) {
			t.Errorf("wrote %d of %d: %v", n, len(want), err)
		}
		_ = a.(*direct).Conn.(*net.TCPConn).CloseWrite()
	}()
	got, err := io.ReadAll(a) // ends at io.EOF
	if err != nil || !bytes.Equal(got, want) {
		t.Errorf("%d bytes of %d came back, the same: %v; %v", len(got), len(want), bytes.Equal(got, want), err)
	}
}

// Of those that write at once, each one's bytes stay together.
func TestDirectTogether(t *testing.T) {
	a, b := sockets(t)
	const size = 16 << 20 // more than the kernel takes at once
	for _, letter := range []string{"a", "b", "c", "d"} {
		go func() { _, _ = a.Write(bytes.Repeat([]byte(letter), size)) }()
	}
	got := make([]byte, 4*size)
	if _, err := io.ReadFull(b, got); err != nil {
		t.Fatal(err)
	}
	if first := got[:1]; bytes.Count(got[:size], first) != size {
		t.Error("what one wrote has bytes of the other in it")
	}
}

// Errors are those of package net, in their words.
func TestDirectErrors(t *testing.T) {
	a, b := sockets(t)
	_ = a.SetReadDeadline(time.Now().Add(-time.Second))
	if _, err := a.Read(make([]byte, 1)); !errors.Is(err, os.ErrDeadlineExceeded) {
		t.Errorf("past its deadline: %v", err)
	}
	_ = a.SetReadDeadline(time.Time{})
	_ = b.SetLinger(0)
	_ = b.Close() // resets
	_, err := a.Read(make([]byte, 1))
	if !errors.Is(err, syscall.ECONNRESET) || !strings.HasPrefix(err.Error(), "read tcp 127.0.0.1:") {
		t.Errorf("reset: %v", err)
	}
	c, _ := sockets(t)
	ended := make(chan error)
	go func() {
		_, err := c.Read(make([]byte, 1))
		ended <- err
	}()
	_ = c.Close()
	if err := <-ended; !errors.Is(err, net.ErrClosed) {
		t.Errorf("closed: %v", err)
	}
	if _, err := c.Write([]byte("x")); !errors.Is(err, net.ErrClosed) {
		t.Errorf("written after that: %v", err)
	}
	if p, _ := net.Pipe(); directly(p) != p {
		t.Error("what is no socket is left alone")
	}
}
