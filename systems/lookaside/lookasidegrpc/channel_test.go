package lookasidegrpc

import (
	"context"
	"io"
	"strings"
	"sync"
	"testing"
	"time"

	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"

	"dyno/internal/rpc"
	lookasidev1 "dyno/proto/lookaside/v1"
)

// patience ends the wait for what will not happen; nothing is measured by it.
const patience = 30 * time.Second

// farm is a balancer that takes turns and some servers that say who they are.
type farm struct {
	lookasidev1.UnimplementedBalancerServiceServer
	t       testing.TB
	servers []*lookasidev1.Endpoint

	mu      sync.Mutex
	turns   int
	frames  int
	told    []*lookasidev1.Instance
	changes chan *lookasidev1.WatchResponse
}

func newFarm(t testing.TB, servers int) *farm {
	f := &farm{t: t, changes: make(chan *lookasidev1.WatchResponse, 1)}
	for i := range servers {
		f.servers = append(f.servers, f.server("s"+string(rune('1'+i)), int64(i+1)))
	}
	return f
}

func (f *farm) server(id string, revision int64) *lookasidev1.Endpoint {
	addr, _ := serve(f.t, func(r grpc.ServiceRegistrar) { lookasidev1.RegisterComputeServiceServer(r, &named{id: id}) })
	return &lookasidev1.Endpoint{Id: id, Instance: "a", Address: addr, Capacity: 1, Revision: revision}
}

func (f *farm) balancer() (addr string, stop func()) {
	return serve(f.t, func(r grpc.ServiceRegistrar) { lookasidev1.RegisterBalancerServiceServer(r, f) })
}

func (f *farm) PickMany(stream grpc.BidiStreamingServer[lookasidev1.PickManyRequest, lookasidev1.PickManyResponse]) error {
	introduced := false
	for {
		req, err := stream.Recv()
		if err == io.EOF {
			return nil
		}
		if err != nil {
			return err
		}
		resp := &lookasidev1.PickManyResponse{}
		if !introduced {
			for _, s := range f.servers {
				resp.Introduced = append(resp.Introduced, &lookasidev1.PickResponse{Id: s.GetId(), Instance: s.GetInstance(), Address: s.GetAddress()})
			}
			introduced = true
		}
		f.mu.Lock()
		f.frames++
		f.told = append(f.told, req.GetFailed()...)
		for range req.GetCount() {
			resp.Picks = append(resp.Picks, uint32(f.turns%len(f.servers)))
			f.turns++
		}
		f.mu.Unlock()
		if err := stream.Send(resp); err != nil {
			return err
		}
	}
}

func (f *farm) Watch(req *lookasidev1.WatchRequest, stream grpc.ServerStreamingServer[lookasidev1.WatchResponse]) error {
	if req.GetService() != "compute" {
		return rpc.Errorf(rpc.Unavailable, "there is no service %q here", req.GetService())
	}
	resp := &lookasidev1.WatchResponse{Snapshot: true, Changed: f.servers}
	for {
		if err := stream.Send(resp); err != nil {
			return err
		}
		select {
		case resp = <-f.changes:
		case <-stream.Context().Done():
			return nil
		}
	}
}

// named answers with its name.
type named struct {
	lookasidev1.UnimplementedComputeServiceServer
	id string
}

func (n *named) Compute(context.Context, *lookasidev1.ComputeRequest) (*lookasidev1.ComputeResponse, error) {
	return &lookasidev1.ComputeResponse{Id: n.id}, nil
}

func serve(t testing.TB, register func(grpc.ServiceRegistrar)) (addr string, stop func()) {
	t.Helper()
	ctx, cancel := context.WithCancel(context.Background())
	ready, served := make(chan string, 1), make(chan error, 1)
	go func() {
		served <- rpc.Serve(ctx, rpc.Options{
			Grace: time.Millisecond, Server: rpc.FixedWindowsServed(), Ready: func(addr string) { ready <- addr },
		}, register)
	}()
	stop = sync.OnceFunc(func() {
		cancel()
		<-served
	})
	t.Cleanup(stop)
	return <-ready, stop
}

// open makes a channel to a service whose balancer is where found says.
func open(t testing.TB, service string, cfg Config, found ...string) (*Builder, lookasidev1.ComputeServiceClient, func(addr string)) {
	t.Helper()
	places := make(chan string, 8)
	for _, addr := range found {
		places <- addr
	}
	cfg.Find = func(ctx context.Context, _ string, found func(string)) {
		for {
			select {
			case addr := <-places:
				found(addr)
			case <-ctx.Done():
				return
			}
		}
	}
	b, err := New(cfg)
	if err != nil {
		t.Fatal(err)
	}
	conn, err := rpc.Dial(Scheme+":///"+service, append(b.DialOptions(), rpc.FixedWindows()...)...)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = conn.Close() })
	return b, lookasidev1.NewComputeServiceClient(conn), func(addr string) { places <- addr }
}

func compute(t *testing.T, client lookasidev1.ComputeServiceClient, opts ...grpc.CallOption) (string, error) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	resp, err := client.Compute(ctx, &lookasidev1.ComputeRequest{}, opts...)
	return resp.GetId(), err
}

// unknown: refused at once, by name, in both modes and whoever knows it.
func TestUnknownServiceIsRefusedByName(t *testing.T) {
	lb, _ := newFarm(t, 1).balancer()
	for _, mode := range []string{Ask, List} {
		for where, addr := range map[string]string{"nowhere": "", "elsewhere": lb} {
			t.Run(mode+" "+where, func(t *testing.T) {
				_, client, _ := open(t, "nosuch", Config{Mode: mode}, addr)
				_, err := compute(t, client)
				if status.Code(err) != codes.Unavailable || !strings.Contains(err.Error(), `"nosuch"`) {
					t.Errorf("error %v", err)
				}
			})
		}
	}
}

