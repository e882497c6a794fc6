package lb

import (
	"context"
	"fmt"
	"math/rand/v2"
	"net"
	"sync"
	"testing"
	"time"

	"google.golang.org/grpc"

	"dyno/internal/rpc"
	lookasidev1 "dyno/proto/lookaside/v1"
	"dyno/systems/lookaside/core/balancer"
	"dyno/systems/lookaside/core/policy"
	"dyno/systems/lookaside/directory"
)

// probedServer answers probes.
type probedServer struct {
	lookasidev1.UnimplementedComputeServiceServer
	id       string
	inFlight int64
}

func (s *probedServer) Probe(context.Context, *lookasidev1.ProbeRequest) (*lookasidev1.ProbeResponse, error) {
	return &lookasidev1.ProbeResponse{Id: s.id, Instance: "a", InFlight: s.inFlight, LatencyNs: int64(7 * time.Millisecond)}, nil
}

// serveProbes is a server on loopback that has so many requests, and its address.
func serveProbes(t *testing.T, id string, inFlight int64) string {
	t.Helper()
	ctx, cancel := context.WithCancel(context.Background())
	ready, ended := make(chan string, 1), make(chan error, 1)
	go func() {
		ended <- rpc.Serve(ctx, rpc.Options{Listen: "127.0.0.1:0", Ready: func(addr string) { ready <- addr }}, func(r grpc.ServiceRegistrar) {
			lookasidev1.RegisterComputeServiceServer(r, &probedServer{id: id, inFlight: inFlight})
		})
	}()
	t.Cleanup(func() {
		cancel()
		<-ended
	})
	select {
	case addr := <-ready:
		return addr
	case err := <-ended:
		t.Fatal(err)
		return ""
	}
}

// Picks have probes made of real servers; the answers come back, and the loaded
// one is found out. A server that cannot be reached costs nothing.
func TestProbes(t *testing.T) {
	p, err := policy.New("prequal")
	if err != nil {
		t.Fatal(err)
	}
	b := newTestBalancer(t)
	b.core = balancer.New(balancer.Config{Policy: p, Rand: rand.New(rand.NewPCG(1, 1))})
	dead, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	dead.Close()
	b.Apply([]directory.Entry{
		{Path: []string{"idle", "a"}, Address: serveProbes(t, "idle", 0), Capacity: 1, Revision: 1},
		{Path: []string{"busy", "a"}, Address: serveProbes(t, "busy", 50), Capacity: 1, Revision: 2},
		{Path: []string{"dead", "a"}, Address: dead.Addr().String(), Capacity: 1, Revision: 3},
	}, 3)
	answers := make(chan *lookasidev1.ProbeResponse, 1000)
	var running sync.WaitGroup
	ctx, cancel := context.WithCancel(t.Context())
	defer running.Wait()
	defer cancel()
	b.probes.run(ctx, &running, func(r *lookasidev1.ProbeResponse) {
		b.probed(r)
		answers <- r
	})
	seen := map[string]*lookasidev1.ProbeResponse{}
	for len(seen) < 2 {
		if _, err := b.Pick(t.Context(), &lookasidev1.PickRequest{}); err != nil {
			t.Fatal(err)
		}
		r := <-answers // each pick has all three probed
		seen[r.GetId()] = r
	}
	for id, want := range map[string]int64{"idle": 0, "busy": 50} {
		if r := seen[id]; r.GetInFlight() != want || r.GetLatencyNs() != int64(7*time.Millisecond) || r.GetInstance() != "a" {
			t.Errorf("probe of %s: %v, want %d in flight and 7 ms", id, r, want)
		}
	}
}

// More probes than can be carried out are dropped, and nobody waits.
func TestProbesAreBounded(t *testing.T) {
	p := newProbing()
	p.want(make([]balancer.Pick, probesQueued+10))
	if n := len(p.queue); n != probesQueued {
		t.Errorf("%d probes are queued, want %d", n, probesQueued)
	}
}

func TestPoolBoundsConnections(t *testing.T) {
	p := &newProbing().pool
	defer p.close()
	var first *peer
	for i := range maxConnections {
		s, err := p.use(balancer.Pick{ID: fmt.Sprint("s", i), Address: "127.0.0.1:1"})
		if err != nil {
			t.Fatal(err)
		}
		if i == 0 {
			first = s
		}
	}
	pick := balancer.Pick{ID: "more", Address: "127.0.0.1:1"}
	if _, err := p.use(pick); err == nil {
		t.Error("all connections are in use, but one more was opened")
	}
	p.done(first)
	_, err := p.use(pick)
	if _, kept := p.peers[balancer.Pick{ID: "s0", Address: "127.0.0.1:1"}]; err != nil || kept || len(p.peers) != maxConnections {
		t.Errorf("the idle connection was not given up for a new one: %v, %d open", err, len(p.peers))
	}
}
