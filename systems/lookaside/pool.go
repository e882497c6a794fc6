package lookaside

import (
	"fmt"
	"sync"
	"time"

	"google.golang.org/grpc"

	"dyno/internal/rpc"
	lookasidev1 "dyno/proto/lookaside/v1"
)

const (
	maxConnections = 128    // open at once; a trial has up to 64 servers
	maxInstances   = 10_000 // known over the life of a process

	nobody = int32(-1) // the target of a request that no server got
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
		if len(p.all) >= maxInstances {
			return nil, fmt.Errorf("the balancer has named more than %d instances", maxInstances)
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
