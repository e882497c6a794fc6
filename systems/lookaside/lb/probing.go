package lb

import (
	"context"
	"fmt"
	"sync"
	"time"

	"google.golang.org/grpc"

	"dyno/internal/rpc"
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
	pool  pool
}

func newProbing() *probing {
	return &probing{queue: make(chan balancer.Pick, probesQueued), pool: pool{peers: make(map[balancer.Pick]*peer)}}
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
	peer, err := p.pool.use(t)
	if err != nil {
		return nil, err
	}
	defer p.pool.done(peer)
	return peer.client.Probe(ctx, &lookasidev1.ProbeRequest{})
}

// probed takes in an answer. One that cannot be, or comes from a server that is
// gone, is dropped: there is nobody to complain to.
func (b *Server) probed(resp *lookasidev1.ProbeResponse) {
	b.mu.Lock()
	defer b.mu.Unlock()
	_ = b.core.Probed(b.now(), balancer.Probe{
		ID: resp.GetId(), Instance: resp.GetInstance(),
		InFlight: resp.GetInFlight(), Latency: time.Duration(resp.GetLatencyNs()),
	})
}

const maxConnections = 128 // of a pool, open at once; a trial has up to 64 servers

// pool is the balancer's own connections to servers. It is safe for concurrent
// use.
type pool struct {
	mu    sync.Mutex
	peers map[balancer.Pick]*peer
}

// peer is one instance of a server.
type peer struct {
	conn     *grpc.ClientConn
	client   lookasidev1.ComputeServiceClient
	inFlight int64
	lastUsed time.Time
}

// use returns the picked server, connected, and counts a request to it. Every
// use is followed by a done. At the bound it closes the idle connection that
// was used least recently.
func (p *pool) use(pick balancer.Pick) (*peer, error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	s := p.peers[pick]
	if s == nil {
		if len(p.peers) >= maxConnections && !p.drop() {
			return nil, fmt.Errorf("all of %d connections are in use; none is left for server %s", maxConnections, pick.ID)
		}
		conn, err := rpc.Dial(pick.Address)
		if err != nil {
			return nil, fmt.Errorf("server %s: %w", pick.ID, err)
		}
		s = &peer{conn: conn, client: lookasidev1.NewComputeServiceClient(conn)}
		p.peers[pick] = s
	}
	s.inFlight++
	s.lastUsed = time.Now()
	return s, nil
}

func (p *pool) done(s *peer) {
	p.mu.Lock()
	s.inFlight--
	p.mu.Unlock()
}

// drop closes the idle connection that was used least recently, if there is one.
func (p *pool) drop() (dropped bool) {
	var oldest balancer.Pick
	for pick, s := range p.peers {
		if s.inFlight == 0 && (!dropped || s.lastUsed.Before(p.peers[oldest].lastUsed)) {
			oldest, dropped = pick, true
		}
	}
	if dropped {
		_ = p.peers[oldest].conn.Close()
		delete(p.peers, oldest)
	}
	return dropped
}

// close closes all connections.
func (p *pool) close() {
	p.mu.Lock()
	defer p.mu.Unlock()
	for _, s := range p.peers {
		_ = s.conn.Close()
	}
	clear(p.peers)
}
