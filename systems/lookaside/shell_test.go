package lookaside

import (
	"context"
	"testing"
	"time"

	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"

	"dyno/internal/rpc"
	lookasidev1 "dyno/proto/lookaside/v1"
)

// Watchers are sent the whole list once, and then what changes in it.
func TestWatch(t *testing.T) {
	b, lb := serveBalancer(t)
	b.apply([]entry{life("s1", "a", 1), life("s2", "a", 2)}, 2)
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
	b.apply([]entry{life("s1", "a", 1), life("s2", "b", 3), life("s3", "a", 4)}, 4)
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
	b.apply([]entry{life("s2", "b", 3), life("s3", "a", 4)}, 5)
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

// A server that is told to fails, hangs, and serves again.
func TestDisturb(t *testing.T) {
	_, server := serveStation(t, time.Millisecond, 10)
	tell := func(d lookasidev1.Disturbance) error {
		_, err := server.Disturb(t.Context(), &lookasidev1.DisturbRequest{Disturbance: d})
		return err
	}
	ask := func(patience time.Duration) error {
		ctx, cancel := context.WithTimeout(t.Context(), patience)
		defer cancel()
		_, err := server.Compute(ctx, &lookasidev1.ComputeRequest{Seed: 1, Rounds: 1})
		return err
	}
	if err := tell(lookasidev1.Disturbance_DISTURBANCE_FAIL); err != nil {
		t.Fatal(err)
	}
	wantCode(t, ask(patience), codes.Unavailable, "out of order")
	if err := tell(lookasidev1.Disturbance_DISTURBANCE_HANG); err != nil {
		t.Fatal(err)
	}
	wantCode(t, ask(20*time.Millisecond), codes.DeadlineExceeded, "")
	wantCode(t, tell(99), codes.InvalidArgument, "99")
	if err := tell(lookasidev1.Disturbance_DISTURBANCE_UNSPECIFIED); err != nil {
		t.Fatal(err)
	}
	if err := ask(patience); err != nil {
		t.Errorf("told to serve again: %v", err)
	}
	if st := stats(t, server); st.GetRequests() != 1 {
		t.Errorf("%d requests were served, want the last one: %v", st.GetRequests(), st)
	}
}
