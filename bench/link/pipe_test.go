package link

import (
	"errors"
	"io"
	"math/rand/v2"
	"slices"
	"sync"
	"testing"
	"testing/synctest"
	"time"
)

const ms = time.Millisecond

var errReset = errors.New("reset")

// end is one end of a connection in memory, without any buffer.
type end struct {
	*io.PipeReader
	w *io.PipeWriter

	mu     sync.Mutex
	linger bool // Close sends RST
}

// connect returns the two ends of a connection.
func connect() (a, b *end) {
	ar, bw := io.Pipe()
	br, aw := io.Pipe()
	return &end{PipeReader: ar, w: aw}, &end{PipeReader: br, w: bw}
}

func (e *end) Write(p []byte) (int, error) { return e.w.Write(p) }
func (e *end) CloseWrite() error           { return e.w.Close() }

func (e *end) SetLinger(sec int) error {
	e.mu.Lock()
	defer e.mu.Unlock()
	e.linger = sec == 0
	return nil
}

func (e *end) Close() error {
	e.mu.Lock()
	defer e.mu.Unlock()
	err := io.EOF
	if e.linger {
		err = errReset
	}
	_ = e.w.CloseWithError(err)
	return e.PipeReader.CloseWithError(errReset)
}

// rig is a connection through two pipes in virtual time: client – link – server.
type rig struct {
	clock          *clock
	ways           [2]*way // forward, back
	pipes          [2]*pipe
	client, server *end
}

func newRig(t *testing.T, forward, back Path, buffer int) *rig {
	c := virtualClock(t)
	return newRigOn(t, newWay(c, forward), newWay(c, back), buffer)
}

func newWay(c *clock, path Path) *way {
	w := &way{clock: c}
	w.path.Store(&path)
	return w
}

// newRigOn is a connection that may share its ways with others.
func newRigOn(t *testing.T, forward, back *way, buffer int) *rig {
	r := &rig{clock: forward.clock, ways: [2]*way{forward, back}}
	var near, far *end
	r.client, near = connect()
	far, r.server = connect()
	for i, w := range r.ways {
		r.pipes[i] = newPipe(w, buffer, rand.New(rand.NewPCG(7, uint64(i))))
	}
	r.pipes[0].peer, r.pipes[1].peer = r.pipes[1], r.pipes[0]
	var wg sync.WaitGroup
	wg.Go(func() { r.pipes[0].fill(near) })
	wg.Go(func() { r.pipes[1].fill(far) })
	wg.Go(func() { r.pipes[0].drain(near, far) })
	wg.Go(func() { r.pipes[1].drain(far, near) })
	t.Cleanup(func() {
		for _, p := range r.pipes {
			p.stop()
		}
		for _, s := range []*end{near, far, r.client, r.server} {
			closeReset(s)
		}
		wg.Wait()
		for i, p := range r.pipes {
			p.close()
			if s := r.ways[i].stats(); s.HeldBytes != 0 || s.HeldChunks != 0 {
				t.Errorf("after the end way %d counts %d bytes in %d chunks", i, s.HeldBytes, s.HeldChunks)
			}
		}
	})
	return r
}

// set changes the rules of one way.
func (r *rig) set(i int, path Path) {
	r.ways[i].path.Store(&path)
	for _, p := range r.pipes {
		p.wakeUp()
	}
}

// arrivals reads chunks from an end until it fails, and notes when each came.
// The returned function waits for the end and returns what was noted.
func (r *rig) arrivals(e *end) func() (at []time.Duration, text string, err error) {
	var at []time.Duration
	var text []byte
	var err error
	done := make(chan struct{})
	go func() {
		defer close(done)
		buf := make([]byte, maxRead)
		for err == nil {
			var n int
			if n, err = e.Read(buf); n > 0 {
				at = append(at, r.clock.now())
				text = append(text, buf[:n]...)
			}
		}
	}()
	return func() ([]time.Duration, string, error) { <-done; return at, string(text), err }
}

