package client

import (
	"context"
	"maps"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"

	"dyno/bench/lie"
	"dyno/bench/load"
	"dyno/internal/record"
	"dyno/internal/rpc"
	lookasidev1 "dyno/proto/lookaside/v1"
	"dyno/systems"
	"dyno/systems/lookaside/core/service"
)

// patience ends the wait for what will not happen; nothing is measured by it.
const patience = 30 * time.Second

// fakeBalancer answers picks as a test wants it to, and lists all servers.
type fakeBalancer struct {
	lookasidev1.UnimplementedBalancerServiceServer
	pick    func(failed []*lookasidev1.Instance) (id string, err error)
	servers []*lookasidev1.Endpoint
}

func (f *fakeBalancer) PickMany(stream grpc.BidiStreamingServer[lookasidev1.PickManyRequest, lookasidev1.PickManyResponse]) error {
	named := uint32(0)
	for {
		req, err := stream.Recv()
		if err != nil {
			return nil // the client has gone
		}
		resp := &lookasidev1.PickManyResponse{}
		for range req.GetCount() {
			id, err := f.pick(req.GetFailed())
			if rpc.KindOf(err) == rpc.Unavailable {
				resp.Unavailable = err.Error()
				break
			}
			if err != nil {
				return err
			}
			resp.Introduced = append(resp.Introduced, &lookasidev1.PickResponse{Id: id, Instance: "a", Address: f.address(id)})
			resp.Picks = append(resp.Picks, named)
			named++
		}
		if err := stream.Send(resp); err != nil {
			return err
		}
	}
}

func (f *fakeBalancer) address(id string) string {
	for _, s := range f.servers {
		if s.GetId() == id {
			return s.GetAddress()
		}
	}
	return "127.0.0.1:1"
}

func (f *fakeBalancer) Watch(_ *lookasidev1.WatchRequest, stream grpc.ServerStreamingServer[lookasidev1.WatchResponse]) error {
	if err := stream.Send(&lookasidev1.WatchResponse{Snapshot: true, Changed: f.servers}); err != nil {
		return err
	}
	<-stream.Context().Done()
	return nil
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

func hung(ctx context.Context, _ *lookasidev1.ComputeRequest) (*lookasidev1.ComputeResponse, error) {
	<-ctx.Done()
	return nil, ctx.Err()
}

// serveLoopback serves on a free port until the test ends.
func serveLoopback(t *testing.T, register func(grpc.ServiceRegistrar)) (addr string) {
	t.Helper()
	ctx, cancel := context.WithCancel(context.Background())
	ready, served := make(chan string, 1), make(chan error, 1)
	go func() {
		served <- rpc.Serve(ctx, rpc.Options{Grace: time.Millisecond, Ready: func(addr string) { ready <- addr }}, register)
	}()
	t.Cleanup(func() {
		cancel()
		<-served
	})
	return <-ready
}

// newTestCaller has one client, a balancer that answers as pick says, and
// servers.
func newTestCaller(t *testing.T, pick func([]*lookasidev1.Instance) (string, error), servers map[string]*fakeServer,
	change ...func(*options),
) *caller {
	t.Helper()
	lb := &fakeBalancer{pick: pick}
	for _, id := range slices.Sorted(maps.Keys(servers)) {
		addr := serveLoopback(t, func(r grpc.ServiceRegistrar) { lookasidev1.RegisterComputeServiceServer(r, servers[id]) })
		lb.servers = append(lb.servers, &lookasidev1.Endpoint{
			Id: id, Instance: "a", Address: addr, Capacity: 1,
			Revision: int64(len(lb.servers) + 1),
		})
	}
	addr := serveLoopback(t, func(r grpc.ServiceRegistrar) { lookasidev1.RegisterBalancerServiceServer(r, lb) })
	o := options{clients: 1, rounds: 2, attempt: patience, knobs: systems.Values{
		"rate": "0", "mode": ModeAsk,
		"choose": ChooseRoundRobin, "retries": "3", "reserve": "0", "lie": lie.None,
	}}
	for _, f := range change {
		f(&o)
	}
	ch, err := openBalanced("compute", func(_ context.Context, _ string, found func(string)) { found(addr) }, &o)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = ch.conn.Close() })
	return newCaller(ch, o)
}

