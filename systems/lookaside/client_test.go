package lookaside

import (
	"context"
	"log/slog"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"

	"dyno/bench/load"
	"dyno/internal/record"
	"dyno/internal/rpc"
	"dyno/internal/rpc/rpctest"
	lookasidev1 "dyno/proto/lookaside/v1"
	"dyno/systems/lookaside/service"
)

// patience ends the wait for what will not happen; nothing is measured by it.
const patience = 30 * time.Second

// fakeBalancer answers Pick as a test wants it to.
type fakeBalancer struct {
	lookasidev1.UnimplementedBalancerServiceServer
	pick func(*lookasidev1.PickRequest) (*lookasidev1.PickResponse, error)
}

func (f *fakeBalancer) Pick(_ context.Context, req *lookasidev1.PickRequest) (*lookasidev1.PickResponse, error) {
	return f.pick(req)
}

// fakeServer answers Compute as a test wants it to.
type fakeServer struct {
	lookasidev1.UnimplementedComputeServiceServer
	compute func(context.Context, *lookasidev1.ComputeRequest) (*lookasidev1.ComputeResponse, error)
}

func (f *fakeServer) Compute(ctx context.Context, req *lookasidev1.ComputeRequest) (*lookasidev1.ComputeResponse, error) {
	return f.compute(ctx, req)
}

func right(_ context.Context, req *lookasidev1.ComputeRequest) (*lookasidev1.ComputeResponse, error) {
	return &lookasidev1.ComputeResponse{Digest: service.Hash(req.GetSeed(), req.GetRounds()), ServiceNs: 5, SojournNs: 7}, nil
}

func broken(context.Context, *lookasidev1.ComputeRequest) (*lookasidev1.ComputeResponse, error) {
	return nil, status.Error(codes.Unavailable, "connection reset") // as grpc-go says it
}

// newTestCaller has one client, a balancer that answers as pick says, and
// servers over memory.
func newTestCaller(t *testing.T, pick func(*lookasidev1.PickRequest) (*lookasidev1.PickResponse, error), servers map[string]*fakeServer) *caller {
	t.Helper()
	f := newFinder(&directory{service: "compute", log: slog.New(slog.DiscardHandler)})
	f.conn, _ = rpctest.Start(t, rpc.Options{}, func(r grpc.ServiceRegistrar) {
		lookasidev1.RegisterBalancerServiceServer(r, &fakeBalancer{pick: pick})
	})
	f.to = "memory"
	f.addr.Set("memory")
	c := newCaller(f, clientOptions{clients: 1, rounds: 2, attempt: patience})
	for id, s := range servers {
		conn, _ := rpctest.Start(t, rpc.Options{}, func(r grpc.ServiceRegistrar) { lookasidev1.RegisterComputeServiceServer(r, s) })
		p := &peer{id: id, instance: "a", index: int32(len(c.servers.all)), conn: conn, client: lookasidev1.NewComputeServiceClient(conn)}
		c.servers.byKey[id+"/a"] = p
		c.servers.all = append(c.servers.all, p)
		c.servers.open++
	}
	return c
}

func always(id string) func(*lookasidev1.PickRequest) (*lookasidev1.PickResponse, error) {
	return func(*lookasidev1.PickRequest) (*lookasidev1.PickResponse, error) {
		return &lookasidev1.PickResponse{Id: id, Instance: "a", Address: id}, nil
	}
}

func (c *caller) once(t *testing.T, timeout time.Duration) (string, record.Outcome) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), timeout)
	defer cancel()
	target, outcome := c.do(ctx, 0)
	if target == nobody {
		return "", outcome
	}
	return c.servers.all[target].id, outcome
}

func TestRequestIsVerified(t *testing.T) {
	c := newTestCaller(t, always("s1"), map[string]*fakeServer{"s1": {compute: right}})
	if who, outcome := c.once(t, patience); who != "s1" || outcome != record.OK {
		t.Errorf("%v by %q", outcome, who)
	}
	log := &c.clients[0]
	if log.verified != 1 || log.wrong != 0 || log.answers[0] != (answer{service: 5, sojourn: 7}) {
		t.Errorf("log %+v", log)
	}
}

