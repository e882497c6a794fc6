// Package lb is the role lb: the gRPC shell around the balancer's core, which
// follows the directory, probes servers and sends clients the list of them.
package lb

import (
	"context"
	"errors"
	"io"
	"log/slog"
	"sync"
	"sync/atomic"
	"time"

	"google.golang.org/grpc"

	"dyno/internal/rpc"
	lookasidev1 "dyno/proto/lookaside/v1"
	"dyno/systems/lookaside/core/balancer"
	"dyno/systems/lookaside/directory"
	"dyno/systems/lookaside/wait"
)

const (
	// A client names the servers that failed its request; it gives up after a few.
	maxFailedInstances = 16

	// The directory shows a server to the balancer within milliseconds of
	// showing it to the server itself.
	registerPatience = 2 * time.Second
)

// Server is the gRPC shell around the balancer's core. Who is a member
// comes from the directory alone, through apply.
type Server struct {
	lookasidev1.UnimplementedBalancerServiceServer

	policy   string
	service  string // empty: asked for by any name
	epoch    time.Time
	log      *slog.Logger
	stopping chan struct{} // closed: streams end
	probes   *probing
	complete wait.Latest[int64] // the directory's revision up to which members are known

	listed   wait.Latest[uint64] // counts what may have changed the list that watchers see
	changes  atomic.Uint64
	watchers atomic.Int64

	mu      sync.Mutex // guards what follows; a pick holds it for about a microsecond
	core    *balancer.Balancer
	members map[string]balancer.Member // by id
}

// New makes a balancer around a core whose policy has this name.
func New(policy string, core *balancer.Balancer, log *slog.Logger) *Server {
	return &Server{
		policy:   policy,
		epoch:    time.Now(),
		log:      log,
		stopping: make(chan struct{}),
		probes:   newProbing(),
		core:     core,
		members:  make(map[string]balancer.Member),
	}
}

func (b *Server) register(r grpc.ServiceRegistrar) {
	lookasidev1.RegisterBalancerServiceServer(r, b)
}

// now is the core's clock: monotonic, from the balancer's start.
func (b *Server) now() time.Duration { return time.Since(b.epoch) }

// Pick implements lookasidev1.BalancerServiceServer.
func (b *Server) Pick(_ context.Context, req *lookasidev1.PickRequest) (*lookasidev1.PickResponse, error) {
	if n := len(req.GetFailed()); n > maxFailedInstances {
		return nil, rpc.InvalidField("failed", "%d instances, at most %d", n, maxFailedInstances)
	}
	b.mu.Lock()
	now := b.now()
	for _, f := range req.GetFailed() {
		b.core.Fail(now, f.GetId(), f.GetInstance())
	}
	pick, err := b.core.Pick(now)
	b.probes.want(b.core.Probes(nil))
	b.mu.Unlock()
	if len(req.GetFailed()) > 0 {
		b.relist()
	}
	if err != nil {
		return nil, WireError(err)
	}
	return &lookasidev1.PickResponse{Id: pick.ID, Instance: pick.Instance, Address: pick.Address}, nil
}

// Register implements lookasidev1.BalancerServiceServer. It returns once the
// balancer has read the server's entry from the directory, so that a server
// that is registered can be picked, and one whose lease has ended meanwhile
// learns that it must announce itself again.
func (b *Server) Register(ctx context.Context, req *lookasidev1.RegisterRequest) (*lookasidev1.RegisterResponse, error) {
	want := balancer.Member{
		ID: req.GetId(), Instance: req.GetInstance(), Address: req.GetAddress(),
		Capacity: req.GetCapacity(), Revision: req.GetRevision(),
	}
	if err := want.Validate(); err != nil {
		return nil, WireError(err)
	}
	ctx, cancel := context.WithTimeout(ctx, registerPatience)
	defer cancel()
	for {
		revision, changed := b.complete.Get()
		b.mu.Lock()
		got := b.members[want.ID]
		b.mu.Unlock()
		switch {
		case got == want:
			return &lookasidev1.RegisterResponse{}, nil
		case got.Revision >= want.Revision:
			return nil, rpc.Errorf(rpc.Precondition, "server %s is %+v in the directory, not %+v", want.ID, got, want)
		case revision >= want.Revision:
			return nil, rpc.Errorf(rpc.NotFound, "server %s (%s) is not in the directory at revision %d: announce it again",
				want.ID, want.Instance, revision)
		}
		select {
		case <-changed:
		case <-ctx.Done():
			return nil, rpc.Errorf(rpc.Unavailable, "server %s: the directory has been read up to revision %d, not yet to %d",
				want.ID, revision, want.Revision)
		}
	}
}

// Report implements lookasidev1.BalancerServiceServer.
func (b *Server) Report(stream grpc.ClientStreamingServer[lookasidev1.ReportRequest, lookasidev1.ReportResponse]) error {
	err := b.untilStop(func() error { return b.receive(stream) })
	if errors.Is(err, io.EOF) {
		return stream.SendAndClose(&lookasidev1.ReportResponse{})
	}
	return err
}

