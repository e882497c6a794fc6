package ghz

import (
	"context"
	"net"
	"strings"
	"testing"
	"time"

	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/health/grpc_health_v1"
	"google.golang.org/grpc/status"

	"dyno/bench/driver"
	"dyno/internal/record"
	"dyno/internal/rpc"
)

// patient answers after a time, or with an error.
type patient struct {
	grpc_health_v1.UnimplementedHealthServer
	after time.Duration
	err   error
}

func (p patient) Check(context.Context, *grpc_health_v1.HealthCheckRequest) (*grpc_health_v1.HealthCheckResponse, error) {
	time.Sleep(p.after)
	return &grpc_health_v1.HealthCheckResponse{}, p.err
}

// witness lets ghz make four calls in a tenth of a second.
func witness(t *testing.T, address string, async bool) driver.Report {
	t.Helper()
	w := driver.Witness{
		Flags: &driver.Flags{Length: 100 * time.Millisecond}, Endpoint: rpc.Endpoint{Address: address}, Requests: driver.Always(nil), Async: async, Workers: 4, Rate: 40,
		Method: grpc_health_v1.File_grpc_health_v1_health_proto.Services().Get(0).Methods().ByName("Check"),
	}
	if err := w.Check(); err != nil {
		t.Fatal(err)
	}
	r, err := Run(t.Context(), w)
	if err != nil {
		t.Fatal(err)
	}
	return r
}

func listen(t *testing.T) net.Listener {
	t.Helper()
	lis, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	return lis
}

func serve(t *testing.T, p patient) string {
	t.Helper()
	lis, srv, done := listen(t), grpc.NewServer(), make(chan error, 1)
	grpc_health_v1.RegisterHealthServer(srv, p)
	go func() { done <- srv.Serve(lis) }()
	t.Cleanup(func() {
		srv.Stop()
		if err := <-done; err != nil {
			t.Error(err)
		}
	})
	return lis.Addr().String()
}

// Calls that are in flight when the time is over are waited for: none is cut
// off, and none that was cut off is counted.
func TestWitnessCutsNothingOff(t *testing.T) {
	const after = 300 * time.Millisecond // three times the length
	for _, async := range []bool{false, true} {
		r := witness(t, serve(t, patient{after: after}), async)
		if r.Counts != (record.Counts{Offered: 4, Sent: 4, OK: 4}) || r.Window != r.Counts || r.Checks[0].Status != record.Valid {
			t.Errorf("async %v: %+v, in the window %+v, %+v", async, r.Counts, r.Window, r.Checks)
		}
		if r.Latency.Count() != 4 || r.Latency.Quantile(0) < after*99/100 { // as precise as the histogram
			t.Errorf("async %v: %d latencies from %v on", async, r.Latency.Count(), r.Latency.Quantile(0))
		}
	}
}

// ghz by itself reports a rate, and no failure, of a server that is not there
// or refuses every call.
func TestWitnessOfNothing(t *testing.T) {
	lis := listen(t)
	absent := lis.Addr().String()
	if err := lis.Close(); err != nil {
		t.Fatal(err)
	}
	for name, c := range map[string]struct{ address, reason string }{
		"absent":  {absent, "Unavailable"},
		"refuses": {serve(t, patient{err: status.Error(codes.Aborted, "not now")}), "not now"},
	} {
		r := witness(t, c.address, false)
		if r.Counts != (record.Counts{Offered: 4, Sent: 4, Unknown: 4}) || r.Throughput != 0 || r.Latency.Count() != 0 {
			t.Errorf("%s: %+v, %v/s, %d latencies", name, r.Counts, r.Throughput, r.Latency.Count())
		}
		failures := r.Failures().Check(record.DefaultMaxFailures)
		if r.Checks[0].Status != record.Valid || failures.Status != record.Invalid || !strings.Contains(failures.Detail, c.reason) {
			t.Errorf("%s: %+v, %+v", name, r.Checks[0], failures)
		}
	}
}
