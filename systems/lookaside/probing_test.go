package lookaside

import (
	"context"
	"math/rand/v2"
	"net"
	"sync"
	"testing"
	"time"

	"dyno/internal/rpc"
	lookasidev1 "dyno/proto/lookaside/v1"
	"dyno/systems/lookaside/core/balancer"
	"dyno/systems/lookaside/core/policy"

	"dyno/bench/queue"
)

// probedServer is a server on loopback with so many requests in it that will
// not end during the test, and its address.
func probedServer(t *testing.T, id string, inFlight int) string {
	t.Helper()
	dist, err := queue.NewDistribution("const", time.Hour)
	if err != nil {
		t.Fatal(err)
	}
	st, err := newStation(queue.NewFCFS(1, dist, rand.New(rand.NewPCG(1, 1))), maxWaiting)
	if err != nil {
		t.Fatal(err)
	}
	for range inFlight {
		st.enter()
	}
	st.mu.Lock()
	st.times.Add(1, 7*time.Millisecond)
	st.mu.Unlock()
	t.Cleanup(st.close)
	ctx, cancel := context.WithCancel(context.Background())
	ready, ended := make(chan string, 1), make(chan error, 1)
	s := &computeServer{id: id, instance: "a", capacity: 1, station: st}
	go func() {
		ended <- rpc.Serve(ctx, rpc.Options{Listen: "127.0.0.1:0", Ready: func(addr string) { ready <- addr }}, s.register)
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
	b.apply([]entry{
		{Path: []string{"idle", "a"}, Address: probedServer(t, "idle", 0), Capacity: 1, Revision: 1},
		{Path: []string{"busy", "a"}, Address: probedServer(t, "busy", 50), Capacity: 1, Revision: 2},
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