func mustWrite(t *testing.T, e *end, text string) {
	t.Helper()
	if _, err := io.WriteString(e, text); err != nil {
		t.Fatal(err)
	}
}

// TestDelayIsExactAndPipelined: every chunk arrives exactly the delay after it
// was sent, although many are under way at once.
func TestDelayIsExactAndPipelined(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t, Path{Delay: 50 * ms}, Path{}, DefaultBuffer)
		got := r.arrivals(r.server)
		var want []time.Duration
		for i := range 200 {
			time.Sleep(time.Duration(i)*ms - r.clock.now())
			mustWrite(t, r.client, "x")
			want = append(want, time.Duration(i)*ms+50*ms)
		}
		_ = r.client.CloseWrite()
		at, _, err := got()
		if !slices.Equal(at, want) || err != io.EOF {
			t.Errorf("arrived at %v, %v; want %v", at, err, want)
		}
		s := r.ways[0].stats()
		if s.Chunks != 200 || s.Bytes != 200 || s.MaxHeldChunks < 50 || s.MaxHeldChunks > 51 {
			t.Errorf("%+v; want 200 chunks, 50 at once", s)
		}
	})
}

// TestJitterIsSeededAndKeepsOrder predicts every arrival from the seed.
func TestJitterIsSeededAndKeepsOrder(t *testing.T) {
	for _, jitter := range []Jitter{{Size: 20 * ms}, {Size: 5 * ms, Exponential: true}} {
		synctest.Test(t, func(t *testing.T) {
			r := newRig(t, Path{Delay: 3 * ms, Jitter: jitter}, Path{}, DefaultBuffer)
			got := r.arrivals(r.server)
			rng := rand.New(rand.NewPCG(7, 0))
			var want []time.Duration
			var last time.Duration
			for i := range 100 {
				sent := time.Duration(i) * 2 * ms
				time.Sleep(sent - r.clock.now())
				mustWrite(t, r.client, string(rune('A'+i%26)))
				if due := sent + 3*ms + jitter.draw(rng); due > last || i == 0 {
					last = due
				} // otherwise it arrives together with the one before
				want = append(want, last)
			}
			_ = r.client.CloseWrite()
			at, text, _ := got()
			if !slices.Equal(at, slices.Compact(want)) {
				t.Errorf("%+v: arrived at %v, want %v", jitter, at, want)
			}
			for i, b := range text {
				if b != rune('A'+i%26) {
					t.Fatalf("byte %d is %q", i, b)
				}
			}
			if len(text) != 100 {
				t.Errorf("%d bytes arrived", len(text))
			}
		})
	}
}

// TestCutHoldsAndHealDelivers: nothing passes while the way is cut, not even
// the end of the stream; everything does when it is healed; the other way does
// not notice.
func TestCutHoldsAndHealDelivers(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t, Path{Delay: 5 * ms}, Path{}, DefaultBuffer)
		requests, replies := r.arrivals(r.server), r.arrivals(r.client)
		mustWrite(t, r.client, "1")
		time.Sleep(4 * ms)
		r.set(0, Path{Delay: 5 * ms, Cut: true}) // "1" is under way
		mustWrite(t, r.client, "2")
		mustWrite(t, r.server, "r")
		_ = r.client.CloseWrite()
		time.Sleep(96 * ms)
		if s := r.ways[0].stats(); s.HeldBytes != 2 {
			t.Errorf("%d bytes held, want 2", s.HeldBytes)
		}
		r.set(0, Path{})
		at, text, err := requests()
		if !slices.Equal(slices.Compact(at), []time.Duration{100 * ms}) || text != "12" || err != io.EOF {
			t.Errorf("%q arrived at %v: %v; want 12 at 100ms and EOF", text, at, err)
		}
		_ = r.server.CloseWrite()
		if at, text, _ := replies(); text != "r" || !slices.Equal(at, []time.Duration{4 * ms}) {
			t.Errorf("%q arrived at %v; want r at 4ms", text, at)
		}
	})
}

