package lookasidegrpc

import (
	"context"
	"sync"
	"time"

	"google.golang.org/grpc"

	"dyno/internal/rpc"
	lookasidev1 "dyno/proto/lookaside/v1"
)

const (
	maxAsks   = 1024 // in one frame, as the balancer allows
	maxFailed = 16   // reported in one frame, as the balancer allows
	maxQueue  = 100_000

	// A balancer that has not answered a frame for this long is away.
	frameTimeout = 2 * time.Second
)

// pick is what became of an ask: a server, an error, or neither, which says that
// the balancer is away and the client is to choose by itself.
type pick struct {
	server *Server
	err    error
}

// asker gathers asks for the balancer. One frame is under way at a time: what
// is asked meanwhile goes into the next.
type asker struct {
	mu      sync.Mutex
	waiting []chan pick
	failed  []Server
	away    error // why asks are not to wait; nil: they are
	alone   bool  // with away: choose from the last list instead
	wake    chan struct{}
	reserve reserve
	framing bool       // a frame is under way
	framed  *sync.Cond // it no longer is
}

func newAsker(reserved int) *asker {
	a := &asker{wake: make(chan struct{}, 1), reserve: reserve{most: reserved}}
	a.framed = sync.NewCond(&a.mu)
	return a
}

// answers are reused: each holds one pick.
var answers = sync.Pool{New: func() any { return make(chan pick, 1) }}

// ask takes a pick of the reserve, or waits for the balancer's.
func (a *asker) ask(ctx context.Context) pick {
	a.mu.Lock()
	if a.away != nil {
		p := pick{err: a.away}
		if a.alone {
			p.err = nil
		}
		a.mu.Unlock()
		return p
	}
	if s := a.reserve.take(time.Now()); s != nil {
		low := a.reserve.wants() > 0
		a.mu.Unlock()
		if low {
			a.prod()
		}
		return pick{server: s}
	}
	if len(a.waiting) >= maxQueue {
		a.mu.Unlock()
		return pick{err: rpc.Errorf(rpc.Refused, "%d calls wait for the balancer already", maxQueue)}
	}
	answer := answers.Get().(chan pick)
	a.waiting = append(a.waiting, answer)
	a.mu.Unlock()
	a.prod()
	select {
	case p := <-answer:
		answers.Put(answer)
		return p
	case <-ctx.Done():
		return pick{err: ctx.Err()} // and the answer, when it comes, is dropped with its channel
	}
}

// report tells the balancer of a server that failed, with the next frame.
func (a *asker) report(s Server) {
	a.mu.Lock()
	if len(a.failed) < maxQueue {
		a.failed = append(a.failed, s)
	}
	a.reserve.forget(&s)
	a.mu.Unlock()
	a.prod()
}

func (a *asker) prod() {
	select {
	case a.wake <- struct{}{}:
	default:
	}
}

// take removes what the next frame holds, and says how many picks it is to bring
// beyond the asks.
func (a *asker) take() (asks []chan pick, failed []*lookasidev1.Instance, ahead int) {
	a.mu.Lock()
	defer a.mu.Unlock()
	n := min(len(a.waiting), maxAsks)
	asks = a.waiting[:n:n]
	if a.waiting = a.waiting[n:]; len(a.waiting) == 0 {
		a.waiting = nil
	}
	n = min(len(a.failed), maxFailed)
	for _, s := range a.failed[:n] {
		failed = append(failed, &lookasidev1.Instance{Id: s.ID, Instance: s.Instance})
	}
	a.failed = a.failed[n:]
	ahead = min(a.reserve.wants(), maxAsks-len(asks))
	a.framing = len(asks)+len(failed)+ahead > 0
	return asks, failed, ahead
}

// stock ends a frame and takes in the picks that it brought beyond the asks.
func (a *asker) stock(picks []pick) {
	a.mu.Lock()
	defer a.mu.Unlock()
	now := time.Now()
	for _, p := range picks {
		if p.server != nil {
			a.reserve.put(p.server, now)
		}
	}
	a.framing = false
	a.framed.Broadcast()
}

