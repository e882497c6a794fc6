package echo

import (
	"context"
	"slices"
	"testing"
	"testing/synctest"
	"time"

	"google.golang.org/grpc"

	"dyno/bench/driver"
	"dyno/bench/load"
	"dyno/internal/record"
	"dyno/internal/rpc"
	"dyno/internal/rpc/rpctest"
	echov1 "dyno/proto/echo/v1"
)

// wrong is a server with a fault in some answers.
type wrong struct {
	service
	fault func(n uint64, r *echov1.EchoResponse) error
}

func (w *wrong) Echo(ctx context.Context, req *echov1.EchoRequest) (*echov1.EchoResponse, error) {
	time.Sleep(time.Millisecond)
	resp, err := w.service.Echo(ctx, req)
	if err != nil {
		return nil, err
	}
	return resp, w.fault(resp.GetAnswered(), resp)
}

// A real client drives a server that is wrong in one way: the checks that must
// notice do, the others do not.
func TestFaultyServers(t *testing.T) {
	for name, c := range map[string]struct {
		fault   func(n uint64, r *echov1.EchoResponse) error
		invalid []string
	}{
		"none":                {func(uint64, *echov1.EchoResponse) error { return nil }, nil},
		"another payload":     {func(n uint64, r *echov1.EchoResponse) error { r.Payload[n%16] ^= byte(n / 50); return nil }, []string{"answered", "payload"}},
		"a payload too short": {func(n uint64, r *echov1.EchoResponse) error { r.Payload = r.Payload[:16-n/50%2]; return nil }, []string{"answered", "payload"}},
		"a number twice":      {func(n uint64, r *echov1.EchoResponse) error { r.Answered = max(1, n/2*2); return nil }, []string{"numbers"}},
		"a number left out":   {func(n uint64, r *echov1.EchoResponse) error { r.Answered += n / 50; return nil }, []string{"numbers"}},
		"done, then refused": {func(n uint64, _ *echov1.EchoResponse) error {
			if n == 50 {
				return rpc.Errorf(rpc.Refused, "too late to say so")
			}
			return nil
		}, []string{"answered", "numbers"}},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				srv := &wrong{fault: c.fault}
				conn, _ := rpctest.Start(t, rpc.Options{}, func(r grpc.ServiceRegistrar) { echov1.RegisterEchoServiceServer(r, srv) })
				loop := load.Closed{Clients: 4, Warmup: 5 * time.Millisecond, Length: 20 * time.Millisecond}
				r, err := drive(t.Context(), conn, driver.Once(loop), 16, 1)
				if err != nil {
					t.Fatal(err)
				}
				var invalid []string
				for _, check := range judge(r, &config{driver: driver.Closed}, srv.answered.Load()).Checks {
					if check.Status == record.Invalid {
						invalid = append(invalid, check.Name)
					}
				}
				slices.Sort(invalid)
				if !slices.Equal(invalid, c.invalid) || r.Counts.Sent != 100 {
					t.Errorf("%d requests; invalid: %v, want %v", r.Counts.Sent, invalid, c.invalid)
				}
			})
		})
	}
}

// Every caller's payload is its own, and another one with every call, down to
// the smallest size that can tell anything.
func TestPayloadsDiffer(t *testing.T) {
	for _, size := range []int{1, 7, 8, 9, 1000} {
		a, again := newCaller(nil, 0, size, 1), newCaller(nil, 0, size, 1)
		seen := map[string]bool{}
		for _, c := range []*caller{a, newCaller(nil, 1, size, 1), newCaller(nil, 0, size, 2)} {
			for range 3 {
				c.stamp()
				seen[string(c.payload)] = true
			}
		}
		again.calls = 2
		if again.stamp(); !slices.Equal(a.payload, again.payload) {
			t.Errorf("%d bytes: %x, and with the same seed %x", size, a.payload, again.payload)
		}
		if len(a.payload) != size || len(seen) != 9 {
			t.Errorf("%d bytes: %d different payloads of 3 callers in 3 calls each", size, len(seen))
		}
	}
	empty := newCaller(nil, 0, 0, 1)
	if empty.stamp(); len(empty.payload) != 0 {
		t.Errorf("no bytes: %x", empty.payload)
	}
}

// BenchmarkCall is one request over memory: marshalling, HTTP/2 and the
// client's own work, without the kernel.
func BenchmarkCall(b *testing.B) {
	conn, _ := rpctest.Start(b, rpc.Options{}, new(service).register)
	c := newCaller(conn, 0, 16, 1)
	b.ReportAllocs()
	for b.Loop() {
		if _, o := c.call(b.Context()); o != record.OK {
			b.Fatal(o)
		}
	}
}
