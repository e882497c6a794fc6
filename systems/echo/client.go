package echo

import (
	"bytes"
	"context"
	"encoding/binary"
	"encoding/json"
	"fmt"
	"io"
	"math/rand/v2"
	"os"
	"time"

	"google.golang.org/grpc"

	"dyno/bench/load"
	"dyno/bench/sample"
	"dyno/internal/record"
	"dyno/internal/rpc"
	echov1 "dyno/proto/echo/v1"
	"dyno/systems"
)

// report is what a client process prints: its load, and what it saw in the
// answers.
type report struct {
	load.Summary
	Answers    answers `json:"answers"`
	CPUSeconds float64 `json:"cpu_s"` // of this process, in the window
}

func setupClient(fs systems.FlagSet) func(context.Context, systems.Shell) error {
	server := fs.String("server", "", "HOST:PORT of the server to call")
	warmup := fs.Duration("warmup", time.Second, "load before the measured window")
	length := fs.Duration("length", 5*time.Second, "how long to measure")
	seed := fs.Uint64("seed", 1, "the payloads come from it")
	asJSON := fs.Bool("json", false, "print the result as JSON")
	v := (&systems.System{Name: name, Knobs: knobs}).Bind(fs, knobClients, knobPayload)
	return func(ctx context.Context, sh systems.Shell) error {
		if *server == "" {
			return systems.Usagef("--server is missing: give the address that an echo server listens on")
		}
		if *length <= 0 || *warmup < 0 {
			return systems.Usagef("--warmup %v --length %v: give a positive length, and a warm-up that is not negative", *warmup, *length)
		}
		conn, err := rpc.Dial(*server)
		if err != nil {
			return systems.Usagef("--server %s: %w", *server, err)
		}
		defer conn.Close()
		loop := load.Closed{Clients: v.Int(knobClients), Warmup: *warmup, Length: *length}
		r, err := driveSampled(ctx, conn, loop, v.Int(knobPayload), *seed)
		if err != nil {
			return err
		}
		if *asJSON {
			return json.NewEncoder(sh.Out).Encode(r)
		}
		return r.print(sh.Out)
	}
}

// driveSampled is drive with an eye on the CPU time of this very process: who
// looks from outside misses what it used between the last look and its end.
func driveSampled(ctx context.Context, conn grpc.ClientConnInterface, loop load.Closed, payload int, seed uint64) (report, error) {
	sampler, err := sample.Start(ctx, []sample.Target{{Name: "client", PID: os.Getpid()}}, 0)
	if err != nil {
		return report{}, fmt.Errorf("echo client: %w", err)
	}
	r, err := drive(ctx, conn, loop, payload, seed)
	samples := sampler.Stop()
	if err != nil {
		return report{}, err
	}
	begin, end := r.window()
	r.CPUSeconds = samples.Window("client", begin, end).CPUSeconds
	return r, nil
}

func (r *report) window() (begin, end time.Time) {
	return time.Unix(0, r.BeginUnixNS), time.Unix(0, r.EndUnixNS)
}

// drive loads a server over one connection and looks at every answer.
func drive(ctx context.Context, conn grpc.ClientConnInterface, loop load.Closed, payload int, seed uint64) (report, error) {
	callers := make([]*caller, loop.Clients)
	for i := range callers {
		callers[i] = newCaller(conn, i, payload, seed)
	}
	res, err := loop.Run(ctx, func(ctx context.Context, client int) (int32, record.Outcome) {
		return callers[client].call(ctx)
	})
	if err != nil {
		return report{}, err
	}
	return report{Summary: res.Summary(), Answers: gather(callers)}, nil
}

// caller is one client of the closed loop.
type caller struct {
	client  echov1.EchoServiceClient
	payload []byte // its own, and another one with every call, as far as the size allows
	first   uint64 // its first eight bytes, before calls are mixed in
	calls   uint64
	numbers []uint64 // of all answers; as many as the load keeps spans
	altered int64    // answers with another payload
}

func newCaller(conn grpc.ClientConnInterface, id, payload int, seed uint64) *caller {
	words := rand.New(rand.NewPCG(seed, uint64(id)))
	c := &caller{client: echov1.NewEchoServiceClient(conn), payload: make([]byte, payload), first: words.Uint64()}
	for b := c.payload; len(b) > 0; {
		b = b[copyWord(b, words.Uint64()):]
	}
	return c
}

func copyWord(dst []byte, word uint64) int {
	var b [8]byte
	binary.LittleEndian.PutUint64(b[:], word)
	return copy(dst, b[:])
}

// stamp changes the payload. gRPC has encoded the last request: nobody reads
// the old bytes any more.
func (c *caller) stamp() {
	c.calls++
	copyWord(c.payload, c.first^c.calls)
}

func (c *caller) call(ctx context.Context) (target int32, o record.Outcome) {
	c.stamp()
	resp, err := c.client.Echo(ctx, &echov1.EchoRequest{Payload: c.payload})
	if err != nil {
		return -1, rpc.Outcome(err)
	}
	c.numbers = append(c.numbers, resp.GetAnswered())
	if !bytes.Equal(resp.GetPayload(), c.payload) {
		c.altered++
		return 0, record.Failed
	}
	return 0, record.OK
}

// print tells a person; a check that failed is an error.
func (r *report) print(w io.Writer) error {
	q := func(q float64) time.Duration { return r.Latency.Quantile(q).Round(time.Microsecond) }
	v := record.Judge(append(r.Checks, checkPayload(r.Answers))...)
	_, err := fmt.Fprintf(w, "%d clients, closed loop: %.0f req/s; response mean %v, p50 %v, p99 %v\n%d requests: %d ok, %d refused, %d failed, %d unknown; checks: %s\n",
		r.Clients, r.Throughput, r.Latency.Mean().Round(time.Microsecond), q(0.5), q(0.99),
		r.Counts.Sent, r.Counts.OK, r.Counts.Refused, r.Counts.Failed, r.Counts.Unknown, v.Status)
	if err != nil {
		return fmt.Errorf("print the result: %w", err)
	}
	if v.Status != record.Valid {
		return fmt.Errorf("the answers are not proved right: %v", v.Reasons())
	}
	return nil
}
