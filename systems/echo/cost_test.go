package echo

import (
	"context"
	"runtime"
	"sync"
	"testing"
	"time"

	"google.golang.org/grpc"

	"dyno/bench/driver"
	"dyno/bench/load"
	"dyno/bench/process"
	"dyno/internal/record"
	"dyno/internal/rpc"
	echov1 "dyno/proto/echo/v1"
	"dyno/systems"
)

// BenchmarkGenerator is the CPU time that a request costs this process when
// our loops send it, beside the least that a loop written by hand can do: a
// deadline, two readings of the clock, and a latency that is kept. The server
// is a process of its own. The hand-written loops look at no answer. That of an
// open loop sleeps by package time, which rounds up to milliseconds and so
// sends several requests for one wake-up at higher rates, or as exactly as ours.
//
// Give -benchtime as a number of requests (20000x); 100 per second are slow.
func BenchmarkGenerator(b *testing.B) {
	const clients, payload = 8, 16
	conn := dialServer(b)
	ours := func(l driver.Loop) {
		if r, err := drive(b.Context(), conn, l, payload, 1); err != nil || r.Counts.OK == 0 || r.Counts.OK != r.Counts.Sent {
			b.Fatalf("%v: %+v", err, r.Counts)
		}
	}
	b.Run("closed/ours", func(b *testing.B) {
		atCost(b, func() { ours(driver.Once(load.Closed{Clients: clients, Requests: int64(b.N)})) })
	})
	b.Run("closed/hand-written", func(b *testing.B) {
		atCost(b, func() { handWrittenClosed(conn, clients, b.N) })
	})
	for name, rate := range map[string]float64{"100-per-s": 100, "2000-per-s": 2000} {
		length := func(n int) time.Duration { return time.Duration(float64(n) / rate * 1e9) }
		b.Run("open/"+name+"/ours", func(b *testing.B) {
			atCost(b, func() { ours(driver.Once(load.Open{Arrivals: "constant", Rate: rate, Length: length(b.N)})) })
		})
		b.Run("open/"+name+"/hand-written", func(b *testing.B) {
			atCost(b, func() { handWrittenOpen(b, conn, load.NewCoarseAlarm(), time.Duration(1e9/rate)) })
		})
		b.Run("open/"+name+"/hand-written-exact", func(b *testing.B) {
			alarm, err := load.NewAlarm()
			if err != nil {
				b.Fatal(err)
			}
			atCost(b, func() { handWrittenOpen(b, conn, alarm, time.Duration(1e9/rate)) })
		})
	}
}

// atCost reports the CPU time that b.N requests take, on one processor, as a
// role has it.
func atCost(b *testing.B, send func()) {
	defer runtime.GOMAXPROCS(runtime.GOMAXPROCS(1))
	before := driver.CPUTime()
	send()
	b.ReportMetric(float64((driver.CPUTime()-before).Nanoseconds())/1e3/float64(b.N), "cpu-µs/request")
}

func handWrittenClosed(conn *grpc.ClientConn, clients, n int) {
	var wg sync.WaitGroup
	for range clients {
		wg.Go(func() {
			latencies := make([]time.Duration, n/clients+1)
			for i := range latencies {
				latencies[i] = timed(conn)
			}
		})
	}
	wg.Wait()
}

func handWrittenOpen(b *testing.B, conn *grpc.ClientConn, alarm load.Alarm, gap time.Duration) {
	defer alarm.Close()
	var wg sync.WaitGroup
	latencies := make([]time.Duration, b.N)
	begin := time.Now()
	for i := range b.N {
		if err := alarm.Wait(time.Until(begin.Add(time.Duration(i) * gap))); err != nil {
			b.Fatal(err)
		}
		wg.Go(func() { latencies[i] = timed(conn) })
	}
	wg.Wait()
}

// timed makes one call, and is its own measure of it.
func timed(conn *grpc.ClientConn) time.Duration {
	ctx, cancel := context.WithTimeout(context.Background(), load.DefaultTimeout)
	defer cancel()
	begin := time.Now()
	_, _ = echov1.NewEchoServiceClient(conn).Echo(ctx, &echov1.EchoRequest{Payload: make([]byte, 16)})
	return time.Since(begin)
}

// dialServer starts a server in a process of its own.
func dialServer(b *testing.B) *grpc.ClientConn {
	b.Helper()
	set := systems.Setting{Load: record.Load{Loop: "closed"}, Length: time.Second}
	ctx, g, err := process.NewGroup(b.Context(), process.Options{System: System, Setting: set, Dir: b.TempDir()})
	if err != nil {
		b.Fatal(err)
	}
	b.Cleanup(func() {
		if err := g.Close(); err != nil {
			b.Error(err)
		}
	})
	server, err := g.Start(ctx, systems.Launch{Role: "server", Name: "server"})
	if err != nil {
		b.Fatal(err)
	}
	conn, err := rpc.Dial(server.Addr())
	if err != nil {
		b.Fatal(err)
	}
	b.Cleanup(func() { _ = conn.Close() })
	return conn
}
