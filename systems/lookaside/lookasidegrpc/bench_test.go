//go:build unix

package lookasidegrpc

import (
	"context"
	"fmt"
	"slices"
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

// turn is how many calls one side makes before the other one does: few, for short turns
// scatter hardly more than long ones, and there are more of them.
const turn = 500

type caller func(context.Context, *Trace) error

// BenchmarkBesideGRPC is what a call costs that we balance beside one that grpc-go's
// round robin does, servers and all: the median ratio of four turns each, theirs,
// ours, ours, theirs, of some tens of milliseconds, so that whatever else the machine
// does meets both alike. Clients live on, for a new one's stack has to grow. Give it a
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
			all := employ(b, c.clients)
			var total time.Duration
			var ratios []float64
			_, _ = all.load(ours), all.load(theirs) // connects
			for b.Loop() {
				their := all.load(theirs)
				our := all.load(ours) + all.load(ours)
				their += all.load(theirs)
				total += our
				ratios = append(ratios, our.Seconds()/their.Seconds())
			}
			slices.Sort(ratios)
			b.ReportMetric((ratios[(b.N-1)/2]+ratios[b.N/2])/2, "×")
			b.ReportMetric(float64(total.Nanoseconds())/float64(2*b.N*turn), "ns/call")
		})
	}
}

// crew are clients that wait for what to call.
type crew struct {
	b      *testing.B
	orders []chan caller
	done   sync.WaitGroup
}

func employ(b *testing.B, clients int) *crew {
	c := &crew{b: b, orders: make([]chan caller, clients)}
	for i := range c.orders {
		c.orders[i] = make(chan caller)
		go c.serve(c.orders[i])
		b.Cleanup(func() { close(c.orders[i]) })
	}
	return c
}

// serve is one client.
func (c *crew) serve(orders <-chan caller) {
	var trace Trace
	for call := range orders {
		for range turn / len(c.orders) {
			ctx, cancel := context.WithTimeout(c.b.Context(), patience)
			if err := call(ctx, &trace); err != nil {
				c.b.Error(err)
			}
			cancel()
		}
		c.done.Done()
	}
}

// load lets all clients make their calls, and returns the processor time of it.
func (c *crew) load(call caller) time.Duration {
	before := processor(c.b)
	c.done.Add(len(c.orders))
	for _, o := range c.orders {
		o <- call
	}
	c.done.Wait()
	return processor(c.b) - before
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
	state, servers := resolver.State{}, make(map[string]Server)
	for _, s := range f.servers {
		servers[s.GetAddress()] = Server{ID: s.GetId(), Instance: s.GetInstance(), Address: s.GetAddress()}
		state.Endpoints = append(state.Endpoints, resolver.Endpoint{Addresses: []resolver.Address{{Addr: s.GetAddress()}}})
	}
	addresses.InitialState(state)
	conn, err := rpc.Dial("given:///compute", append(rpc.FixedWindows(), grpc.WithResolvers(addresses),
		grpc.WithDefaultServiceConfig(`{"loadBalancingConfig":[{"round_robin":{}}]}`))...)
	if err != nil {
		b.Fatal(err)
	}
	b.Cleanup(func() { _ = conn.Close() })
	client := lookasidev1.NewComputeServiceClient(conn)
	return func(ctx context.Context, trace *Trace) error {
		ctx, cancel := context.WithTimeout(ctx, attempt)
		defer cancel()
		var at grpcpeer.Peer
		begin := time.Now()
		_, err := client.Compute(ctx, &lookasidev1.ComputeRequest{}, grpc.Peer(&at))
		a := Attempt{At: begin, Err: err}
		if at.Addr != nil {
			a.Server = servers[at.Addr.String()]
		}
		trace.Attempts = append(trace.Attempts[:0], a)
		return err
	}
}
