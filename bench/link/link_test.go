package link_test

import (
	"bytes"
	"crypto/sha256"
	"errors"
	"io"
	"math/rand/v2"
	"net"
	"runtime"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"dyno/bench/link"
)

const ms = time.Millisecond

// TestIntegrityThroughAJitteryLink: megabytes come back whole and in order,
// while either way delays, jitters and changes its mind.
func TestIntegrityThroughAJitteryLink(t *testing.T) {
	path := link.Path{Delay: 2 * ms, Jitter: link.Jitter{Size: 3 * ms}}
	l := newLink(t, link.Options{Target: echoServer(t), Seed: 3, Buffer: 300_000, Rules: link.Rules{Forward: path, Back: path}})
	var wg sync.WaitGroup
	for n := range 4 {
		wg.Go(func() {
			data := make([]byte, 3<<20)
			_, _ = rand.NewChaCha8([32]byte{byte(n)}).Read(data)
			c := dial(t, l.Addr())
			wg.Go(func() {
				for part := data; len(part) > 0; { // in pieces of all sizes
					k := min(len(part), 1+len(part)%9999)
					if _, err := c.Write(part[:k]); err != nil {
						t.Error(err)
						return
					}
					part = part[k:]
				}
				_ = c.CloseWrite()
			})
			h := sha256.New()
			if got, err := io.Copy(h, c); err != nil || got != int64(len(data)) || !bytes.Equal(h.Sum(nil), sum(data)) {
				t.Errorf("%d of %d bytes came back, or others: %v", got, len(data), err)
			}
		})
	}
	for i := range 20 {
		path.Jitter.Exponential = i%2 == 0
		path.Delay = time.Duration(i%3) * ms
		if err := l.Update(func(r *link.Rules) { r.Back, r.Forward.Cut = path, i%5 == 0 }); err != nil {
			t.Error(err)
		}
	}
	wg.Wait()
	eventually(t, "no connection open", func() bool { return l.Stats().Open == 0 })
	s := l.Stats()
	for _, p := range []link.PathStats{s.Forward, s.Back} {
		if p.Bytes != 4*3<<20 || p.HeldBytes != 0 || p.HeldChunks != 0 || p.MaxHeldBytes > 4*300_000 || p.Chunks == 0 {
			t.Errorf("counted %+v", p)
		}
	}
	if s.Accepted != 4 || s.MaxOpen != 4 || s.Reset+s.Failed+s.Refused+s.Dropped != 0 {
		t.Errorf("counted %+v", s)
	}
}

func sum(data []byte) []byte { h := sha256.Sum256(data); return h[:] }

// TestRoundTripTakesBothDelays, and no delay is ever undercut.
func TestRoundTripTakesBothDelays(t *testing.T) {
	l := newLink(t, link.Options{Target: echoServer(t), Rules: link.Rules{
		Forward: link.Path{Delay: 4 * ms},
		Back:    link.Path{Delay: 3 * ms, Jitter: link.Jitter{Size: ms}},
	}})
	c := dial(t, l.Addr())
	for range 20 {
		begin := time.Now()
		send(t, c, "ping")
		expect(t, c, "ping")
		if took := time.Since(begin); took < 7*ms {
			t.Fatalf("a round trip took %v, less than both delays", took)
		}
	}
}

// TestDelayDoesNotLimitThroughput: what is sent within one delay is under way
// at once, however much of it there is.
func TestDelayDoesNotLimitThroughput(t *testing.T) {
	addr, conns := acceptor(t)
	l := newLink(t, link.Options{Target: addr, Rules: link.Rules{Forward: link.Path{Delay: link.MaxDelay}}})
	c := dial(t, l.Addr())
	const size = 3 << 20
	if _, err := c.Write(make([]byte, size)); err != nil {
		t.Fatal(err)
	}
	accept(t, conns)
	eventually(t, "all bytes under way", func() bool { return l.Stats().Forward.HeldBytes == size })
	if s := l.Stats(); s.Forward.HeldChunks < 2 {
		t.Errorf("%+v", s.Forward)
	}
}

