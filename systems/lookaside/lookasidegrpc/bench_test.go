//go:build unix

package lookasidegrpc

import (
	"context"
	"fmt"
	"sync"
	"syscall"
	"testing"
	"time"

	"google.golang.org/grpc"
	grpcpeer "google.golang.org/grpc/peer"
	"google.golang.org/grpc/resolver"
	"google.golang.org/grpc/resolver/manual"

	"dyno/internal/rpc"
	lookasidev1 "dyno/proto/lookaside/v1"
)

// attempt is what a server is given, by us and by who calls through grpc-go's own
// balancer and wants the same.
const attempt = 2 * time.Second

// turn is how many calls one side makes before the other one does.
const turn = 2000

type caller func(context.Context, *Trace) error

// BenchmarkBesideGRPC is what a call costs that we balance beside one that grpc-go's
// round robin does, servers and all: the sides take turns of some tens of
// milliseconds, so that whatever else the machine does meets both alike. Give it a
// -cpu of 1, which a role has.
func BenchmarkBesideGRPC(b *testing.B) {
	f := newFarm(b, 4)
	lb, _ := f.balancer()
	theirs := roundRobin(b, f)
	for _, c := range []struct {
		mode    string
		clients int
	}{{List, 100}, {Ask, 1}, {Ask, 8}, {Ask, 100}} {
		b.Run(fmt.Sprintf("%s/clients=%d", c.mode, c.clients), func(b *testing.B) {
			_, client, _ := open(b, "compute", Config{Mode: c.mode, Attempt: attempt, Reserve: MaxReserve}, lb)
			ours := func(ctx context.Context, trace *Trace) error {
				trace.Attempts = trace.Attempts[:0]
				_, err := client.Compute(ctx, &lookasidev1.ComputeRequest{}, trace)
				return err
			}
			var our, their time.Duration
			for i := 0; b.Loop(); i++ {
				if i%2 == 0 {
					our += load(b, c.clients, ours)
				}
				their += load(b, c.clients, theirs)
				if i%2 == 1 {
					our += load(b, c.clients, ours)
				}
			}
			b.ReportMetric(our.Seconds()/their.Seconds(), "×")
			b.ReportMetric(float64(our.Nanoseconds())/float64(b.N*turn), "ns/call")
		})
	}
}

// load lets clients make their calls, and returns the processor time of it.
func load(b *testing.B, clients int, call caller) time.Duration {
	ctx, cancel := context.WithTimeout(b.Context(), patience)
	defer cancel()
	before := processor(b)
	var all sync.WaitGroup
	for range clients {
		all.Go(func() {
			var trace Trace
			for range turn / clients {
				if err := call(ctx, &trace); err != nil {
					b.Error(err)
				}
			}
		})
	}
	all.Wait()
	return processor(b) - before
}

func processor(b *testing.B) time.Duration {
	var u syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &u); err != nil {
		b.Fatal(err)
	}
	return time.Duration(u.Utime.Nano() + u.Stime.Nano())
}

// roundRobin calls through grpc-go's own balancer, with the same bound on an attempt
// and the same account of who had it.
func roundRobin(b *testing.B, f *farm) caller {
	addresses := manual.NewBuilderWithScheme("given")
	state := resolver.State{}
	for _, s := range f.servers {
		state.Endpoints = append(state.Endpoints, resolver.Endpoint{Addresses: []resolver.Address{{Addr: s.GetAddress()}}})
	}
	addresses.InitialState(state)
	conn, err := rpc.Dial("given:///compute", grpc.WithResolvers(addresses),
		grpc.WithDefaultServiceConfig(`{"loadBalancingConfig":[{"round_robin":{}}]}`))
	if err != nil {
		b.Fatal(err)
	}
	b.Cleanup(func() { _ = conn.Close() })
	client := lookasidev1.NewComputeServiceClient(conn)
	return func(ctx context.Context, trace *Trace) error {
		ctx, cancel := context.WithTimeout(ctx, attempt)
		defer cancel()
		var at grpcpeer.Peer
		_, err := client.Compute(ctx, &lookasidev1.ComputeRequest{}, grpc.Peer(&at))
		trace.Attempts = append(trace.Attempts[:0], Attempt{Server: Server{Address: at.Addr.String()}, Err: err})
		return err
	}
}
