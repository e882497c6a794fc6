package client_test

import (
	"context"
	"fmt"
	"sync"
	"testing"

	"google.golang.org/grpc"

	"dyno/internal/rpc"
	standbyv1 "dyno/proto/standby/v1"
	"dyno/systems/standby/client"
	"dyno/systems/standby/config"
)

// echoing answers at once, in the same message.
type echoing struct {
	standbyv1.UnimplementedAccountServiceServer
}

func (echoing) Deposit(_ context.Context, r *standbyv1.DepositRequest) (*standbyv1.DepositResponse, error) {
	return &standbyv1.DepositResponse{Answer: done(r.GetAmount(), 1, r.GetCaller().GetNumber())}, nil
}

func (echoing) Act(s standbyv1.AccountService_ActServer) error {
	for {
		m, err := s.Recv()
		if err != nil {
			return err
		}
		out := &standbyv1.ActResponse{Items: make([]*standbyv1.ActResponse_Item, len(m.GetItems()))}
		for n, i := range m.GetItems() {
			c := i.GetCaller()
			out.Items[n] = &standbyv1.ActResponse_Item{
				Client: c.GetClient(), Number: c.GetNumber(),
				Result: &standbyv1.ActResponse_Item_Answer{Answer: done(i.GetAmount(), 1, c.GetNumber())},
			}
		}
		if err := s.Send(out); err != nil {
			return err
		}
	}
}

// BenchmarkInterface is what the interface costs: a server that does nothing,
// over loopback.
func BenchmarkInterface(b *testing.B) {
	for _, stream := range []bool{false, true} {
		for _, sessions := range []int{1, 32} {
			b.Run(fmt.Sprintf("stream=%v/sessions=%d", stream, sessions), func(b *testing.B) {
				ctx, cancel := context.WithCancel(b.Context())
				defer cancel()
				ready := make(chan string, 1)
				go func() {
					_ = rpc.Serve(ctx, rpc.Options{Ready: func(addr string) { ready <- addr }}, func(r grpc.ServiceRegistrar) {
						standbyv1.RegisterAccountServiceServer(r, echoing{})
					})
				}()
				addr := <-ready
				bank, err := client.Dial(client.Options{Hosts: config.Hosts{S1: addr, S2: addr}, Stream: stream})
				if err != nil {
					b.Fatal(err)
				}
				defer bank.Close()
				var all sync.WaitGroup
				b.ReportAllocs()
				b.ResetTimer()
				for n := range sessions {
					all.Go(func() {
						s := bank.Session()
						for i := n; i < b.N; i += sessions {
							if _, err := s.Deposit(ctx, "a", 5); err != nil {
								b.Error(err)
							}
						}
					})
				}
				all.Wait()
			})
		}
	}
}