// TestCutOneWay: requests are held, the other way passes, healing delivers
// everything in order and once.
func TestCutOneWay(t *testing.T) {
	addr, conns := acceptor(t)
	l := newLink(t, link.Options{Target: addr})
	client := dial(t, l.Addr())
	target := accept(t, conns)
	send(t, client, "one ")
	expect(t, target, "one ")

	update(t, l, func(r *link.Rules) { r.Forward.Cut = true })
	send(t, client, "two ")
	eventually(t, "the request is held", func() bool { return l.Stats().Forward.HeldBytes == 4 })
	send(t, target, "still here")
	expect(t, client, "still here")
	send(t, client, "three")
	_ = client.CloseWrite()
	eventually(t, "both are held", func() bool { return l.Stats().Forward.HeldBytes == 9 })
	send(t, target, "and here")
	expect(t, client, "and here")
	nothingToRead(t, target)

	update(t, l, func(r *link.Rules) { r.Forward.Cut = false })
	if rest, err := io.ReadAll(target); string(rest) != "two three" || err != nil {
		t.Errorf("after healing %q arrived: %v", rest, err)
	}
}

// TestCutBothWays: a new connection is not made before the link is whole.
func TestCutBothWays(t *testing.T) {
	addr, conns := acceptor(t)
	l := newLink(t, link.Options{Target: addr, Rules: link.Rules{Back: link.Path{Cut: true}}})
	client := dial(t, l.Addr())
	send(t, client, "hello")
	eventually(t, "the bytes are held", func() bool { return l.Stats().Forward.HeldBytes == 5 })
	update(t, l, func(r *link.Rules) { r.Forward.Cut = true })
	update(t, l, func(r *link.Rules) { r.Back.Cut = false })
	if len(conns) > 0 {
		t.Error("the target was reached through a cut")
	}
	update(t, l, func(r *link.Rules) { r.Forward.Cut = false })
	target := accept(t, conns)
	expect(t, target, "hello")

	// A connection that its client resets meanwhile is never made.
	update(t, l, func(r *link.Rules) { r.Forward.Cut = true })
	gone := dial(t, l.Addr())
	eventually(t, "two open", func() bool { return l.Stats().Open == 2 })
	_ = gone.SetLinger(0)
	_ = gone.Close()
	eventually(t, "one open", func() bool { return l.Stats().Open == 1 })
	update(t, l, func(r *link.Rules) { r.Forward.Cut = false })
	send(t, client, "again")
	expect(t, target, "again")
	if len(conns) > 0 {
		t.Error("a connection was made for nobody")
	}
}

func TestReset(t *testing.T) {
	addr, conns := acceptor(t)
	l := newLink(t, link.Options{Target: addr})
	client := dial(t, l.Addr())
	target := accept(t, conns)
	update(t, l, func(r *link.Rules) { r.Forward.Cut = true }) // a reset does not care
	send(t, client, "lost")
	eventually(t, "bytes are held", func() bool { return l.Stats().Forward.HeldBytes == 4 })
	if n := l.Reset(); n != 1 {
		t.Errorf("%d connections reset", n)
	}
	expectError(t, client, syscall.ECONNRESET)
	expectError(t, target, syscall.ECONNRESET)
	eventually(t, "nothing held", func() bool { s := l.Stats(); return s.Forward.HeldBytes == 0 && s.Open == 0 })
	update(t, l, func(r *link.Rules) { r.Forward.Cut = false })
	client = dial(t, l.Addr())
	send(t, client, "new")
	expect(t, accept(t, conns), "new")
	if s := l.Stats(); s.Reset != 1 {
		t.Errorf("%d resets counted", s.Reset)
	}
}

