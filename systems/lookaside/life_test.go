package lookaside_test

import (
	"context"
	"slices"
	"testing"
	"time"

	"dyno/internal/rpc"
	lookasidev1 "dyno/proto/lookaside/v1"
	"dyno/systems"
)

// deployment is a registry, a balancer and some servers, each a process.
type deployment struct {
	bench     systems.Bench
	discovery string
	lb        lookasidev1.BalancerServiceClient
}

func deploy(t *testing.T, policy string) *deployment {
	t.Helper()
	c := &deployment{bench: bench(t, systems.Setting{})}
	c.discovery = "etcd://" + c.start(t, "registry", "registry").Addr()
	lb := c.start(t, "lb", "lb", "--policy", policy, "--discovery", c.discovery)
	conn, err := rpc.Dial(lb.Addr())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = conn.Close() })
	c.lb = lookasidev1.NewBalancerServiceClient(conn)
	return c
}

func (c *deployment) start(t *testing.T, role, name string, args ...string) systems.Process {
	t.Helper()
	p, err := c.bench.Start(t.Context(), systems.Launch{Role: role, Name: name, Args: args})
	if err != nil {
		t.Fatal(err)
	}
	return p
}

func (c *deployment) server(t *testing.T, name, id string, args ...string) systems.Process {
	t.Helper()
	return c.start(t, "server", name, append(args, "--id", id, "--discovery", c.discovery, "--service-time", "1ms")...)
}

// await waits until the balancer's table lists these servers, in this order,
// all of them heard of.
func (c *deployment) await(t *testing.T, ids ...string) []*lookasidev1.Server {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 30*time.Second)
	defer cancel()
	for {
		resp, err := c.lb.ListServers(ctx, &lookasidev1.ListServersRequest{})
		if err != nil {
			t.Fatalf("the table never became %v: %v", ids, err)
		}
		rows := resp.GetServers()
		if slices.EqualFunc(rows, ids, func(s *lookasidev1.Server, id string) bool { return s.GetId() == id && s.GetReportAgeNs() >= 0 }) {
			return rows
		}
		time.Sleep(5 * time.Millisecond)
	}
}

func (c *deployment) pick(t *testing.T) string {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 30*time.Second)
	defer cancel()
	p, err := c.lb.Pick(ctx, &lookasidev1.PickRequest{})
	if err != nil {
		t.Fatal(err)
	}
	return p.GetId()
}

func TestLives(t *testing.T) {
	for name, test := range map[string]func(*testing.T){
		"a server that hangs leaves and comes back last": hangs,
		"a server that is restarted is one row":          isRestarted,
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel() // mostly waiting
			test(t)
		})
	}
}

// hangs: for longer than its lease lasts.
func hangs(t *testing.T) {
	c := deploy(t, "pick_first")
	s1 := c.server(t, "s1", "s1")
	c.server(t, "s2", "s2", "--after", "s1")
	before := c.await(t, "s1", "s2")
	if got := c.pick(t); got != "s1" {
		t.Errorf("picked %s, not the first", got)
	}
	if err := s1.Pause(); err != nil {
		t.Fatal(err)
	}
	c.await(t, "s2")
	if err := s1.Resume(); err != nil {
		t.Fatal(err)
	}
	after := c.await(t, "s2", "s1")
	if before[0].GetInstance() != after[1].GetInstance() || after[1].GetRevision() <= before[1].GetRevision() {
		t.Errorf("s1 was %v and is now %v", before[0], after[1])
	}
	if got := c.pick(t); got != "s2" {
		t.Errorf("picked %s, not the one that has been there all the time", got)
	}
}

// isRestarted: of two lives of one id the later one is the row, at once, and
// the end of the earlier one's lease leaves it alone.
func isRestarted(t *testing.T) {
	c := deploy(t, "round_robin")
	first := c.server(t, "first", "s1")
	old := c.await(t, "s1")[0]
	if err := first.Kill(); err != nil {
		t.Fatal(err)
	}
	second := c.server(t, "second", "s1")
	row := old
	for row.GetInstance() == old.GetInstance() {
		row = c.await(t, "s1")[0]
	}
	if row.GetAddress() != second.Addr() {
		t.Errorf("the row is %v, the server is at %s", row, second.Addr())
	}
	// A marker that comes after the old lease's end: a third server that
	// registers, hangs and leaves.
	marker := c.server(t, "marker", "s2", "--after", "s1")
	c.await(t, "s1", "s2")
	if err := marker.Pause(); err != nil {
		t.Fatal(err)
	}
	if got := c.await(t, "s1")[0]; got.GetInstance() != row.GetInstance() {
		t.Errorf("the row is %v, it was %v", got, row)
	}
}
