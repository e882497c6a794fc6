package lb

import (
	"context"
	"log/slog"
	"math"
	"math/rand/v2"
	"strings"
	"sync"
	"testing"
	"time"

	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"

	"dyno/internal/record"
	"dyno/internal/rpc"
	"dyno/internal/rpc/rpctest"
	lookasidev1 "dyno/proto/lookaside/v1"
	"dyno/systems/lookaside/core/balancer"
	"dyno/systems/lookaside/core/policy"
	"dyno/systems/lookaside/directory"
)

// newTestBalancer is a balancer that nobody serves yet.
func newTestBalancer(t *testing.T) *Server {
	t.Helper()
	p, err := policy.New("round_robin")
	if err != nil {
		t.Fatal(err)
	}
	return New("round_robin", balancer.New(balancer.Config{
		Policy: p, Rand: rand.New(rand.NewPCG(1, 1)), Service: "compute",
	}), slog.New(slog.DiscardHandler))
}

// serveBalancer is a balancer over memory.
func serveBalancer(t *testing.T) (*Server, lookasidev1.BalancerServiceClient) {
	t.Helper()
	b := newTestBalancer(t)
	conn, _ := rpctest.Start(t, rpc.Options{BeforeStop: func(context.Context) { close(b.stopping) }}, b.register)
	return b, lookasidev1.NewBalancerServiceClient(conn)
}

func life(id, instance string, revision int64) directory.Entry {
	return directory.Entry{Path: []string{id, instance}, Address: id + ":1", Capacity: 1, Revision: revision}
}

func wantCode(t *testing.T, err error, code codes.Code, words string) {
	t.Helper()
	if status.Code(err) != code || !strings.Contains(status.Convert(err).Message(), words) {
		t.Errorf("error %v; want %v with %q", err, code, words)
	}
}

func TestPickWithoutServersIsRefusedAtOnce(t *testing.T) {
	_, lb := serveBalancer(t)
	_, err := lb.Pick(t.Context(), &lookasidev1.PickRequest{})
	wantCode(t, err, codes.Unavailable, `"compute"`)
	if got := rpc.Outcome(err); got != record.Refused {
		t.Errorf("outcome %v, want refused", got)
	}
}

// Any number of askers at once share one cursor: after M picks counts differ by
// at most 1.
func TestConcurrentAskersShareOneCursor(t *testing.T) {
	b, lb := serveBalancer(t)
	b.Apply([]directory.Entry{life("s1", "a", 1), life("s2", "a", 2), life("s3", "a", 3)}, 3)
	var all sync.WaitGroup
	for asker := range 20 {
		all.Go(func() {
			for range 10 + asker {
				if _, err := lb.Pick(t.Context(), &lookasidev1.PickRequest{}); err != nil {
					t.Error(err)
					return
				}
			}
		})
	}
	all.Wait()
	list, err := lb.ListServers(t.Context(), &lookasidev1.ListServersRequest{})
	if err != nil {
		t.Fatal(err)
	}
	total, least, most := int64(0), int64(math.MaxInt64), int64(0)
	for _, s := range list.GetServers() {
		total, least, most = total+s.GetPicks(), min(least, s.GetPicks()), max(most, s.GetPicks())
	}
	if total != 20*10+20*19/2 || most-least > 1 {
		t.Errorf("%d picks, of one server between %d and %d", total, least, most)
	}
}

func TestPickBoundsFailedInstances(t *testing.T) {
	_, lb := serveBalancer(t)
	req := &lookasidev1.PickRequest{Failed: make([]*lookasidev1.Instance, maxFailedInstances+1)}
	for i := range req.Failed {
		req.Failed[i] = &lookasidev1.Instance{Id: "s"}
	}
	_, err := lb.Pick(t.Context(), req)
	wantCode(t, err, codes.InvalidArgument, "failed")
}

func TestPickAvoidsWhatFailed(t *testing.T) {
	b, lb := serveBalancer(t)
	b.Apply([]directory.Entry{life("s1", "a", 1), life("s2", "b", 2)}, 2)
	for range 6 {
		p, err := lb.Pick(t.Context(), &lookasidev1.PickRequest{Failed: []*lookasidev1.Instance{{Id: "s1", Instance: "a"}}})
		if err != nil || p.GetId() != "s2" || p.GetAddress() != "s2:1" {
			t.Fatalf("pick %v, %v; want s2", p, err)
		}
	}
}