// TestResetOfANewConnection: it may still be in the making on one side.
func TestResetOfANewConnection(t *testing.T) {
	addr, conns := acceptor(t)
	l := newLink(t, link.Options{Target: addr})
	for range 200 {
		client := dial(t, l.Addr())
		target := accept(t, conns)
		l.Reset()
		expectError(t, target, syscall.ECONNRESET)
		expectError(t, client, syscall.ECONNRESET)
	}
}

func TestRefuse(t *testing.T) {
	l := newLink(t, link.Options{Target: echoServer(t)})
	old := dial(t, l.Addr())
	send(t, old, "x")
	expect(t, old, "x")
	for range 3 {
		update(t, l, func(r *link.Rules) { r.Refuse = true })
		if runtime.GOOS == "linux" {
			if _, err := net.Dial("tcp", l.Addr()); !errors.Is(err, syscall.ECONNREFUSED) {
				t.Errorf("connecting gave %v", err)
			}
		} else if admits(t, l.Addr()) {
			t.Error("admitted")
		}
		send(t, old, "still")
		expect(t, old, "still")
		update(t, l, func(r *link.Rules) { r.Refuse = false })
		c := dial(t, l.Addr())
		send(t, c, "back")
		expect(t, c, "back")
	}
}

// TestRefuseFromTheStart, at an address of the caller's choice.
func TestRefuseFromTheStart(t *testing.T) {
	for _, listen := range []string{"127.0.0.2:0", "[::1]:0"} {
		t.Run(listen, func(t *testing.T) {
			probe, err := net.Listen("tcp", listen)
			if err != nil {
				t.Skip(err)
			}
			probe.Close()
			l := newLink(t, link.Options{Target: echoServer(t), Listen: listen, Rules: link.Rules{Refuse: true}})
			if admits(t, l.Addr()) {
				t.Error("admitted")
			}
			update(t, l, func(r *link.Rules) { *r = link.Rules{} })
			c := dial(t, l.Addr())
			send(t, c, "x")
			expect(t, c, "x")
		})
	}
}

// TestDropIsSeeded: the same seed resets the same connections, another one
// others, and about as many as it should.
func TestDropIsSeeded(t *testing.T) {
	addr := echoServer(t)
	fates := func(o link.Options) string {
		o.Target, o.Rules.Drop = addr, 0.3
		l, err := link.New(o)
		if err != nil {
			t.Fatal(err)
		}
		defer l.Close()
		var b strings.Builder
		for range 60 {
			if admits(t, l.Addr()) {
				b.WriteByte('.')
			} else {
				b.WriteByte('x')
			}
		}
		s := b.String()
		if n := strings.Count(s, "x"); n < 5 || n > 35 || l.Stats().Dropped != int64(n) {
			t.Errorf("%d of 60 dropped, %d counted", n, l.Stats().Dropped)
		}
		return s
	}
	first := fates(link.Options{Seed: 1, From: "a", To: "b"})
	if again := fates(link.Options{Seed: 1, From: "a", To: "b"}); again != first {
		t.Errorf("the same seed: %s, then %s", first, again)
	}
	for _, other := range []link.Options{{Seed: 2, From: "a", To: "b"}, {Seed: 1, From: "b", To: "a"}, {Seed: 1, From: "ab", To: ""}} {
		if fates(other) == first {
			t.Errorf("the same fates with %+v", other)
		}
	}
}

func TestHalfClose(t *testing.T) {
	addr, conns := acceptor(t)
	l := newLink(t, link.Options{Target: addr})
	client := dial(t, l.Addr())
	target := accept(t, conns)
	send(t, client, "question")
	_ = client.CloseWrite()
	if q, err := io.ReadAll(target); string(q) != "question" || err != nil {
		t.Fatalf("%q, %v", q, err)
	}
	send(t, target, "answer")
	_ = target.Close()
	if a, err := io.ReadAll(client); string(a) != "answer" || err != nil {
		t.Fatalf("%q, %v", a, err)
	}
	eventually(t, "the connection is over", func() bool { return l.Stats().Open == 0 })
}