// TestDeathTravelsLikeBytes: the reset of one side reaches the other after the
// delay, and not through a cut.
func TestDeathTravelsLikeBytes(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t, Path{Delay: 5 * ms}, Path{}, DefaultBuffer)
		got := r.arrivals(r.server)
		mustWrite(t, r.client, "last words")
		time.Sleep(ms)
		r.set(0, Path{Delay: 5 * ms, Cut: true})
		closeReset(r.client)
		time.Sleep(time.Second)
		r.set(0, Path{})
		_, text, err := got()
		if text != "last words" || err != errReset || r.clock.now() != 1001*ms {
			t.Errorf("%q, %v at %v; want the words and a reset at 1.001s", text, err, r.clock.now())
		}
		if n := r.ways[0].stats().Resets; n != 1 {
			t.Errorf("%d resets counted", n)
		}
	})
}

// TestSenderLearnsThatTheReceiverIsGone by a reset that takes the way back,
// with its delay, even if that way had ended before.
func TestSenderLearnsThatTheReceiverIsGone(t *testing.T) {
	for _, halfClosed := range []bool{false, true} {
		synctest.Test(t, func(t *testing.T) {
			r := newRig(t, Path{}, Path{Delay: 8 * ms}, DefaultBuffer)
			got := r.arrivals(r.client)
			if halfClosed {
				_ = r.server.CloseWrite()
				time.Sleep(20 * ms)
			}
			// The server's kernel takes no more bytes, but its end has not come
			// through yet: only writing to it shows it.
			_ = r.server.PipeReader.CloseWithError(errReset)
			begin := r.clock.now()
			mustWrite(t, r.client, "hello")
			var failed time.Duration
			for {
				if _, err := io.WriteString(r.client, "?"); err != nil {
					failed = r.clock.now()
					break
				}
				time.Sleep(ms)
			}
			want := begin + 8*ms
			if halfClosed {
				want = begin // nothing is left that could be delayed
			}
			if failed < want || failed > want+ms {
				t.Errorf("the sender learned it at %v, want %v", failed, want)
			}
			if _, _, err := got(); (err == io.EOF) != halfClosed {
				t.Errorf("half-closed %v: the sender reads %v", halfClosed, err)
			}
		})
	}
}

// TestNothingIsHeldForNobody: bytes for a receiver that is gone do not wait
// for their time, nor fill the buffer.
func TestNothingIsHeldForNobody(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t, Path{Delay: 50 * ms}, Path{Delay: time.Second}, 3)
		_ = r.server.PipeReader.CloseWithError(errReset)
		mustWrite(t, r.client, "1")
		time.Sleep(10 * ms)
		mustWrite(t, r.client, "23")
		time.Sleep(41 * ms)
		if s := r.ways[0].stats(); s.HeldBytes != 0 || s.HeldChunks != 0 {
			t.Errorf("%+v", s)
		}
		mustWrite(t, r.client, "4567")
		r.set(0, Path{Cut: true})
		closeReset(r.client)
		synctest.Wait()
		if p := r.pipes[0]; !p.drained || r.ways[0].stats().Resets != 0 {
			t.Error("the pipe still waits to tell a receiver that is gone")
		}
	})
}

// hooked is a socket where something happens during CloseWrite.
type hooked struct {
	*end
	hook func()
}

func (h hooked) CloseWrite() error {
	h.hook()
	return h.end.CloseWrite()
}

// TestResetDuringTheEnd: a reset that comes while FIN is being passed on is
// passed on too.
func TestResetDuringTheEnd(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := newPipe(newWay(virtualClock(t), Path{}), DefaultBuffer, nil)
		src, _ := connect()
		near, far := connect()
		p.arrive(0, io.EOF)
		p.drain(src, hooked{near, func() { p.arrive(0, errReset) }})
		if _, err := far.Write([]byte("x")); err != errReset || p.way.stats().Resets != 1 {
			t.Errorf("the receiver writes on: %v", err)
		}
	})
}

