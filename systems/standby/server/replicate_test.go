package server

import (
	"context"
	"testing"
	"testing/synctest"
	"time"

	"google.golang.org/grpc"

	"dyno/internal/rpc"
	standbyv1 "dyno/proto/standby/v1"
	"dyno/systems/standby/core"
)

// deaf is another server that cannot be reached.
type deaf struct {
	standbyv1.ReplicationServiceClient
	asked int
}

func (d *deaf) Replicate(context.Context, ...grpc.CallOption) (standbyv1.ReplicationService_ReplicateClient, error) {
	d.asked++
	return nil, rpc.Errorf(rpc.Unavailable, "nobody listens")
}

// A server that is away is asked as often as there is something to tell it, and
// not without end, which left a primary on one processor no time for clients.
func TestUnreachedStandbyIsLeftAlone(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		ctx, cancel := context.WithCancel(t.Context())
		other := &deaf{}
		o := &outgoing{server: &server{ctx: ctx}, client: other, wake: make(chan struct{}, 1)}
		ended := make(chan struct{})
		go func() { defer close(ended); o.run() }()
		for range 10 {
			o.add(&core.Message{Kind: core.Append})
			time.Sleep(100 * time.Millisecond)
		}
		cancel()
		<-ended
		if other.asked < 9 || other.asked > 11 {
			t.Errorf("asked %d times for 10 messages", other.asked)
		}
		if n := len(o.take()); n > 1 {
			t.Errorf("%d messages are kept for nobody", n)
		}
	})
}
