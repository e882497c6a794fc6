package lb

import (
	"errors"
	"io"
	"maps"
	"time"

	"google.golang.org/grpc"

	"dyno/internal/rpc"
	lookasidev1 "dyno/proto/lookaside/v1"
	"dyno/systems/lookaside/core/balancer"
)

const (
	maxAsks     = 1024    // in one frame
	maxNumbered = 1 << 16 // instances that one stream may name; then the client opens another
	maxWatchers = 10_000  // clients that are sent the list

	// Suspicions end by themselves: watchers look at least this often.
	relistInterval = time.Second
)

// PickMany implements lookasidev1.BalancerServiceServer.
func (b *Server) PickMany(stream grpc.BidiStreamingServer[lookasidev1.PickManyRequest, lookasidev1.PickManyResponse]) error {
	err := b.untilStop(func() error {
		named := numbering{}
		for {
			req, err := stream.Recv()
			if err != nil {
				return err
			}
			resp, err := b.pickMany(req, named)
			if err != nil {
				return err
			}
			if err := stream.Send(resp); err != nil {
				return err
			}
		}
	})
	if errors.Is(err, io.EOF) {
		return nil
	}
	return err
}

// pickMany answers one frame.
func (b *Server) pickMany(req *lookasidev1.PickManyRequest, named numbering) (*lookasidev1.PickManyResponse, error) {
	if c := req.GetCount(); c > maxAsks {
		return nil, rpc.InvalidField("count", "%d picks, at most %d", c, maxAsks)
	}
	if f := len(req.GetFailed()); f > maxFailedInstances {
		return nil, rpc.InvalidField("failed", "%d instances, at most %d", f, maxFailedInstances)
	}
	if len(named) > maxNumbered {
		return nil, rpc.Errorf(rpc.Refused, "this stream has named %d servers: open another", len(named))
	}
	resp := &lookasidev1.PickManyResponse{Picks: make([]uint32, 0, req.GetCount())}
	b.mu.Lock()
	now := b.now()
	for _, f := range req.GetFailed() {
		b.core.Fail(now, f.GetId(), f.GetInstance())
	}
	var err error
	for range req.GetCount() {
		var pick balancer.Pick
		if pick, err = b.core.Pick(now); err != nil {
			break // all of them fail alike: nothing happens between them
		}
		named.add(pick, resp)
	}
	b.probes.want(b.core.Probes(nil))
	b.mu.Unlock()
	if err != nil {
		resp.Unavailable = err.Error()
	}
	if len(req.GetFailed()) > 0 {
		b.relist()
	}
	return resp, nil
}

// numbering gives the servers that a stream names short names.
type numbering map[balancer.Pick]uint32

// add puts a pick into an answer.
func (n numbering) add(pick balancer.Pick, resp *lookasidev1.PickManyResponse) {
	number, known := n[pick]
	if !known {
		number = uint32(len(n))
		n[pick] = number
		resp.Introduced = append(resp.Introduced, &lookasidev1.PickResponse{Id: pick.ID, Instance: pick.Instance, Address: pick.Address})
	}
	resp.Picks = append(resp.Picks, number)
}

// relist lets watchers look at the table again.
func (b *Server) relist() { b.listed.Set(b.changes.Add(1)) }

// Watch implements lookasidev1.BalancerServiceServer. What has been sent is
// kept per watcher, so a slow one gets fewer changes, never wrong ones.
func (b *Server) Watch(req *lookasidev1.WatchRequest, stream grpc.ServerStreamingServer[lookasidev1.WatchResponse]) error {
	if name := req.GetService(); name != "" && b.service != "" && name != b.service {
		return rpc.Errorf(rpc.Unavailable, "there is no service %q here; this balancer has %q", name, b.service)
	}
	defer b.watchers.Add(-1)
	if b.watchers.Add(1) > maxWatchers {
		return rpc.Errorf(rpc.Refused, "more than %d clients watch the list", maxWatchers)
	}
	tick := time.NewTicker(relistInterval)
	defer tick.Stop()
	sent := watched{}
	for first := true; ; first = false {
		_, changed := b.listed.Get()
		if resp := sent.update(b.endpoints()); first || len(resp.GetChanged())+len(resp.GetGone()) > 0 {
			resp.Snapshot = first
			if err := stream.Send(resp); err != nil {
				return err
			}
		}
		select {
		case <-changed:
		case <-tick.C:
		case <-stream.Context().Done():
			return stream.Context().Err()
		case <-b.stopping:
			return errStopping
		}
	}
}

// endpoint is what watchers are told of a server, by value so that it can be
// compared.
type endpoint struct {
	id, instance, address string
	capacity              float64
	revision              int64
	avoid                 bool
}

func (b *Server) endpoints() []endpoint {
	b.mu.Lock()
	defer b.mu.Unlock()
	rows := b.core.Rows(b.now())
	out := make([]endpoint, len(rows))
	for i, r := range rows {
		out[i] = endpoint{r.ID, r.Instance, r.Address, r.Capacity, r.Revision, r.Draining || r.Suspect}
	}
	return out
}

// watched is what a watcher has been told, by id.
type watched map[string]endpoint

// update makes it what there is now and returns the difference.
func (w watched) update(now []endpoint) *lookasidev1.WatchResponse {
	resp := &lookasidev1.WatchResponse{}
	left := maps.Clone(w)
	for _, e := range now {
		old, known := left[e.id]
		delete(left, e.id)
		if known && old == e {
			continue
		}
		if known && old.instance != e.instance {
			resp.Gone = append(resp.Gone, &lookasidev1.Instance{Id: old.id, Instance: old.instance})
		}
		w[e.id] = e
		resp.Changed = append(resp.Changed, &lookasidev1.Endpoint{
			Id: e.id, Instance: e.instance, Address: e.address, Capacity: e.capacity, Revision: e.revision, Avoid: e.avoid,
		})
	}
	for id, e := range left {
		delete(w, id)
		resp.Gone = append(resp.Gone, &lookasidev1.Instance{Id: id, Instance: e.instance})
	}
	return resp
}