// TestRateIsSharedAndExact: at 146 kB/s a frame of 1460 bytes takes 10 ms, also
// when it comes from another connection.
func TestRateIsSharedAndExact(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		a := newRig(t, Path{Delay: 3 * ms, Rate: 146_000}, Path{}, DefaultBuffer)
		b := newRigOn(t, a.ways[0], a.ways[1], DefaultBuffer)
		gotA, gotB := a.arrivals(a.server), b.arrivals(b.server)
		frames := string(make([]byte, 5*1460))
		mustWrite(t, a.client, frames)
		time.Sleep(ms)
		mustWrite(t, b.client, frames)
		_, _ = a.client.CloseWrite(), b.client.CloseWrite()
		atA, textA, _ := gotA()
		atB, textB, _ := gotB()
		var want []time.Duration
		for i := range 10 {
			want = append(want, 3*ms+time.Duration(i+1)*10*ms)
		}
		at := slices.Sorted(slices.Values(slices.Concat(atA, atB)))
		if !slices.Equal(at, want) || textA != frames || textB != frames {
			t.Errorf("%d and %d bytes at %v, want %v", len(textA), len(textB), at, want)
		}
	})
}

// TestRateAfterIdleness: time in which nothing was sent earns no burst beyond
// the slack.
func TestRateAfterIdleness(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t, Path{Rate: 146_000, Cut: true}, Path{}, DefaultBuffer)
		got := r.arrivals(r.server)
		mustWrite(t, r.client, string(make([]byte, 3*1460)))
		_ = r.client.CloseWrite()
		time.Sleep(time.Second)
		r.set(0, Path{Rate: 146_000})
		at, _, _ := got()
		want := []time.Duration{1005 * ms, 1015 * ms, 1025 * ms}
		if !slices.Equal(at, want) {
			t.Errorf("arrived at %v, want %v", at, want)
		}
	})
}

// TestFullBufferStopsTheSender: a link holds no more than its buffer, and
// loses nothing when it is full.
func TestFullBufferStopsTheSender(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		const buffer = 100_000
		r := newRig(t, Path{Cut: true}, Path{}, buffer)
		got := r.arrivals(r.server)
		sent := make(chan int, 1)
		go func() {
			n, _ := r.client.Write(make([]byte, 3*buffer))
			_ = r.client.CloseWrite()
			sent <- n
		}()
		synctest.Wait() // everything that can happen has
		if s := r.ways[0].stats(); s.HeldBytes != buffer || len(sent) > 0 {
			t.Errorf("%d bytes held of %d", s.HeldBytes, buffer)
		}
		r.set(0, Path{})
		if _, text, err := got(); len(text) != 3*buffer || err != io.EOF || <-sent != 3*buffer {
			t.Errorf("%d bytes arrived: %v", len(text), err)
		}
		if s := r.ways[0].stats(); s.MaxHeldBytes != buffer {
			t.Errorf("up to %d bytes were held", s.MaxHeldBytes)
		}
	})
}

// TestShorterDelayKeepsOrder: bytes sent after the delay was lowered do not
// overtake those under way.
func TestShorterDelayKeepsOrder(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t, Path{Delay: 50 * ms}, Path{}, DefaultBuffer)
		got := r.arrivals(r.server)
		mustWrite(t, r.client, "1")
		time.Sleep(10 * ms)
		r.set(0, Path{Delay: 5 * ms})
		mustWrite(t, r.client, "2")
		time.Sleep(50 * ms)
		mustWrite(t, r.client, "3")
		_ = r.client.CloseWrite()
		at, text, _ := got()
		if text != "123" || !slices.Equal(at, []time.Duration{50 * ms, 65 * ms}) {
			t.Errorf("%q at %v; want 12 at 50ms, 3 at 65ms", text, at)
		}
	})
}
