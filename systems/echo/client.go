package echo

import (
	"bytes"
	"context"
	"encoding/binary"
	"encoding/json"
	"fmt"
	"io"
	"math/rand/v2"
	"time"

	"google.golang.org/grpc"

	"dyno/bench/load"
	"dyno/internal/record"
	"dyno/internal/rpc"
	echov1 "dyno/proto/echo/v1"
	"dyno/systems"
)

// report is what a generator process prints: its load, and what it saw in the
// answers.
type report struct {
	load.Summary
	Answers    answers `json:"answers"` // ghz looks at none
	CPUSeconds float64 `json:"cpu_s"`   // of this process, in the window
}

func setupClient(fs systems.FlagSet) func(context.Context, systems.Shell) error {
	server := fs.String("server", "", "HOST:PORT of the server to call")
	loop := fs.String("loop", driverClosed, "closed: send when the last request is answered; open: send at --rate, come what may; search: open loops between --from and --to")
	t := timesFlags(fs)
	goal := load.BindGoal(fs)
	asJSON := fs.Bool("json", false, "print the result as JSON")
	v := (&systems.System{Name: name, Knobs: knobs}).Bind(fs, knobClients, knobPayload, knobRate, knobArrivals, knobMutant)
	return func(ctx context.Context, sh systems.Shell) error {
		if *server == "" {
			return systems.Usagef("--server is missing: give the address that an echo server listens on")
		}
		if err := t.check(); err != nil {
			return err
		}
		l, err := t.loop(*loop, v, *goal)
		if err != nil {
			return err
		}
		conn, err := rpc.Dial(*server)
		if err != nil {
			return systems.Usagef("--server %s: %w", *server, err)
		}
		defer conn.Close()
		meter := startMeter(*t.warmup, *t.length)
		r, err := drive(ctx, mutateConn(conn, v.Text(knobMutant)), l, v.Int(knobPayload), *t.seed)
		r.CPUSeconds = meter.stop().Seconds()
		if err != nil {
			return err
		}
		if *asJSON {
			return json.NewEncoder(sh.Out).Encode(r)
		}
		return r.print(sh.Out)
	}
}

// times are the flags that all generators share.
type times struct {
	warmup, length *time.Duration
	seed           *uint64
}

func timesFlags(fs systems.FlagSet) times {
	return times{
		warmup: fs.Duration("warmup", time.Second, "load before the measured window"),
		length: fs.Duration("length", 5*time.Second, "how long to measure"),
		seed:   fs.Uint64("seed", 1, "the payloads and the arrivals come from it"),
	}
}

func (t times) check() error {
	if *t.length <= 0 || *t.warmup < 0 {
		return systems.Usagef("--warmup %v --length %v: give a positive length, and a warm-up that is not negative", *t.warmup, *t.length)
	}
	return nil
}

// loop runs load.Closed, load.Open or load.Search.
type loop func(context.Context, load.Op) (load.Summary, error)

func (t times) loop(kind string, v systems.Values, goal load.Goal) (loop, error) {
	switch kind {
	case driverClosed:
		return once(misreporting{load.Closed{Clients: v.Int(knobClients), Warmup: *t.warmup, Length: *t.length}, v.Text(knobMutant)}), nil
	case driverOpen:
		return once(misreporting{load.Open{Arrivals: v.Text(knobArrivals), Rate: v.Float(knobRate), Seed: *t.seed, Warmup: *t.warmup, Length: *t.length}, v.Text(knobMutant)}), nil
	case driverSearch:
		goal, err := goal.Check()
		if err != nil {
			return nil, systems.Usagef("--loop search: %w", err)
		}
		return load.Search{Goal: goal, Arrivals: v.Text(knobArrivals), Seed: *t.seed, Warmup: *t.warmup, Length: *t.length}.Run, nil
	}
	return nil, systems.Usagef("--loop %w", &systems.ChoiceError{Word: kind, Allowed: []string{driverClosed, driverOpen, driverSearch}})
}

// single is load.Closed or load.Open.
type single interface {
	Run(context.Context, load.Op) (load.Result, error)
}

// once runs a single loop.
func once(l single) loop {
	return func(ctx context.Context, op load.Op) (load.Summary, error) {
		res, err := l.Run(ctx, op)
		if err != nil {
			return load.Summary{}, err
		}
		return res.Summary(), nil
	}
}

func (r *report) window() (begin, end time.Time) {
	return time.Unix(0, r.BeginUnixNS), time.Unix(0, r.EndUnixNS)
}

// drive loads a server over one connection and looks at every answer.
func drive(ctx context.Context, conn grpc.ClientConnInterface, l loop, payload int, seed uint64) (report, error) {
	callers := make([]*caller, load.MaxClients) // made when they are needed; none is ever used by two at once
	sum, err := l(ctx, func(ctx context.Context, client int) (int32, record.Outcome) {
		if callers[client] == nil {
			callers[client] = newCaller(conn, client, payload, seed)
		}
		return callers[client].call(ctx)
	})
	if err != nil {
		return report{}, err
	}
	return report{Summary: sum, Answers: gather(callers[:sum.Clients])}, nil
}

// caller is one client of a closed loop, or one slot of an open one.
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
	model := fmt.Sprintf("%d clients, closed loop", r.Clients)
	if s := r.Schedule; s != nil {
		model = fmt.Sprintf("%g req/s offered, open loop (%s), %.4g sent, p99 %v late", s.Rate, s.Arrivals, r.Sent, r.Lag.Quantile(0.99).Round(time.Microsecond))
	}
	if k := r.Knee; k != nil {
		model = fmt.Sprintf("knee at %g req/s, held; bracket %g to %g after %d probes; there", k.Held, k.Low, k.High, len(k.Probes))
	}
	return r.printChecked(w, model, append(r.Checks, checkPayload(r.Answers)))
}

// printWitness tells a person what ghz found.
func (r *report) printWitness(w io.Writer) error {
	return r.printChecked(w, fmt.Sprintf("ghz, %g req/s asked for, %d workers", r.Offered, r.Clients), r.Checks)
}

func (r *report) printChecked(w io.Writer, model string, checks []record.Check) error {
	q := func(q float64) time.Duration { return r.Latency.Quantile(q).Round(time.Microsecond) }
	v := record.Judge(checks...)
	_, err := fmt.Fprintf(w, "%s: %.0f req/s; response mean %v, p50 %v, p99 %v\n%d requests: %d ok, %d refused, %d failed, %d unknown; checks: %s\n",
		model, r.Throughput, r.Latency.Mean().Round(time.Microsecond), q(0.5), q(0.99),
		r.Counts.Sent, r.Counts.OK, r.Counts.Refused, r.Counts.Failed, r.Counts.Unknown, v.Status)
	if err != nil {
		return fmt.Errorf("print the result: %w", err)
	}
	if v.Status != record.Valid {
		return fmt.Errorf("the answers are not proved right: %v", v.Reasons())
	}
	return nil
}