func TestWrongAnswerFails(t *testing.T) {
	c := newTestCaller(t, always("s1"), map[string]*fakeServer{"s1": {compute: func(ctx context.Context, req *lookasidev1.ComputeRequest) (*lookasidev1.ComputeResponse, error) {
		resp, err := right(ctx, req)
		resp.Digest++
		return resp, err
	}}})
	if _, outcome := c.once(t, patience); outcome != record.Failed {
		t.Errorf("outcome %v, want failed", outcome)
	}
	if log := &c.clients[0]; log.wrong != 1 || !strings.Contains(log.reason, "s1") && log.reason == "" {
		t.Errorf("log %+v", log)
	}
}

func TestBrokenServerIsReportedAndReplaced(t *testing.T) {
	var told []*lookasidev1.Instance
	c := newTestCaller(t, func(req *lookasidev1.PickRequest) (*lookasidev1.PickResponse, error) {
		if len(req.GetFailed()) == 0 {
			return always("s1")(req)
		}
		told = append(told, req.GetFailed()...)
		return always("s2")(req)
	}, map[string]*fakeServer{"s1": {compute: broken}, "s2": {compute: right}})
	if who, outcome := c.once(t, patience); who != "s2" || outcome != record.OK {
		t.Errorf("%v by %q", outcome, who)
	}
	if len(told) != 1 || told[0].GetId() != "s1" || told[0].GetInstance() != "a" {
		t.Errorf("the balancer was told of %v", told)
	}
	if c.clients[0].repicks != 1 {
		t.Errorf("%d repicks, want 1", c.clients[0].repicks)
	}
}

func TestHungServerIsReplaced(t *testing.T) {
	hung := func(ctx context.Context, _ *lookasidev1.ComputeRequest) (*lookasidev1.ComputeResponse, error) {
		<-ctx.Done()
		return nil, ctx.Err()
	}
	c := newTestCaller(t, func(req *lookasidev1.PickRequest) (*lookasidev1.PickResponse, error) {
		if len(req.GetFailed()) == 0 {
			return always("s1")(req)
		}
		return always("s2")(req)
	}, map[string]*fakeServer{"s1": {compute: hung}, "s2": {compute: right}})
	c.attempt = 200 * time.Millisecond
	if who, outcome := c.once(t, patience); who != "s2" || outcome != record.OK {
		t.Errorf("%v by %q", outcome, who)
	}
}

func TestRepicksAreBounded(t *testing.T) {
	var attempts atomic.Int64
	c := newTestCaller(t, always("s1"), map[string]*fakeServer{"s1": {compute: func(ctx context.Context, req *lookasidev1.ComputeRequest) (*lookasidev1.ComputeResponse, error) {
		attempts.Add(1)
		return broken(ctx, req)
	}}})
	// The servers may have done it: nobody knows.
	if _, outcome := c.once(t, patience); outcome != record.Unknown {
		t.Errorf("outcome %v, want unknown", outcome)
	}
	if attempts.Load() != maxRepicks+1 || c.clients[0].sent[0] != maxRepicks+1 {
		t.Errorf("%d attempts, %d counted, want %d", attempts.Load(), c.clients[0].sent[0], maxRepicks+1)
	}
}

