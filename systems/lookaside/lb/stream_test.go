package lb

import (
	"context"
	"testing"

	"google.golang.org/grpc"

	"dyno/internal/rpc"
	lookasidev1 "dyno/proto/lookaside/v1"
	"dyno/systems/lookaside/directory"
)

// Watchers are sent the whole list once, and then what changes in it.
func TestWatch(t *testing.T) {
	b, lb := serveBalancer(t)
	b.Apply([]directory.Entry{life("s1", "a", 1), life("s2", "a", 2)}, 2)
	b.relist()
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	stream, err := lb.Watch(ctx, &lookasidev1.WatchRequest{Service: "compute"})
	if err != nil {
		t.Fatal(err)
	}
	if first := next(t, stream); !first.GetSnapshot() || len(first.GetChanged()) != 2 || len(first.GetGone()) != 0 {
		t.Errorf("the first message is %v, want both servers", first)
	}
	// A later life of s2, and a server that joins; s1 stays as it is.
	b.Apply([]directory.Entry{life("s1", "a", 1), life("s2", "b", 3), life("s3", "a", 4)}, 4)
	b.relist()
	changed, gone := map[string]string{}, map[string]string{}
	for len(changed) < 2 {
		m := next(t, stream)
		if m.GetSnapshot() {
			t.Errorf("a second snapshot: %v", m)
		}
		for _, e := range m.GetChanged() {
			changed[e.GetId()] = e.GetInstance()
		}
		for _, e := range m.GetGone() {
			gone[e.GetId()] = e.GetInstance()
		}
	}
	if changed["s2"] != "b" || changed["s3"] != "a" || gone["s2"] != "a" || len(gone) != 1 {
		t.Errorf("changed %v, gone %v", changed, gone)
	}
	// One that failed is to be avoided.
	if _, err := lb.Pick(ctx, &lookasidev1.PickRequest{Failed: []*lookasidev1.Instance{{Id: "s1", Instance: "a"}}}); err != nil {
		t.Fatal(err)
	}
	if m := next(t, stream); len(m.GetChanged()) != 1 || m.GetChanged()[0].GetId() != "s1" || !m.GetChanged()[0].GetAvoid() {
		t.Errorf("after s1 failed: %v", m)
	}
	b.Apply([]directory.Entry{life("s2", "b", 3), life("s3", "a", 4)}, 5)
	b.relist()
	if m := next(t, stream); len(m.GetGone()) != 1 || m.GetGone()[0].GetId() != "s1" {
		t.Errorf("after s1 left: %v", m)
	}
}

func next(t *testing.T, stream grpc.ServerStreamingClient[lookasidev1.WatchResponse]) *lookasidev1.WatchResponse {
	t.Helper()
	m, err := stream.Recv()
	if err != nil {
		t.Fatal(err)
	}
	return m
}

func TestWatchersAreBounded(t *testing.T) {
	b, lb := serveBalancer(t)
	stream, err := lb.Watch(t.Context(), &lookasidev1.WatchRequest{})
	if err != nil {
		t.Fatal(err)
	}
	if m := next(t, stream); !m.GetSnapshot() || len(m.GetChanged()) != 0 {
		t.Errorf("of no servers: %v", m)
	}
	b.watchers.Store(maxWatchers)
	full, err := lb.Watch(t.Context(), &lookasidev1.WatchRequest{})
	if err == nil {
		_, err = full.Recv()
	}
	if rpc.KindOf(err) != rpc.Refused {
		t.Errorf("one watcher too many: %v", err)
	}
}