func TestRegisterRefusesNonsense(t *testing.T) {
	_, lb := serveBalancer(t)
	good := func() *lookasidev1.RegisterRequest {
		return &lookasidev1.RegisterRequest{Id: "s1", Instance: "a", Address: "s1:1", Capacity: 1, Revision: 1}
	}
	for name, spoil := range map[string]func(*lookasidev1.RegisterRequest){
		"no id":       func(r *lookasidev1.RegisterRequest) { r.Id = "" },
		"no instance": func(r *lookasidev1.RegisterRequest) { r.Instance = "" },
		"no address":  func(r *lookasidev1.RegisterRequest) { r.Address = "" },
		"capacity 0":  func(r *lookasidev1.RegisterRequest) { r.Capacity = 0 },
		"NaN":         func(r *lookasidev1.RegisterRequest) { r.Capacity = math.NaN() },
	} {
		t.Run(name, func(t *testing.T) {
			req := good()
			spoil(req)
			_, err := lb.Register(t.Context(), req)
			wantCode(t, err, codes.InvalidArgument, "")
		})
	}
}

func TestRegisterWaitsForTheDirectory(t *testing.T) {
	b, lb := serveBalancer(t)
	registered := make(chan error, 1)
	go func() {
		_, err := lb.Register(t.Context(), &lookasidev1.RegisterRequest{Id: "s1", Instance: "a", Address: "s1:1", Capacity: 1, Revision: 5})
		registered <- err
	}()
	b.Apply(nil, 4) // not yet that far
	select {
	case err := <-registered:
		t.Fatalf("registered before the directory said so: %v", err)
	case <-time.After(10 * time.Millisecond):
	}
	b.Apply([]directory.Entry{life("s1", "a", 5)}, 5)
	if err := <-registered; err != nil {
		t.Fatal(err)
	}
}

func TestRegisterOfWhatIsNotInTheDirectory(t *testing.T) {
	b, lb := serveBalancer(t)
	b.Apply([]directory.Entry{life("s2", "new", 9)}, 9)
	_, err := lb.Register(t.Context(), &lookasidev1.RegisterRequest{Id: "s1", Instance: "a", Address: "s1:1", Capacity: 1, Revision: 5})
	wantCode(t, err, codes.NotFound, "announce it again")
	_, err = lb.Register(t.Context(), &lookasidev1.RegisterRequest{Id: "s2", Instance: "old", Address: "s2:1", Capacity: 1, Revision: 5})
	wantCode(t, err, codes.FailedPrecondition, "s2")
	ctx, cancel := context.WithTimeout(t.Context(), 20*time.Millisecond)
	defer cancel()
	_, err = lb.Register(ctx, &lookasidev1.RegisterRequest{Id: "s3", Instance: "a", Address: "s3:1", Capacity: 1, Revision: 1000})
	if code := status.Code(err); code != codes.DeadlineExceeded && code != codes.Unavailable {
		t.Errorf("a revision in the future: %v", err)
	}
	if rows, err := lb.ListServers(t.Context(), &lookasidev1.ListServersRequest{}); err != nil || len(rows.GetServers()) != 1 {
		t.Errorf("table %v, %v; want s2 alone", rows, err)
	}
}

func sendReport(t *testing.T, lb lookasidev1.BalancerServiceClient, reports ...*lookasidev1.ReportRequest) error {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	stream, err := lb.Report(ctx)
	if err != nil {
		t.Fatal(err)
	}
	for _, r := range reports {
		_ = stream.Send(r) // an error shows in the answer
	}
	_, err = stream.CloseAndRecv()
	return err
}

func TestReport(t *testing.T) {
	b, lb := serveBalancer(t)
	b.Apply([]directory.Entry{life("s1", "a", 1)}, 1)
	good := &lookasidev1.ReportRequest{Id: "s1", Instance: "a", Sequence: 2, InFlight: 7, Utilization: 0.5}
	stale := &lookasidev1.ReportRequest{Id: "s1", Instance: "a", Sequence: 1, InFlight: 99}
	if err := sendReport(t, lb, good, stale); err != nil {
		t.Fatal(err)
	}
	table, err := lb.ListServers(t.Context(), &lookasidev1.ListServersRequest{})
	if err != nil || len(table.GetServers()) != 1 || table.GetPolicy() != "round_robin" {
		t.Fatalf("table %v, %v", table, err)
	}
	if s := table.GetServers()[0]; s.GetInFlight() != 7 || s.GetUtilization() != 0.5 || s.GetReportAgeNs() < 0 {
		t.Errorf("row %v does not show the newest report", s)
	}
	err = sendReport(t, lb, &lookasidev1.ReportRequest{Id: "s1", Instance: "b", Sequence: 1})
	wantCode(t, err, codes.NotFound, "register again")
	err = sendReport(t, lb, &lookasidev1.ReportRequest{Id: "s1", Instance: "a", Sequence: 3, Utilization: math.NaN()})
	wantCode(t, err, codes.InvalidArgument, "utilisation")
	err = sendReport(t, lb, &lookasidev1.ReportRequest{Id: "s1", Instance: "a", Sequence: 4, InFlight: -1})
	wantCode(t, err, codes.InvalidArgument, "in flight")
}