func TestOutcomesWithoutAnAnswer(t *testing.T) {
	noServer := func(*lookasidev1.PickRequest) (*lookasidev1.PickResponse, error) {
		return nil, rpc.Errorf(rpc.Unavailable, "no server")
	}
	away := func(*lookasidev1.PickRequest) (*lookasidev1.PickResponse, error) {
		return nil, status.Error(codes.Unavailable, "connection refused")
	}
	full := &fakeServer{compute: func(context.Context, *lookasidev1.ComputeRequest) (*lookasidev1.ComputeResponse, error) {
		return nil, rpc.Errorf(rpc.Refused, "full")
	}}
	for name, c := range map[string]struct {
		pick func(*lookasidev1.PickRequest) (*lookasidev1.PickResponse, error)
		want record.Outcome
	}{
		"there is no server":             {noServer, record.Refused},
		"the balancer cannot be reached": {away, record.Failed},
		"the server has no room":         {always("full"), record.Refused},
		"the request is none of its kind": {func(*lookasidev1.PickRequest) (*lookasidev1.PickResponse, error) {
			return nil, rpc.Errorf(rpc.Invalid, "bad")
		}, record.Failed},
		"the server hangs until time is up": {always("hung"), record.Unknown},
	} {
		t.Run(name, func(t *testing.T) {
			hung := &fakeServer{compute: func(ctx context.Context, _ *lookasidev1.ComputeRequest) (*lookasidev1.ComputeResponse, error) {
				<-ctx.Done()
				return nil, ctx.Err()
			}}
			caller := newTestCaller(t, c.pick, map[string]*fakeServer{"full": full, "hung": hung})
			timeout := patience
			if c.want == record.Failed || name == "the server hangs until time is up" {
				timeout = time.Second
			}
			if _, outcome := caller.once(t, timeout); outcome != c.want {
				t.Errorf("outcome %v, want %v (%s)", outcome, c.want, caller.clients[0].reason)
			}
		})
	}
}

func TestBalancerIsLookedForUntilItIsBack(t *testing.T) {
	var calls atomic.Int64
	c := newTestCaller(t, func(req *lookasidev1.PickRequest) (*lookasidev1.PickResponse, error) {
		if calls.Add(1) <= 3 {
			return nil, status.Error(codes.Unavailable, "connection refused")
		}
		return always("s1")(req)
	}, map[string]*fakeServer{"s1": {compute: right}})
	if _, outcome := c.once(t, patience); outcome != record.OK {
		t.Errorf("outcome %v after %d calls", outcome, calls.Load())
	}
}

func TestAccountAddsUp(t *testing.T) {
	c := newTestCaller(t, always("s1"), map[string]*fakeServer{"s1": {compute: right}})
	res, err := load.Closed{Clients: 1, Requests: 30}.Run(t.Context(), c.do)
	if err != nil {
		t.Fatal(err)
	}
	a := c.account(&res)
	if s := a.Servers[0]; s.Sent != 30 || s.Total != (serverWork{OK: 30, Sojourn: 210, Service: 150}) || s.Window != s.Total || s.MaxInFlight != 1 {
		t.Errorf("server %+v", s)
	}
	if cl := a.Clients[0]; cl.Counts.OK != 30 || cl.Counts.Conform() != nil || cl.Verified != 30 || cl.Shares[0] != (accountShare{Sent: 30, OK: 30, Sojourn: 210}) {
		t.Errorf("client %+v", cl)
	}
	for _, check := range a.Load.Checks {
		if check.Status != record.Valid {
			t.Errorf("%s: %s", check.Name, check.Detail)
		}
	}
}

func TestPoolBoundsConnections(t *testing.T) {
	p := newServerPool()
	defer p.close()
	var first *peer
	for i := range maxConnections {
		s, err := p.use(&lookasidev1.PickResponse{Id: serverName(i), Instance: "a", Address: "127.0.0.1:1"})
		if err != nil {
			t.Fatal(err)
		}
		if i == 0 {
			first = s
		}
	}
	pick := &lookasidev1.PickResponse{Id: "more", Instance: "a", Address: "127.0.0.1:1"}
	if _, err := p.use(pick); err == nil {
		t.Error("all connections are in use, but one more was opened")
	}
	p.done(first)
	if _, err := p.use(pick); err != nil || first.conn != nil || p.open != maxConnections {
		t.Errorf("the idle connection was not given up for a new one: %v, %d open", err, p.open)
	}
}
