package echo

import (
	"bytes"
	"cmp"
	"context"
	"encoding/binary"
	"encoding/json"
	"math/rand/v2"

	"google.golang.org/grpc"

	"dyno/bench/driver"
	"dyno/bench/load"
	"dyno/internal/record"
	"dyno/internal/rpc"
	echov1 "dyno/proto/echo/v1"
	"dyno/systems"
)

// report is what a generator process prints: its load, and what it saw in the
// answers.
type report struct {
	driver.Report
	Answers answers `json:"answers"` // ghz looks at none
}

func setupClient(fs systems.FlagSet) func(context.Context, systems.Shell) error {
	server := fs.String("server", "", "HOST:PORT of the server to call")
	kind := fs.String("loop", driver.Closed,
		"closed: send when the last request is answered; open: send at --rate, come what may; search: open loops between --from and --to")
	f := driver.BindFlags(fs)
	goal := load.BindGoal(fs)
	v := knobs.Bind(fs, driver.KnobClients, knobPayload, driver.KnobRate, driver.KnobArrivals, knobMutant, knobLie)
	return func(ctx context.Context, sh systems.Shell) error {
		if *server == "" {
			return systems.Usagef("--server is missing: give the address that an echo server listens on")
		}
		if err := cmp.Or(systems.HostPort("--server", *server), f.Check()); err != nil {
			return err
		}
		loop, err := f.Loop(*kind, driver.Model{
			Clients: v.Int(driver.KnobClients), Rate: v.Float(driver.KnobRate), Arrivals: v.Text(driver.KnobArrivals), Goal: *goal,
			Wrap: func(l driver.Single) driver.Single { return misreporting{l, v.Text(knobMutant), v.Text(knobLie)} },
		})
		if err != nil {
			return err
		}
		conn, err := rpc.Dial(*server, rpc.FixedWindows()...)
		if err != nil {
			return systems.Usagef("--server %s: %w", *server, err)
		}
		defer conn.Close()
		meter := driver.StartMeter(f.Warmup, f.Length)
		r, err := drive(ctx, mutateConn(conn, v.Text(knobMutant)), loop, v.Int(knobPayload), f.Seed)
		r.Meter(meter)
		if err != nil {
			return err
		}
		if f.JSON {
			return json.NewEncoder(sh.Out).Encode(r)
		}
		return r.Print(sh.Out, *kind, f.MaxFailures, checkPayload(r.Answers))
	}
}

// drive loads a server over one connection and looks at every answer.
func drive(ctx context.Context, conn grpc.ClientConnInterface, loop driver.Loop, payload int, seed uint64) (report, error) {
	callers := make([]*caller, load.MaxClients) // made when they are needed; none is ever used by two at once
	var errors load.FirstError
	var seen tally
	sum, err := loop(ctx, func(ctx context.Context, client int) (int32, record.Outcome) {
		if callers[client] == nil {
			callers[client] = newCaller(conn, client, payload, seed)
			callers[client].errors, callers[client].tally = &errors, &seen
		}
		return callers[client].call(ctx)
	})
	if err != nil {
		return report{}, err
	}
	sum.FirstError = errors.String()
	return report{Report: driver.Report{Summary: sum}, Answers: gather(callers[:sum.Clients], &seen)}, nil
}

// caller is one client of a closed loop, or one slot of an open one.
type caller struct {
	client  echov1.EchoServiceClient
	payload []byte // its own, and another one with every call, as far as the size allows
	first   uint64 // its first eight bytes, before calls are mixed in
	calls   uint64
	numbers []uint64 // of its last answers, up to batch
	tally   *tally   // of the others
	altered int64    // answers with another payload
	errors  *load.FirstError
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
		c.errors.Note(err.Error())
		return -1, rpc.Outcome(err)
	}
	c.numbers = append(c.numbers, resp.GetAnswered())
	if len(c.numbers) == batch {
		c.tally.add(c.numbers)
		c.numbers = c.numbers[:0]
	}
	if !bytes.Equal(resp.GetPayload(), c.payload) {
		c.altered++
		c.errors.Note("the answer carries another payload than the request")
		return 0, record.Failed
	}
	return 0, record.OK
}

// setupGHZ is the witness: another load generator, in a process of its own as
// every generator, whose report of a server is put beside ours.
func setupGHZ(fs systems.FlagSet) func(context.Context, systems.Shell) error {
	server := fs.String("server", "", "HOST:PORT of the server to call")
	async := fs.Bool("async", false, "send at the rate even if workers wait for answers, as ghz --async")
	f := driver.BindFlags(fs)
	v := knobs.Bind(fs, driver.KnobClients, knobPayload, driver.KnobRate)
	return func(ctx context.Context, sh systems.Shell) error {
		if *server == "" {
			return systems.Usagef("--server is missing: give the address that an echo server listens on")
		}
		request, err := driver.Encode(&echov1.EchoRequest{Payload: newCaller(nil, 0, v.Int(knobPayload), f.Seed).payload})
		if err != nil {
			return err
		}
		w := driver.Witness{
			Flags: f, Endpoint: rpc.Endpoint{Address: *server}, Async: *async, Workers: v.Int(driver.KnobClients), Rate: v.Float(driver.KnobRate),
			Method: echov1.File_echo_v1_echo_proto.Services().ByName("EchoService").Methods().ByName("Echo"), Requests: driver.Always(request),
		}
		if err := cmp.Or(systems.HostPort("--server", *server), w.Check()); err != nil {
			return err
		}
		r, err := w.Run(ctx)
		if err != nil {
			return err
		}
		if f.JSON {
			return json.NewEncoder(sh.Out).Encode(r)
		}
		return r.Print(sh.Out, driver.GHZ, f.MaxFailures)
	}
}
