package link

import (
	"errors"
	"io"
	"net"
	"runtime"
	"syscall"
	"testing"
)

// tcpPair returns the two ends of a TCP connection.
func tcpPair(t *testing.T) (here, there *net.TCPConn) {
	t.Helper()
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer ln.Close()
	a, err := net.Dial("tcp", ln.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	b, err := ln.Accept()
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { a.Close(); b.Close() })
	return a.(*net.TCPConn), b.(*net.TCPConn)
}

// TestReadTellsResetFromEnd, although a Write has taken the error already.
func TestReadTellsResetFromEnd(t *testing.T) {
	if runtime.GOOS != "linux" {
		t.Skip("known only on Linux")
	}
	here, there := tcpPair(t)
	closeReset(there)
	for { // the reset is on its way
		if _, err := here.Write([]byte("x")); err != nil {
			break
		}
	}
	s := &tcpSocket{TCPConn: here}
	if _, err := s.Read(make([]byte, 1)); !errors.Is(err, syscall.ECONNRESET) {
		t.Errorf("a connection that was reset ends with %v", err)
	}
}

// TestReadTellsEndFromReset, whichever side ends first.
func TestReadTellsEndFromReset(t *testing.T) {
	for _, first := range []bool{false, true} {
		here, there := tcpPair(t)
		s := &tcpSocket{TCPConn: here}
		if first {
			if err := s.CloseWrite(); err != nil {
				t.Fatal(err)
			}
			if _, err := there.Read(make([]byte, 1)); err != io.EOF {
				t.Fatal(err)
			}
		}
		there.Close()
		if _, err := s.Read(make([]byte, 1)); err != io.EOF {
			t.Errorf("this side first %v: ends with %v", first, err)
		}
	}
}

// TestConnectionEndedWhileItIsMade: a target that answers in the moment in
// which the link ends the connection is reset, not forgotten.
func TestConnectionEndedWhileItIsMade(t *testing.T) {
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer ln.Close()
	l, err := New(Options{Target: ln.Addr().String()})
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	here, _ := tcpPair(t)
	c := newConn(l, here, 0)
	defer c.cancel()
	c.ended = true
	if c.connect() {
		t.Error("connected")
	}
	target, err := ln.Accept()
	if err != nil {
		t.Fatal(err)
	}
	defer target.Close()
	if _, err := target.Read(make([]byte, 1)); !errors.Is(err, syscall.ECONNRESET) {
		t.Errorf("the target reads %v", err)
	}
}
