package agent

import (
	"context"
	"errors"
	"io"
	"runtime"
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"google.golang.org/grpc"

	agentv1 "dyno/proto/agent/v1"
)

// far is the stream of an agent that answers at once, by a clock that is ahead, unless
// it is cut off.
type far struct {
	grpc.ClientStream
	cut     atomic.Bool
	answers chan *agentv1.AttendResponse
}

const farAhead = time.Hour

func (f *far) Send(beat *agentv1.AttendRequest) error {
	if !f.cut.Load() {
		f.answers <- &agentv1.AttendResponse{Number: beat.GetNumber(), UnixNs: time.Now().Add(farAhead).UnixNano()}
	}
	return nil
}

func (f *far) Recv() (*agentv1.AttendResponse, error) {
	a, ok := <-f.answers
	if !ok {
		return nil, io.EOF
	}
	return a, nil
}

// A machine is lost when it has answered nothing for LostAfter, and not before; it is
// back with its next answer, but not for the trial that was given up; and it is gone
// with its connection.
func TestLost(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f, l := &far{answers: make(chan *agentv1.AttendResponse, 1)}, newSession("a", new(Connection))
		l.stream = f
		if err := errors.Join(l.send(), l.receive()); err != nil {
			t.Fatal(err)
		}
		l.attend()
		rest := func(d time.Duration) { time.Sleep(d); synctest.Wait() }
		rest(10 * time.Second)
		era := l.present()
		if ahead := l.clock.best().Ahead; era.Err() != nil || ahead != farAhead {
			t.Errorf("attended: %v, ahead by %v", era.Err(), ahead)
		}
		f.cut.Store(true)
		rest(LostAfter - beatEvery - 2*beatLook)
		if era.Err() != nil {
			t.Errorf("lost early: %v", context.Cause(era))
		}
		rest(beatEvery + 4*beatLook)
		if lost := new(LostError); !errors.As(context.Cause(era), &lost) || lost.Machine != "a" || l.failure() != nil {
			t.Errorf("cut off: %v, %v", context.Cause(era), l.failure())
		}
		f.cut.Store(false)
		rest(2 * beatEvery)
		if l.present().Err() != nil || era.Err() == nil {
			t.Errorf("back: %v; the trial: %v", l.present().Err(), era.Err())
		}
		f.cut.Store(true) // else it would send on a closed channel
		synctest.Wait()
		close(f.answers)
		synctest.Wait()
		if l.failure() == nil || l.present().Err() == nil {
			t.Errorf("its connection has ended: %v", l.failure())
		}
		l.stop()
		l.beats.Wait()
	})
}

// attending is the stream of a runner.
type attending struct {
	grpc.ServerStream
	beats chan *agentv1.AttendRequest
}

func (a attending) Send(*agentv1.AttendResponse) error { return nil }
func (a attending) Recv() (*agentv1.AttendRequest, error) {
	beat, ok := <-a.beats
	if !ok {
		return nil, io.EOF
	}
	return beat, nil
}

// An agent ends when its last heartbeat is Idle ago.
func TestIdle(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := &server{opts: Options{Idle: Idle}, began: time.Now()}
		ctx, cancel := context.WithCancelCause(t.Context())
		defer cancel(nil)
		runner := attending{beats: make(chan *agentv1.AttendRequest)}
		go func() { _ = s.Attend(runner) }() // nil, at the end of the stream
		go s.watch(ctx, cancel)
		time.Sleep(Idle - time.Second)
		runner.beats <- new(agentv1.AttendRequest)
		close(runner.beats)
		time.Sleep(Idle)
		synctest.Wait()
		if ctx.Err() != nil {
			t.Errorf("a heartbeat came, and yet: %v", context.Cause(ctx))
		}
		time.Sleep(2 * idleLook)
		synctest.Wait()
		if !errors.Is(context.Cause(ctx), errIdle) {
			t.Errorf("nobody attends: %v", context.Cause(ctx))
		}
	})
}

// Who cannot tell which program it is, is believed; another one is not.
func TestSame(t *testing.T) {
	if own := program(); len(own) != 64 && runtime.GOOS == "linux" || same(own, own) != nil || same("", own) != nil {
		t.Errorf("this program is %q: %v", own, same(own, own))
	}
	if err := same(strings.Repeat("b", 64), strings.Repeat("a", 64)); err == nil {
		t.Error("another program is taken for the same")
	}
}
