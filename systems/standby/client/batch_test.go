package client

import (
	"context"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"google.golang.org/grpc"

	standbyv1 "dyno/proto/standby/v1"
)

// slowAct is a stream whose Send waits until it is let go.
type slowAct struct {
	standbyv1.AccountServiceClient
	standbyv1.AccountService_ActClient
	ctx  context.Context
	let  chan struct{}
	sent [][]*standbyv1.ActRequest_Item
}

func (s *slowAct) Act(ctx context.Context, _ ...grpc.CallOption) (standbyv1.AccountService_ActClient, error) {
	s.ctx = ctx
	return s, nil
}

func (s *slowAct) Send(m *standbyv1.ActRequest) error {
	s.sent = append(s.sent, append([]*standbyv1.ActRequest_Item(nil), m.GetItems()...))
	<-s.let
	return nil
}

func (s *slowAct) Recv() (*standbyv1.ActResponse, error) {
	<-s.ctx.Done()
	return nil, s.ctx.Err()
}

// What waits while a message is sent goes out in the next one, together.
func TestStreamBatches(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		act := &slowAct{let: make(chan struct{})}
		s := newStream(act, time.Minute)
		var all sync.WaitGroup
		for n := range uint64(32) {
			all.Go(func() {
				_, _ = s.ask(t.Context(), &standbyv1.ActRequest_Item{Caller: &standbyv1.Caller{Client: n + 1, Number: 1}})
			})
		}
		synctest.Wait()
		if len(act.sent) != 1 {
			t.Fatalf("%d messages are under way at once", len(act.sent))
		}
		act.let <- struct{}{}
		synctest.Wait()
		if len(act.sent) > 1 && len(act.sent[0])+len(act.sent[1]) != 32 || len(act.sent) == 1 && len(act.sent[0]) != 32 {
			t.Errorf("the first two messages hold %d requests of 32", len(act.sent[0])+len(act.sent[len(act.sent)-1]))
		}
		close(act.let)
		s.close()
		all.Wait()
	})
}