// untilStop runs the receiving part of a stream's handler. Receiving does not
// end when the balancer stops, but with the handler.
func (b *Server) untilStop(receive func() error) error {
	received := make(chan error, 1)
	go func() { received <- receive() }()
	select {
	case err := <-received:
		return err
	case <-b.stopping:
		return errStopping
	}
}

var errStopping = rpc.Errorf(rpc.Unavailable, "the balancer is stopping")

func (b *Server) receive(stream grpc.ClientStreamingServer[lookasidev1.ReportRequest, lookasidev1.ReportResponse]) error {
	for {
		req, err := stream.Recv()
		if err != nil {
			return err
		}
		b.mu.Lock()
		err = b.core.Report(b.now(), balancer.Report{
			ID: req.GetId(), Instance: req.GetInstance(), Sequence: req.GetSequence(),
			InFlight: req.GetInFlight(), Utilization: req.GetUtilization(),
			QPS: req.GetQps(), EPS: req.GetEps(), Draining: req.GetDraining(),
			Latency: time.Duration(req.GetLatencyNs()),
		})
		b.mu.Unlock()
		if err != nil {
			return WireError(err)
		}
		if req.GetDraining() {
			b.relist()
		}
	}
}

// ListServers implements lookasidev1.BalancerServiceServer.
func (b *Server) ListServers(context.Context, *lookasidev1.ListServersRequest) (*lookasidev1.ListServersResponse, error) {
	b.mu.Lock()
	rows, changes, audit := b.core.Rows(b.now()), b.core.Changes(), b.core.Audit()
	b.mu.Unlock()
	resp := &lookasidev1.ListServersResponse{Policy: b.policy, Changes: changes}
	if audit.Picks > 0 {
		resp.Audit = &lookasidev1.Audit{Picks: audit.Picks, Broken: audit.Broken, Rank: audit.Rank, RankVariance: audit.RankVariance}
	}
	for _, r := range rows {
		resp.Servers = append(resp.Servers, &lookasidev1.Server{
			Id: r.ID, Instance: r.Instance, Address: r.Address, Capacity: r.Capacity, Revision: r.Revision,
			Picks: r.Picks, InFlight: r.InFlight, Utilization: r.Utilization, Assigned: int64(r.Assigned),
			ReportAgeNs: int64(r.ReportAge), Draining: r.Draining, Suspect: r.Suspect,
			Audited: r.Tally.Picks, Expected: r.Tally.Expected, Variance: r.Tally.Variance,
		})
	}
	return resp, nil
}

// WireError maps the core's errors to the closed set that crosses the wire.
func WireError(err error) error {
	var none *balancer.NoServerError
	switch {
	case errors.As(err, &none):
		return rpc.Errorf(rpc.Unavailable, "%v", err)
	case errors.Is(err, balancer.ErrUnknownServer):
		return rpc.Errorf(rpc.NotFound, "%v", err)
	case errors.Is(err, balancer.ErrInvalid):
		return rpc.Errorf(rpc.Invalid, "%v", err)
	case errors.Is(err, balancer.ErrFull):
		return rpc.Errorf(rpc.Refused, "%v", err)
	default:
		return rpc.Errorf(rpc.Internal, "%v", err)
	}
}

// Apply makes the directory's entries, which are complete up to a revision and
// sorted by it, the balancer's members. Of two lives of one id the later
// counts, until it leaves.
func (b *Server) Apply(entries []directory.Entry, revision int64) {
	listed := make(map[string]balancer.Member, len(entries))
	for _, e := range entries {
		if len(e.Path) != 2 {
			b.log.Warn("foreign entry in the directory", "path", e.Path)
			continue
		}
		listed[e.Path[0]] = balancer.Member{ID: e.Path[0], Instance: e.Path[1], Address: e.Address, Capacity: e.Capacity, Revision: e.Revision}
	}
	b.mu.Lock()
	b.leave(listed)
	for _, e := range entries { // in the order of registration
		if m, ok := listed[e.Path[0]]; ok && m.Revision == e.Revision {
			b.join(m)
		}
	}
	b.mu.Unlock()
	b.complete.Set(revision)
	b.relist()
}

// leave removes the members that the directory no longer lists. One that it
// lists with an earlier revision than ours is an earlier life, or etcd has
// lost its data: both start over.
func (b *Server) leave(listed map[string]balancer.Member) {
	for id, m := range b.members {
		if l, ok := listed[id]; !ok || l.Revision < m.Revision {
			b.core.Leave(id, m.Instance)
			delete(b.members, id)
		}
	}
}

func (b *Server) join(m balancer.Member) {
	if b.members[m.ID] == m {
		return
	}
	if err := b.core.Join(m); err != nil {
		b.log.Warn("entry in the directory refused", "id", m.ID, "instance", m.Instance, "error", err)
		return
	}
	b.members[m.ID] = m
}