// TestDeathOfOneSide reaches the other, whichever it is.
func TestDeathOfOneSide(t *testing.T) {
	addr, conns := acceptor(t)
	l := newLink(t, link.Options{Target: addr})
	for _, targetDies := range []bool{true, false} {
		dying, other := dial(t, l.Addr()), accept(t, conns)
		if targetDies {
			dying, other = other, dying
		}
		send(t, other, "x")
		expect(t, dying, "x") // the link has connected both
		send(t, other, "unread")
		_ = dying.SetLinger(0)
		_ = dying.Close()
		expectError(t, other, syscall.ECONNRESET)
		eventually(t, "the connection is over", func() bool { return l.Stats().Open == 0 })
	}
	if s := l.Stats(); s.Forward.Resets+s.Back.Resets < 2 || s.Reset != 0 {
		t.Errorf("counted %+v", s)
	}
}

func TestTarget(t *testing.T) {
	l := newLink(t, link.Options{})
	if admits(t, l.Addr()) {
		t.Error("a link without target admits")
	}
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	ln.Close()
	if err := l.SetTarget(ln.Addr().String()); err != nil {
		t.Fatal(err)
	}
	if admits(t, l.Addr()) {
		t.Error("a link to nobody admits")
	}
	if err := l.SetTarget(echoServer(t)); err != nil {
		t.Fatal(err)
	}
	c := dial(t, l.Addr())
	send(t, c, "x")
	expect(t, c, "x")
	if err := l.SetTarget("nowhere"); err == nil || !strings.Contains(err.Error(), `"nowhere"`) {
		t.Errorf("a target without port: %v", err)
	}
	if s := l.Stats(); s.Failed != 2 || s.Accepted != 3 {
		t.Errorf("counted %+v", s)
	}
}

func TestMaxConns(t *testing.T) {
	l := newLink(t, link.Options{Target: echoServer(t), MaxConns: 2})
	a, b := dial(t, l.Addr()), dial(t, l.Addr())
	for _, c := range []net.Conn{a, b} {
		send(t, c, "x")
		expect(t, c, "x")
	}
	if admits(t, l.Addr()) {
		t.Error("a third connection was admitted")
	}
	a.Close()
	eventually(t, "one has left", func() bool { return l.Stats().Open == 1 })
	c := dial(t, l.Addr())
	send(t, c, "x")
	expect(t, c, "x")
	if s := l.Stats(); s.Refused != 1 || s.MaxOpen != 2 {
		t.Errorf("counted %+v", s)
	}
}

// TestCloseEndsEverything that can be going on; newLink looks for what is left.
func TestCloseEndsEverything(t *testing.T) {
	addr, conns := acceptor(t)
	l := newLink(t, link.Options{Target: addr, Buffer: 100_000})
	idle := dial(t, l.Addr())
	idleTarget := accept(t, conns)
	send(t, idle, "x")
	expect(t, idleTarget, "x")
	full := dial(t, l.Addr()) // its target does not read, so that the link's write blocks
	accept(t, conns)
	go func() { _, _ = io.Copy(full, zeros{}) }()
	eventually(t, "the buffer is full", func() bool { return l.Stats().Forward.HeldBytes == 100_000 })
	update(t, l, func(r *link.Rules) { r.Forward.Delay = time.Minute })
	delayed := dial(t, l.Addr())
	accept(t, conns)
	send(t, delayed, "x")
	eventually(t, "a byte waits", func() bool { return l.Stats().Forward.HeldBytes == 100_001 })
	update(t, l, func(r *link.Rules) { r.Back.Cut = true })
	waiting := dial(t, l.Addr()) // for the target to be dialled
	eventually(t, "four open", func() bool { return l.Stats().Open == 4 })

	if err := l.Close(); err != nil {
		t.Error(err)
	}
	for _, c := range []net.Conn{idle, delayed, waiting} {
		if _, err := c.Read(make([]byte, 1)); err == nil || errors.Is(err, syscall.ETIMEDOUT) {
			t.Errorf("after closing: %v", err)
		}
	}
	expectError(t, idleTarget, io.EOF)
	if c, err := net.Dial("tcp", l.Addr()); err == nil {
		c.Close()
		t.Error("a closed link accepts")
	}
	if s := l.Stats(); s.Open != 0 || s.Forward.HeldBytes != 0 {
		t.Errorf("counted %+v", s)
	}
	if err := l.Update(func(*link.Rules) {}); err == nil {
		t.Error("a closed link takes rules")
	}
	if n := l.Reset(); n != 0 {
		t.Errorf("%d connections of a closed link reset", n)
	}
	if err := l.Close(); err != nil {
		t.Error(err)
	}
}

