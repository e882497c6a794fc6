package link_test

import (
	"fmt"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"dyno/bench/link"
)

// stuckTarget is an address where connecting neither succeeds nor fails: its
// queue is full and nobody accepts.
func stuckTarget(t *testing.T) string {
	t.Helper()
	fd, err := unix.Socket(unix.AF_INET, unix.SOCK_STREAM|unix.SOCK_CLOEXEC, 0)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = unix.Close(fd) })
	if err := unix.Bind(fd, &unix.SockaddrInet4{Addr: [4]byte{127, 0, 0, 1}}); err != nil {
		t.Fatal(err)
	}
	if err := unix.Listen(fd, 0); err != nil {
		t.Fatal(err)
	}
	sa, err := unix.Getsockname(fd)
	if err != nil {
		t.Fatal(err)
	}
	addr := fmt.Sprintf("127.0.0.1:%d", sa.(*unix.SockaddrInet4).Port)
	dial(t, addr) // fills the queue
	return addr
}

func TestDialTimeout(t *testing.T) {
	l := newLink(t, link.Options{Target: stuckTarget(t), DialTimeout: 50 * ms})
	begin := time.Now()
	if admits(t, l.Addr()) {
		t.Error("admitted")
	}
	if took := time.Since(begin); took < 50*ms {
		t.Errorf("gave up after %v", took)
	}
	if s := l.Stats(); s.Failed != 1 {
		t.Errorf("counted %+v", s)
	}
}

// TestDialIsBrokenOff by a reset of the link and by closing it.
func TestDialIsBrokenOff(t *testing.T) {
	l := newLink(t, link.Options{Target: stuckTarget(t), DialTimeout: time.Hour})
	c := dial(t, l.Addr())
	send(t, c, "x")
	eventually(t, "a byte waits", func() bool { return l.Stats().Forward.HeldBytes == 1 })
	if n := l.Reset(); n != 1 {
		t.Errorf("%d connections reset", n)
	}
	eventually(t, "none open", func() bool { return l.Stats().Open == 0 })
	dial(t, l.Addr())
	eventually(t, "one open", func() bool { return l.Stats().Open == 1 })
	if err := l.Close(); err != nil {
		t.Error(err)
	}
	if s := l.Stats(); s.Failed != 0 || s.Open != 0 {
		t.Errorf("counted %+v", s)
	}
}
