package server

import (
	"context"
	"time"

	"dyno/internal/rpc"
	standbyv1 "dyno/proto/standby/v1"
	"dyno/systems/standby/core"
)

// Shipping each action in a call of its own: no system should, and a trial shows
// what the stream is worth.

const (
	maxCalls    = 256              // at a time
	callTimeout = 2 * time.Second  // of one
	orderWait   = time.Second / 10 // that a call waits for the one before it
)

// oneByOne sends until the server is closed.
func (o *outgoing) oneByOne(ctx context.Context) {
	room := make(chan struct{}, maxCalls)
	for {
		select {
		case <-o.wake:
		case <-ctx.Done():
			return
		}
		for _, m := range o.take() {
			r := o.request(m)
			room <- struct{}{}
			o.server.running.Go(func() {
				defer func() { <-room }()
				ctx, cancel := context.WithTimeout(ctx, callTimeout)
				defer cancel()
				if resp, err := o.client.ReplicateOne(ctx, &standbyv1.ReplicateOneRequest{Request: r}); err == nil {
					_ = o.server.step(fromResponse(resp.GetResponse())) // after a failure the process ends
				}
			})
		}
	}
}

// ReplicateOne implements standbyv1.ReplicationServiceServer. Calls overtake each
// other, actions must not.
func (s *server) ReplicateOne(ctx context.Context, r *standbyv1.ReplicateOneRequest) (*standbyv1.ReplicateOneResponse, error) {
	m := fromRequest(r.GetRequest())
	if m == nil {
		return nil, rpc.Errorf(rpc.Invalid, "a message that says nothing")
	}
	a := &s.back
	if len(m.Entries) > 0 {
		a.order(ctx, m.Previous)
	}
	told := make(chan *core.Message, 1)
	a.mu.Lock()
	a.waiting[m] = told
	a.mu.Unlock()
	defer func() {
		a.mu.Lock()
		delete(a.waiting, m)
		a.mu.Unlock()
	}()
	if err := s.step(m); err != nil {
		return nil, rpc.Errorf(rpc.Unavailable, "the server stops: %v", err)
	}
	a.reach(m.Previous + uint64(len(m.Entries)))
	select {
	case p := <-told:
		return &standbyv1.ReplicateOneResponse{Response: responseOf(p)}, nil
	case <-ctx.Done():
		return nil, ctx.Err()
	}
}

// order waits a while for an action.
func (a *answers) order(ctx context.Context, action uint64) {
	ctx, cancel := context.WithTimeout(ctx, orderWait)
	defer cancel()
	for {
		a.mu.Lock()
		reached, there := a.reached, a.action >= action
		a.mu.Unlock()
		if there {
			return
		}
		select {
		case <-reached:
		case <-ctx.Done():
			return
		}
	}
}

func (a *answers) reach(action uint64) {
	a.mu.Lock()
	defer a.mu.Unlock()
	if action > a.action {
		a.action = action
		close(a.reached)
		a.reached = make(chan struct{})
	}
}

// hand gives a position to the calls that it answers; mu is held.
func (a *answers) hand(p *core.Message) {
	for m, told := range a.waiting {
		if m.Previous+uint64(len(m.Entries)) <= p.Action || !plain(p) || m.Kind != core.Append {
			told <- p
			delete(a.waiting, m)
		}
	}
}