func TestReportStreamEndsWithTheBalancer(t *testing.T) {
	b := newTestBalancer(t)
	conn, stop := rpctest.Start(t, rpc.Options{
		Grace:      time.Minute, // the stream must end by itself, not be cut
		BeforeStop: func(context.Context) { close(b.stopping) },
	}, b.register)
	b.Apply([]directory.Entry{life("s1", "a", 1)}, 1)
	stream, err := lookasidev1.NewBalancerServiceClient(conn).Report(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	if err := stream.Send(&lookasidev1.ReportRequest{Id: "s1", Instance: "a", Sequence: 1}); err != nil {
		t.Fatal(err)
	}
	for known := false; !known; { // the handler runs
		b.mu.Lock()
		known = b.core.Rows(b.now())[0].ReportAge >= 0
		b.mu.Unlock()
	}
	if err := stop(); err != nil {
		t.Fatal(err)
	}
	wantCode(t, stream.RecvMsg(new(lookasidev1.ReportResponse)), codes.Unavailable, "stopping")
}

func TestCoreErrorsAreMappedToTheClosedSet(t *testing.T) {
	for _, c := range []struct {
		err  error
		kind rpc.Kind
	}{
		{&balancer.NoServerError{Service: "x"}, rpc.Unavailable},
		{balancer.ErrUnknownServer, rpc.NotFound},
		{balancer.ErrInvalid, rpc.Invalid},
		{balancer.ErrFull, rpc.Refused},
		{context.Canceled, rpc.Internal},
	} {
		if got := rpc.KindOf(WireError(c.err)); got != c.kind {
			t.Errorf("%v becomes %v, want %v", c.err, got, c.kind)
		}
	}
}

// patience ends the wait for what will not happen; nothing is measured by it.
const patience = 30 * time.Second

// rows lists the table as "id/instance".
func (b *Server) rows() string {
	b.mu.Lock()
	defer b.mu.Unlock()
	var out []string
	for _, r := range b.core.Rows(b.now()) {
		out = append(out, r.ID+"/"+r.Instance)
	}
	return strings.Join(out, " ")
}

// Each step is the directory as a whole, and what the table must then be.
func TestMembersFollowTheDirectory(t *testing.T) {
	type step struct {
		entries []directory.Entry
		want    string
	}
	for name, steps := range map[string][]step{
		"in the order of registration": {
			{[]directory.Entry{life("s2", "a", 3), life("s1", "a", 5)}, "s2/a s1/a"},
			{[]directory.Entry{life("s2", "a", 3), life("s1", "a", 5), life("s0", "a", 9)}, "s2/a s1/a s0/a"},
			{[]directory.Entry{life("s1", "a", 5)}, "s1/a"},
			{nil, ""},
		},
		"a second life replaces the first, whose late end changes nothing": {
			{[]directory.Entry{life("s1", "old", 1), life("s2", "a", 2)}, "s1/old s2/a"},
			{[]directory.Entry{life("s1", "old", 1), life("s2", "a", 2), life("s1", "new", 3)}, "s2/a s1/new"},
			{[]directory.Entry{life("s2", "a", 2), life("s1", "new", 3)}, "s2/a s1/new"},
		},
		"an earlier life outlives a later one": {
			{[]directory.Entry{life("s1", "old", 1), life("s1", "new", 2)}, "s1/new"},
			{[]directory.Entry{life("s1", "old", 1)}, "s1/old"},
		},
		"a lease lost and taken again: it goes last": {
			{[]directory.Entry{life("s1", "a", 1), life("s2", "a", 2)}, "s1/a s2/a"},
			{[]directory.Entry{life("s2", "a", 2), life("s1", "a", 7)}, "s2/a s1/a"},
		},
		"etcd came back without its data": {
			{[]directory.Entry{life("s1", "a", 100), life("s2", "a", 101)}, "s1/a s2/a"},
			{[]directory.Entry{life("s2", "a", 2), life("s1", "a", 3)}, "s2/a s1/a"},
		},
		"foreign and absurd entries are left out": {
			{[]directory.Entry{
				{Path: []string{"s9"}, Address: "x:1", Capacity: 1, Revision: 1},
				{Path: []string{"s8", "a"}, Address: "x:1", Capacity: -1, Revision: 2},
				life("s1", "a", 3),
			}, "s1/a"},
		},
	} {
		t.Run(name, func(t *testing.T) {
			b := newTestBalancer(t)
			for i, s := range steps {
				b.Apply(s.entries, int64(i))
				if got := b.rows(); got != s.want {
					t.Errorf("step %d: table %q, want %q", i, got, s.want)
				}
			}
		})
	}
}
