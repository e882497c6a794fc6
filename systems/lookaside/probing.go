package lookaside

import (
	"context"
	"sync"
	"time"

	lookasidev1 "dyno/proto/lookaside/v1"
	"dyno/systems/lookaside/core/balancer"
)

const (
	probers      = 8                      // probes under way at once, at most
	probesQueued = 64                     // wanted and not begun; more are dropped, which does no harm
	probeTimeout = 100 * time.Millisecond // then the answer would say nothing any more
)

// probing carries out the probes that the balancer's policy asks for.
type probing struct {
	queue chan balancer.Pick
	pool  *serverPool // the balancer's own connections to servers
}

func newProbing() *probing {
	return &probing{queue: make(chan balancer.Pick, probesQueued), pool: newServerPool()}
}

// want queues probes; those for which there is no room are dropped.
func (p *probing) want(targets []balancer.Pick) {
	for _, t := range targets {
		select {
		case p.queue <- t:
		default:
			return
		}
	}
}

// run probes what is wanted until the context ends, and hands each answer to
// tell.
func (p *probing) run(ctx context.Context, running *sync.WaitGroup, tell func(*lookasidev1.ProbeResponse)) {
	var all sync.WaitGroup
	for range probers {
		all.Go(func() {
			for {
				select {
				case t := <-p.queue:
					if resp, err := p.probe(ctx, t); err == nil { // a lost probe is one probe less
						tell(resp)
					}
				case <-ctx.Done():
					return
				}
			}
		})
	}
	running.Go(func() {
		all.Wait()
		p.pool.close()
	})
}

func (p *probing) probe(ctx context.Context, t balancer.Pick) (*lookasidev1.ProbeResponse, error) {
	ctx, cancel := context.WithTimeout(ctx, probeTimeout)
	defer cancel()
	peer, err := p.pool.use(&lookasidev1.PickResponse{Id: t.ID, Instance: t.Instance, Address: t.Address})
	if err != nil {
		return nil, err
	}
	defer p.pool.done(peer)
	return peer.client.Probe(ctx, &lookasidev1.ProbeRequest{})
}

// probed takes in an answer. One that cannot be, or comes from a server that is
// gone, is dropped: there is nobody to complain to.
func (b *balancerServer) probed(resp *lookasidev1.ProbeResponse) {
	b.mu.Lock()
	defer b.mu.Unlock()
	_ = b.core.Probed(b.now(), balancer.Probe{
		ID: resp.GetId(), Instance: resp.GetInstance(),
		InFlight: resp.GetInFlight(), Latency: time.Duration(resp.GetLatencyNs()),
	})
}
