// Command hand is the least that a Go program can do to load an echo server: what
// our generator's costs are held against. It has a deadline, two readings of the
// clock and a latency that is kept for each call, and looks at no answer.
package main

import (
	"context"
	"encoding/json"
	"flag"
	"log"
	"os"
	"slices"
	"sync"
	"sync/atomic"
	"syscall"
	"time"

	"google.golang.org/grpc"
	"google.golang.org/grpc/credentials/insecure"

	echov1 "dyno/proto/echo/v1"
)

type generator struct {
	client echov1.EchoServiceClient
	calls  atomic.Int64

	mu        sync.Mutex
	latencies []time.Duration // of the open loop

	lags []time.Duration // of the open loop, with a capacity if it is to keep them
}

func main() {
	server := flag.String("server", "", "HOST:PORT")
	clients := flag.Int("clients", 8, "of the closed loop")
	rate := flag.Float64("rate", 0, "of an open loop; 0: a closed one")
	warmup := flag.Duration("warmup", time.Second, "before the measured window")
	length := flag.Duration("length", 3*time.Second, "of the window")
	lateness := flag.Bool("lateness", false, "tell how late an open loop sends, which costs a little")
	flag.Parse()
	conn, err := grpc.NewClient(*server, grpc.WithTransportCredentials(insecure.NewCredentials()))
	if err != nil {
		log.Fatal(err)
	}
	defer conn.Close()
	g := &generator{client: echov1.NewEchoServiceClient(conn)}
	if *lateness {
		g.lags = make([]time.Duration, 0, int(*rate*(*warmup+*length).Seconds())+1)
	}
	var calls int64
	var cpu time.Duration
	time.AfterFunc(*warmup, func() { calls, cpu = g.calls.Load(), used() })
	end := time.Now().Add(*warmup + *length)
	if *rate > 0 {
		g.open(end, time.Duration(1e9 / *rate))
	} else {
		g.closed(end, *clients)
	}
	var out struct {
		CPUSeconds float64 `json:"cpu_s"`
		Window     struct {
			OK int64 `json:"ok"`
		} `json:"window"`
		Digests struct {
			Lag struct {
				Quantiles struct {
					P99 time.Duration `json:"p99"`
				} `json:"quantiles_ns"`
			} `json:"lag"`
		} `json:"digests"`
	}
	out.CPUSeconds, out.Window.OK = (used() - cpu).Seconds(), g.calls.Load()-calls
	if lags := g.lags[len(g.lags)*int(*warmup/time.Millisecond)/int((*warmup+*length)/time.Millisecond):]; len(lags) > 0 {
		slices.Sort(lags)
		out.Digests.Lag.Quantiles.P99 = lags[len(lags)*99/100]
	}
	if err := json.NewEncoder(os.Stdout).Encode(out); err != nil {
		log.Fatal(err)
	}
}

func (g *generator) closed(end time.Time, clients int) {
	var all sync.WaitGroup
	for range clients {
		all.Go(func() {
			latencies := make([]time.Duration, 1<<16)
			for i := 0; time.Now().Before(end); i++ {
				latencies[i%len(latencies)] = g.call()
			}
		})
	}
	all.Wait()
}

// open sleeps by package time, which rounds up to milliseconds: it sends what is
// due, as programs written by hand do.
func (g *generator) open(end time.Time, gap time.Duration) {
	var all sync.WaitGroup
	for at := time.Now(); at.Before(end); at = at.Add(gap) {
		time.Sleep(time.Until(at))
		if cap(g.lags) > 0 {
			g.lags = append(g.lags, time.Since(at))
		}
		all.Go(func() {
			took := g.call()
			g.mu.Lock()
			g.latencies = append(g.latencies, took)
			g.mu.Unlock()
		})
	}
	all.Wait()
}

func (g *generator) call() time.Duration {
	ctx, cancel := context.WithTimeout(context.Background(), 10*time.Second)
	defer cancel()
	begin := time.Now()
	if _, err := g.client.Echo(ctx, &echov1.EchoRequest{Payload: make([]byte, 16)}); err != nil {
		log.Fatal(err)
	}
	g.calls.Add(1)
	return time.Since(begin)
}

// used is the CPU time of this process until now.
func used() time.Duration {
	var u syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &u); err != nil {
		log.Fatal(err)
	}
	return time.Duration(u.Utime.Nano() + u.Stime.Nano())
}