func always(id string) func([]*lookasidev1.Instance) (string, error) {
	return func([]*lookasidev1.Instance) (string, error) { return id, nil }
}

// untilFailed picks s1 until it is reported, and then s2.
func untilFailed(told *[]*lookasidev1.Instance) func([]*lookasidev1.Instance) (string, error) {
	return func(failed []*lookasidev1.Instance) (string, error) {
		if *told = append(*told, failed...); len(*told) == 0 {
			return "s1", nil
		}
		return "s2", nil
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
	return c.instances.all[target].ID, outcome
}

func TestRequestIsVerified(t *testing.T) {
	c := newTestCaller(t, always("s1"), map[string]*fakeServer{"s1": {compute: right}})
	if who, outcome := c.once(t, patience); who != "s1" || outcome != record.OK {
		t.Errorf("%v by %q", outcome, who)
	}
	log := &c.clients[0]
	if log.verified != 1 || log.wrong != 0 || log.last != (answer{target: 0, ok: true, service: 5, sojourn: 7}) {
		t.Errorf("log %+v", log)
	}
}

func TestWrongAnswerFails(t *testing.T) {
	c := newTestCaller(t, always("s1"), map[string]*fakeServer{"s1": {compute: func(ctx context.Context,
		req *lookasidev1.ComputeRequest,
	) (*lookasidev1.ComputeResponse, error) {
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
	c := newTestCaller(t, untilFailed(&told), map[string]*fakeServer{"s1": {compute: broken}, "s2": {compute: right}})
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
	var told []*lookasidev1.Instance
	c := newTestCaller(t, untilFailed(&told), map[string]*fakeServer{"s1": {compute: hung}, "s2": {compute: right}},
		func(o *options) { o.attempt = 200 * time.Millisecond })
	if who, outcome := c.once(t, patience); who != "s2" || outcome != record.OK {
		t.Errorf("%v by %q", outcome, who)
	}
}

func TestRetriesAreBounded(t *testing.T) {
	var attempts atomic.Int64
	c := newTestCaller(t, always("s1"), map[string]*fakeServer{"s1": {compute: func(ctx context.Context,
		req *lookasidev1.ComputeRequest,
	) (*lookasidev1.ComputeResponse, error) {
		attempts.Add(1)
		return broken(ctx, req)
	}}})
	// The servers may have done it: nobody knows.
	if _, outcome := c.once(t, patience); outcome != record.Unknown {
		t.Errorf("outcome %v, want unknown", outcome)
	}
	if attempts.Load() != 4 || c.clients[0].tried[0].sent != 4 {
		t.Errorf("%d attempts, %d counted, want %d", attempts.Load(), c.clients[0].tried[0].sent, 4)
	}
}

func TestOutcomesWithoutAnAnswer(t *testing.T) {
	says := func(k rpc.Kind) *fakeServer {
		return &fakeServer{compute: func(context.Context, *lookasidev1.ComputeRequest) (*lookasidev1.ComputeResponse, error) {
			return nil, rpc.Errorf(k, "no")
		}}
	}
	for name, c := range map[string]struct {
		pick   func([]*lookasidev1.Instance) (string, error)
		server *fakeServer
		want   record.Outcome
	}{
		"there is no server": {func([]*lookasidev1.Instance) (string, error) {
			return "", rpc.Errorf(rpc.Unavailable, "no server")
		}, nil, record.Refused},
		"the server has no room":                 {always("s1"), says(rpc.Refused), record.Refused},
		"the server cannot serve":                {always("s1"), says(rpc.Unavailable), record.Refused},
		"the server finds the request at fault":  {always("s1"), says(rpc.Invalid), record.Failed},
		"the server hangs until time is up":      {always("s1"), &fakeServer{compute: hung}, record.Unknown},
		"nobody is where the balancer sends one": {always("s9"), nil, record.Unknown},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel() // mostly waiting
			servers := map[string]*fakeServer{}
			if c.server != nil {
				servers["s1"] = c.server
			}
			caller := newTestCaller(t, c.pick, servers)
			timeout := patience
			if name == "the server hangs until time is up" {
				timeout = time.Second
			}
			if _, outcome := caller.once(t, timeout); outcome != c.want {
				t.Errorf("outcome %v, want %v (%s)", outcome, c.want, caller.clients[0].reason)
			}
		})
	}
}

// A request that is under way when the balancer goes is not lost: it goes where
// the last list says.
func TestBalancerThatBreaksOffIsDoneWithout(t *testing.T) {
	c := newTestCaller(t, func([]*lookasidev1.Instance) (string, error) {
		return "", status.Error(codes.Unavailable, "connection refused")
	}, map[string]*fakeServer{"s1": {compute: right}})
	if who, outcome := c.once(t, patience); outcome != record.OK || who != "s1" {
		t.Errorf("outcome %v by %q (%s)", outcome, who, c.clients[0].reason)
	}
	if n := c.channel.stats().Alone; n != 1 {
		t.Errorf("%d requests done without the balancer, want 1", n)
	}
}

func TestAccountAddsUp(t *testing.T) {
	c := newTestCaller(t, always("s1"), map[string]*fakeServer{"s1": {compute: right}})
	res, err := (&options{clients: 1, requests: 30, knobs: systems.Values{"rate": "0", "lie": lie.None}}).single(t.Context(), c)
	if err != nil {
		t.Fatal(err)
	}
	a := c.summary(res.Summary(), &res)
	if s := a.Servers[0]; s.Sent != 30 || s.Total != (Work{OK: 30, Sojourn: 210, Service: 150}) || s.Window != s.Total || s.MaxInFlight != 1 {
		t.Errorf("server %+v", s)
	}
	if cl := a.Clients[0]; cl.Counts.OK != 30 || cl.Counts.Conform() != nil || cl.Verified != 30 ||
		cl.Shares[0] != (Share{Sent: 30, OK: 30, Sojourn: 210}) {
		t.Errorf("client %+v", cl)
	}
	for _, check := range a.Load.Checks {
		if check.Status != record.Valid {
			t.Errorf("%s: %s", check.Name, check.Detail)
		}
	}
}

// Of a search nothing is known of the window, and everything of the whole.
func TestAccountOfASearch(t *testing.T) {
	c := newTestCaller(t, always("s1"), map[string]*fakeServer{"s1": {compute: right}})
	res, err := load.Closed{Clients: 1, Requests: 3}.Run(t.Context(), c.do)
	if err != nil {
		t.Fatal(err)
	}
	if s := c.summary(res.Summary(), nil).Servers[0]; s.Sent != 3 || s.Total != (Work{OK: 3, Sojourn: 21, Service: 15}) ||
		s.Window != (Work{}) {
		t.Errorf("%+v", s)
	}
}

// An answer counts for the window in which its request ended, and only a right
// one; no list of answers is kept for that.
func TestAnswersOfTheWindow(t *testing.T) {
	c := newTestCaller(t, always("s1"), map[string]*fakeServer{"s1": {compute: right}})
	each := c.within(100, 50)
	for _, end := range []int64{99, 100, 120, 150, 151} {
		if _, o := c.do(t.Context(), 0); o != record.OK {
			t.Fatal(o)
		}
		each(record.Span{End: end})
	}
	c.clients[0].last.ok = false // a wrong one
	each(record.Span{End: 120})
	sum := load.Summary{Clients: 1, Counts: c.clients[0].counts}
	if s := c.summary(sum, &load.Result{}).Servers[0]; s.Window.OK != 3 || s.Total.OK != 5 {
		t.Errorf("%+v; want 3 of 5 in the window", s)
	}
}

// By hand: the first error and the flags are told whatever the checks say; more
// failures than are allowed are an error.
func TestClientPrintsFailures(t *testing.T) {
	a := Summary{Load: load.Summary{
		Counts: record.Counts{Offered: 100, Sent: 100, OK: 70, Unknown: 30}, Latency: record.NewHistogram(),
		Checks: []record.Check{record.Pass("counts", 100)}, FirstError: "the server is gone",
	}}
	var out strings.Builder
	err := a.print(&out, record.DefaultMaxFailures)
	if err == nil || !strings.Contains(err.Error(), "failures is invalid: 0.1 % allowed, 30 % of 100") ||
		!strings.Contains(out.String(), "the server is gone") {
		t.Errorf("%v\n%s", err, out.String())
	}
	out.Reset()
	if err := a.print(&out, 0.5); err != nil || !strings.Contains(out.String(), "the server is gone") {
		t.Errorf("where half may fail: %v\n%s", err, out.String())
	}
}