func TestAskedPicksAreFollowed(t *testing.T) {
	f := newFarm(t, 3)
	lb, _ := f.balancer()
	b, client, _ := open(t, "compute", Config{Mode: Ask}, lb)
	const askers, each = 20, 30
	var mu sync.Mutex
	counts := map[string]int{}
	var all sync.WaitGroup
	for range askers {
		all.Go(func() {
			for range each {
				who, err := compute(t, client)
				if err != nil {
					t.Error(err)
				}
				mu.Lock()
				counts[who]++
				mu.Unlock()
			}
		})
	}
	all.Wait()
	for _, s := range f.servers {
		if n := counts[s.GetId()]; n != askers*each/3 {
			t.Errorf("%s answered %d of %d", s.GetId(), n, askers*each)
		}
	}
	if f.turns != askers*each || f.frames > f.turns || b.Stats() != (Stats{}) {
		t.Errorf("%d picks in %d frames; %+v", f.turns, f.frames, b.Stats())
	}
}

func TestListIsTakenInTurn(t *testing.T) {
	f := newFarm(t, 3)
	lb, _ := f.balancer()
	_, client, _ := open(t, "compute", Config{Mode: List, Seed: 5}, lb)
	awaitServers(t, client, 3)
	var order []string
	for range 6 {
		who, err := compute(t, client)
		if err != nil {
			t.Fatal(err)
		}
		order = append(order, who)
	}
	for i := range 3 {
		if order[i] != order[i+3] || order[i] == order[(i+1)%3] {
			t.Errorf("turns %v", order)
		}
	}
	if f.frames != 0 {
		t.Errorf("the balancer was asked: %d frames", f.frames)
	}
}

// awaitServers calls until so many servers have answered.
func awaitServers(t *testing.T, client lookasidev1.ComputeServiceClient, n int) map[string]bool {
	t.Helper()
	seen := map[string]bool{}
	for end := time.Now().Add(patience); len(seen) < n; {
		who, err := compute(t, client)
		if err != nil || time.Now().After(end) {
			t.Fatalf("%v answered, want %d servers: %v", seen, n, err)
		}
		seen[who] = true
	}
	return seen
}

func TestListIsFollowed(t *testing.T) {
	f := newFarm(t, 2)
	lb, _ := f.balancer()
	_, client, _ := open(t, "compute", Config{Mode: List}, lb)
	awaitServers(t, client, 2)
	more := f.server("s3", 3)
	f.changes <- &lookasidev1.WatchResponse{Changed: []*lookasidev1.Endpoint{more}, Gone: []*lookasidev1.Instance{{Id: "s1", Instance: "a"}}}
	for seen := map[string]bool{}; !seen["s3"]; seen = awaitServers(t, client, 1) {
	}
	for range 6 {
		if who, err := compute(t, client); err != nil || who == "s1" {
			t.Errorf("%q answered after it had left: %v", who, err)
		}
	}
}

// Calls go on while the balancer is away, and ask the one that comes.
func TestBalancerThatMoves(t *testing.T) {
	f := newFarm(t, 2)
	first, stop := f.balancer()
	b, client, moveTo := open(t, "compute", Config{Mode: Ask}, first)
	awaitServers(t, client, 2)
	stop()
	for b.Stats().Alone == 0 {
		if _, err := compute(t, client); err != nil {
			t.Fatalf("without a balancer: %v", err)
		}
	}
	f.mu.Lock()
	before := f.turns
	f.mu.Unlock()
	second, _ := f.balancer()
	moveTo(second)
	for asked := before; asked == before; {
		if _, err := compute(t, client); err != nil {
			t.Fatalf("with the next balancer: %v", err)
		}
		f.mu.Lock()
		asked = f.turns
		f.mu.Unlock()
	}
}

// A server that breaks off is reported and another one takes over; nothing that
// must not be made twice is.
func TestBrokenServer(t *testing.T) {
	for name, retry := range map[string]bool{"may be retried": true, "may not": false} {
		t.Run(name, func(t *testing.T) {
			f := newFarm(t, 2)
			f.servers[0].Address = "127.0.0.1:1" // nobody listens there
			lb, _ := f.balancer()
			b, client, _ := open(t, "compute", Config{Mode: Ask, Retries: 2, Retry: func(string) bool { return retry }}, lb)
			var trace Trace
			who, err := compute(t, client, &trace)
			if retry != (err == nil && who == "s2") || len(trace.Attempts) < 1 || trace.Attempts[0].Server.ID != "s1" {
				t.Errorf("%q, %v after %+v", who, err, trace.Attempts)
			}
			if got := b.Stats().Retried; (got > 0) != retry {
				t.Errorf("%d retries", got)
			}
			for told := 0; told == 0; { // with the next frame
				f.mu.Lock()
				told = len(f.told)
				f.mu.Unlock()
			}
			if f.told[0].GetId() != "s1" {
				t.Errorf("told of %v", f.told)
			}
		})
	}
}

func TestConfigIsChecked(t *testing.T) {
	find := func(context.Context, string, func(string)) {}
	for name, cfg := range map[string]Config{
		"no mode":       {Find: find},
		"no find":       {Mode: Ask},
		"no choice":     {Mode: List, Choose: "best", Find: find},
		"retries":       {Mode: List, Retries: MaxRetries + 1, Find: find},
		"a debt":        {Mode: List, Budget: -1, Find: find},
		"time backward": {Mode: List, Attempt: -1, Find: find},
	} {
		if _, err := New(cfg); err == nil {
			t.Errorf("%s: accepted", name)
		}
	}
}