type zeros struct{}

func (zeros) Read(p []byte) (int, error) { clear(p); return len(p), nil }

func TestOptionsAreChecked(t *testing.T) {
	for word, o := range map[string]link.Options{
		"a b":       {From: "a b"},
		"nohost":    {Target: "nohost"},
		"99999":     {Listen: "127.0.0.1:99999"},
		"-1":        {Buffer: -1},
		"delay -1s": {Rules: link.Rules{Forward: link.Path{Delay: -time.Second}}},
		"jitter 2m": {Rules: link.Rules{Back: link.Path{Jitter: link.Jitter{Size: 2 * time.Minute}}}},
		"rate 10":   {Rules: link.Rules{Back: link.Path{Rate: 10}}},
		"drop 1.5":  {Rules: link.Rules{Drop: 1.5}},
	} {
		l, err := link.New(o)
		if err == nil {
			l.Close()
		}
		if err == nil || !strings.Contains(err.Error(), word) {
			t.Errorf("%+v: error %v does not name %q", o, err, word)
		}
	}
	noGoroutines(t)
	l := newLink(t, link.Options{})
	if err := l.SetRules(link.Rules{Drop: -1}); err == nil || l.Rules() != (link.Rules{}) {
		t.Errorf("wrong rules: %v, %+v", err, l.Rules())
	}
}

// admits says whether a new connection to an echo server is made; if not, it
// must be reset. A reset may be so quick that connecting itself fails.
func admits(t *testing.T, addr string) bool {
	t.Helper()
	c, err := net.Dial("tcp", addr)
	if err == nil {
		defer c.Close()
		_ = c.SetDeadline(time.Now().Add(patience))
		if _, err = c.Write([]byte("x")); err == nil {
			_, err = c.Read(make([]byte, 1))
		}
	}
	for _, reset := range []error{syscall.ECONNRESET, syscall.EPIPE, syscall.ECONNREFUSED} {
		if errors.Is(err, reset) {
			return false
		}
	}
	if err != nil {
		t.Fatal(err)
	}
	return true
}

func update(t *testing.T, l *link.Link, change func(*link.Rules)) {
	t.Helper()
	if err := l.Update(change); err != nil {
		t.Fatal(err)
	}
}

// nothingToRead fails when bytes have arrived.
func nothingToRead(t *testing.T, c *net.TCPConn) {
	t.Helper()
	raw, err := c.SyscallConn()
	if err != nil {
		t.Fatal(err)
	}
	var n int
	if err := raw.Control(func(fd uintptr) {
		n, _, err = syscall.Recvfrom(int(fd), make([]byte, 1), syscall.MSG_PEEK|syscall.MSG_DONTWAIT)
	}); err != nil {
		t.Fatal(err)
	}
	if n > 0 || !errors.Is(err, syscall.EAGAIN) {
		t.Errorf("%d bytes can be read: %v", n, err)
	}
}
