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
func (b *Server) probed(resp *lookasidev1.ProbeResponse) {
	b.mu.Lock()
	defer b.mu.Unlock()
	_ = b.core.Probed(b.now(), balancer.Probe{
		ID: resp.GetId(), Instance: resp.GetInstance(),
		InFlight: resp.GetInFlight(), Latency: time.Duration(resp.GetLatencyNs()),
	})
}

const (
	maxConnections = 128    // open at once; a trial has up to 64 servers
	maxProbed      = 10_000 // instances known over the life of a process
)

// serverPool is the servers that the balancer has probed, and its connections
// to them. It is safe for concurrent use.
type serverPool struct {
	mu    sync.Mutex
	byKey map[string]*peer
	all   []*peer // in the order in which they were first picked
	open  int     // connections
}

// peer is one instance of a server.
type peer struct {
	id, instance string
	address      string
	conn         *grpc.ClientConn
	client       lookasidev1.ComputeServiceClient
	inFlight     int64
	lastPicked   time.Time
}

func newServerPool() *serverPool { return &serverPool{byKey: make(map[string]*peer)} }

// use returns the picked server, connected, and counts a request to it. Every
// use is followed by a done.
func (p *serverPool) use(pick *lookasidev1.PickResponse) (*peer, error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	key := pick.GetId() + "/" + pick.GetInstance()
	s := p.byKey[key]
	if s == nil {
		if len(p.all) >= maxProbed {
			return nil, fmt.Errorf("the balancer has named more than %d instances", maxProbed)
		}
		s = &peer{id: pick.GetId(), instance: pick.GetInstance(), address: pick.GetAddress()}
		p.byKey[key] = s
		p.all = append(p.all, s)
	}
	if s.conn == nil {
		if err := p.connect(s); err != nil {
			return nil, err
		}
	}
	s.inFlight++
	s.lastPicked = time.Now()
	return s, nil
}

func (p *serverPool) done(s *peer) {
	p.mu.Lock()
	s.inFlight--
	p.mu.Unlock()
}

// connect opens a connection; at the bound it closes the idle one that was
// used least recently.
func (p *serverPool) connect(s *peer) error {
	if p.open >= maxConnections {
		var oldest *peer
		for _, o := range p.all {
			if o.conn != nil && o.inFlight == 0 && (oldest == nil || o.lastPicked.Before(oldest.lastPicked)) {
				oldest = o
			}
		}
		if oldest == nil {
			return fmt.Errorf("all of %d connections are in use; none is left for server %s", maxConnections, s.id)
		}
		p.disconnect(oldest)
	}
	conn, err := rpc.Dial(s.address)
	if err != nil {
		return fmt.Errorf("server %s: %w", s.id, err)
	}
	s.conn, s.client = conn, lookasidev1.NewComputeServiceClient(conn)
	p.open++
	return nil
}

func (p *serverPool) disconnect(s *peer) {
	_ = s.conn.Close()
	s.conn, s.client = nil, nil
	p.open--
}

// close closes all connections.
func (p *serverPool) close() {
	p.mu.Lock()
	defer p.mu.Unlock()
	for _, s := range p.all {
		if s.conn != nil {
			p.disconnect(s)
		}
	}
}
