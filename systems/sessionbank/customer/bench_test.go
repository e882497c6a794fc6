package customer_test

import (
	"context"
	"fmt"
	"net"
	"sync"
	"testing"
	"time"

	"google.golang.org/grpc"

	"dyno/bench/driver"
	"dyno/internal/branches/group"
	"dyno/internal/replica"
	"dyno/internal/rpc"
	sessionbankv1 "dyno/proto/sessionbank/v1"
	"dyno/systems/sessionbank/branch"
	"dyno/systems/sessionbank/core/bank"
	"dyno/systems/sessionbank/core/token"
	"dyno/systems/sessionbank/customer"
)

// open starts branches in this process that keep nothing.
func open(t testing.TB, n int) []sessionbankv1.SessionBankServiceClient {
	t.Helper()
	spec := group.Spec{}
	for i := range n {
		spec.IDs = append(spec.IDs, replica.ID(i+1))
	}
	listeners, err := group.Listen(t.Context(), spec)
	if err != nil {
		t.Fatal(err)
	}
	ctx, stop := context.WithCancel(context.Background())
	var ended sync.WaitGroup
	t.Cleanup(func() { stop(); ended.Wait() })
	conns := make([]*grpc.ClientConn, n)
	for i, lis := range listeners {
		b, err := branch.Open(branch.Options{ID: spec.IDs[i], Peers: peers(listeners, i), Balance: 1 << 40, Wait: branch.DefaultWait})
		if err != nil {
			t.Fatal(err)
		}
		ended.Go(func() {
			if err := b.Serve(ctx, rpc.Options{Listener: lis}); err != nil {
				t.Error(err)
			}
		})
		if conns[i], err = rpc.Dial(lis.Addr().String()); err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { _ = conns[i].Close() })
	}
	return customer.Branches(conns)
}

func peers(all []net.Listener, self int) group.Peers {
	out := make(group.Peers)
	for j, lis := range all {
		if j != self {
			out[replica.ID(j+1)] = lis.Addr().String()
		}
	}
	return out
}

func session(branches []sessionbankv1.SessionBankServiceClient, id int, g token.Guarantees, kind token.Kind) *customer.Session {
	began := time.Now()
	return customer.New(fmt.Sprintf("s%d", id), branches, customer.Options{
		Guarantees: g, Kind: kind, Timeout: 10 * time.Second, Attempts: 1, Clock: func() int64 { return int64(time.Since(began)) },
	})
}

// A read and a write of a session that stays where it is, by what it asks for.
func BenchmarkOperation(b *testing.B) {
	for _, kind := range []bank.Kind{bank.Query, bank.Deposit} {
		for _, g := range []token.Guarantees{token.None, token.All} {
			b.Run(fmt.Sprintf("%s/%v", map[bank.Kind]string{bank.Query: "read", bank.Deposit: "write"}[kind], g), func(b *testing.B) {
				branches := open(b, 3)
				before := session(branches, 0, token.None, token.Vector)
				for i := range branches { // so that there is something in the token
					before.Do(b.Context(), bank.Deposit, 1, i)
				}
				if err := customer.Settle(b.Context(), branches); err != nil {
					b.Fatal(err)
				}
				s := session(branches, 1, g, token.Vector)
				used := driver.CPUTime() // a busy machine makes time longer, this hardly
				for b.Loop() {
					if t := s.Do(b.Context(), kind, 1, 0); t.Err != nil {
						b.Fatal(t.Err)
					}
				}
				b.ReportMetric(float64((driver.CPUTime()-used).Microseconds())/float64(b.N), "cpu-µs/op")
			})
		}
	}
}