// settle ends the reserve, and returns what came of it once no frame is under way.
func (a *asker) settle() reserve {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.reserve.most = 0
	a.reserve.level = 0 // no frame asks for more
	for a.framing {
		a.framed.Wait() // for as long as a frame may take
	}
	a.reserve.forget(nil)
	return a.reserve
}

// open lets asks wait for the balancer. Those that the last stream took and put
// back go into the first frame.
func (a *asker) open() {
	a.mu.Lock()
	a.away = nil
	a.mu.Unlock()
	a.prod()
}

// shut turns all asks away that wait, and those to come until it is opened.
func (a *asker) shut(err error, alone bool) {
	a.mu.Lock()
	a.away, a.alone = err, alone
	waiting := a.waiting
	a.waiting = nil
	a.reserve.forget(nil)
	a.mu.Unlock()
	deliver(waiting, func(int) pick {
		if alone {
			return pick{}
		}
		return pick{err: err}
	})
}

func deliver(asks []chan pick, of func(int) pick) {
	for i, answer := range asks {
		answer <- of(i) // never blocks: it holds one
	}
}

// serve sends frames until the stream breaks or the context ends. Asks that were
// under way then wait again, in front.
func (a *asker) serve(ctx context.Context, cancel context.CancelFunc, stream frames) error {
	var named []*Server
	watchdog := time.AfterFunc(frameTimeout, cancel)
	defer watchdog.Stop()
	for {
		watchdog.Stop()
		select {
		case <-a.wake:
		case <-ctx.Done():
			return ctx.Err()
		}
		asks, failed, ahead := a.take()
		if len(asks)+len(failed)+ahead == 0 {
			continue
		}
		watchdog.Reset(frameTimeout)
		resp, err := exchange(stream, &lookasidev1.PickManyRequest{Count: uint32(len(asks) + ahead), Failed: failed})
		if err != nil {
			a.putBack(asks)
			a.stock(nil)
			return err
		}
		for _, p := range resp.GetIntroduced() {
			named = append(named, &Server{ID: p.GetId(), Instance: p.GetInstance(), Address: p.GetAddress()})
		}
		deliver(asks, func(i int) pick { return picked(resp, i, named) })
		extra := make([]pick, ahead)
		for i := range extra {
			extra[i] = picked(resp, len(asks)+i, named)
		}
		a.stock(extra)
		if a.more() {
			a.prod()
		}
	}
}

type frames = grpc.BidiStreamingClient[lookasidev1.PickManyRequest, lookasidev1.PickManyResponse]

func exchange(stream frames, req *lookasidev1.PickManyRequest) (*lookasidev1.PickManyResponse, error) {
	if err := stream.Send(req); err != nil {
		// The stream has ended; why, receiving says.
		_, recvErr := stream.Recv()
		return nil, recvErr
	}
	return stream.Recv()
}

// picked is the answer to a frame's i-th ask.
func picked(resp *lookasidev1.PickManyResponse, i int, named []*Server) pick {
	picks := resp.GetPicks()
	switch {
	case i < len(picks) && int(picks[i]) < len(named):
		return pick{server: named[picks[i]]}
	case resp.GetUnavailable() != "":
		return pick{err: rpc.Errorf(rpc.Unavailable, "%s", resp.GetUnavailable())}
	default:
		return pick{err: rpc.Errorf(rpc.Internal, "the balancer's answer has no pick %d", i)}
	}
}

func (a *asker) putBack(asks []chan pick) {
	a.mu.Lock()
	a.waiting = append(asks, a.waiting...)
	a.mu.Unlock()
}

func (a *asker) more() bool {
	a.mu.Lock()
	defer a.mu.Unlock()
	return len(a.waiting)+len(a.failed) > 0
}
