package target

import (
	"context"
	"encoding/json"
	"fmt"
	"slices"
	"sync"

	"google.golang.org/grpc"
	"google.golang.org/grpc/metadata"
	"google.golang.org/protobuf/types/dynamicpb"

	"dyno/bench/driver"
	"dyno/bench/load"
	"dyno/internal/record"
	"dyno/internal/rpc"
	"dyno/systems"
)

// report is what a generator's process prints.
type report struct {
	driver.Report
	Answers answers `json:"answers"`
}

// answers is what became of the calls that came back.
type answers struct {
	Unchecked  bool   `json:"unchecked"` // nobody looked at what they say
	Matched    int64  `json:"matched"`   // they say what was expected
	Wrong      int64  `json:"wrong"`
	FirstWrong string `json:"first_wrong,omitempty"` // in what
}

// caller calls the method for all clients.
type caller struct {
	conn   grpc.ClientConnInterface
	method *method
	req    []byte // encoded once, for every driver
	expect *expectation
	codec  grpc.CallOption
	errors load.FirstError // wrong answers included

	mu sync.Mutex // guards what follows
	answers
}

// call is a load.Op.
func (c *caller) call(ctx context.Context, _ int) (int32, record.Outcome) {
	resp := dynamicpb.NewMessage(c.method.Output())
	if err := c.conn.Invoke(ctx, c.method.path(), c.req, resp, c.codec); err != nil {
		c.errors.Note(err.Error())
		return -1, rpc.Outcome(err)
	}
	if c.Unchecked {
		return 0, record.OK
	}
	wrong := c.expect.mismatch(resp)
	c.mu.Lock()
	defer c.mu.Unlock()
	if wrong == "" {
		c.Matched++
		return 0, record.OK
	}
	c.Wrong++
	c.errors.Note("wrong answer: " + wrong)
	if c.FirstWrong == "" {
		c.FirstWrong = wrong
	}
	return 0, record.Failed
}

// prepared is a service that answers, and what is to be asked of it.
type prepared struct {
	caller
	metadata map[string]string
	close    func() error
}

// prepare finds the service and its method, and reads data and expect.
func prepare(ctx context.Context, v systems.Values) (*prepared, error) {
	if err := reach(ctx, v.Text(knobAddress)); err != nil {
		return nil, err
	}
	md, err := parseMetadata(v.Text(knobMetadata))
	if err != nil {
		return nil, err
	}
	conn, err := rpc.Dial(v.Text(knobAddress))
	if err != nil {
		return nil, systems.Usagef("--address %s: %w", v.Text(knobAddress), err)
	}
	p := &prepared{caller: caller{conn: conn}, metadata: md, close: conn.Close}
	if err := p.describe(p.outgoing(ctx), v); err != nil {
		_ = conn.Close()
		return nil, err
	}
	return p, nil
}

func (p *prepared) describe(ctx context.Context, v systems.Values) (err error) {
	ctx, cancel := context.WithTimeout(ctx, load.DefaultTimeout)
	defer cancel() // ends reflection, which is asked for types up to here
	s := newSource(v.Text(knobProto), v.Text(knobImportPaths), v.Text(knobProtoset))
	if p.method, err = s.find(ctx, p.conn, v.Text(knobMethod)); err != nil {
		return err
	}
	if p.req, err = p.method.request(v.Text(knobData)); err != nil {
		return err
	}
	if p.expect, err = parseExpect(v.Text(knobExpect), p.method.Output(), p.method.types); err != nil {
		return err
	}
	p.Unchecked = p.expect.pattern == nil
	p.codec = grpc.ForceCodecV2(encoded{p.expect.extensions})
	return nil
}

// outgoing adds the metadata to what is called in a context.
func (p *prepared) outgoing(ctx context.Context) context.Context {
	if len(p.metadata) == 0 {
		return ctx
	}
	return metadata.NewOutgoingContext(ctx, metadata.New(p.metadata))
}

func setupClient(fs systems.FlagSet) func(context.Context, systems.Shell) error {
	kind := fs.String("loop", driver.Closed,
		"closed: send when the last request is answered; open: send at --rate, come what may; search: open loops between --from and --to")
	f := driver.BindFlags(fs)
	goal := load.BindGoal(fs)
	v := knobs.Bind(fs, append(slices.Clone(serviceKnobs), driver.KnobClients, driver.KnobRate, driver.KnobArrivals)...)
	return func(ctx context.Context, sh systems.Shell) error {
		if err := f.Check(); err != nil {
			return err
		}
		loop, err := f.Loop(*kind,
			driver.Model{Clients: v.Int(driver.KnobClients), Rate: v.Float(driver.KnobRate), Arrivals: v.Text(driver.KnobArrivals), Goal: *goal})
		if err != nil {
			return err
		}
		p, err := prepare(ctx, v)
		if err != nil {
			return err
		}
		defer p.close()
		meter := driver.StartMeter(f.Warmup, f.Length)
		sum, err := loop(p.outgoing(ctx), p.call)
		if err != nil {
			return err
		}
		sum.FirstError = p.errors.String()
		r := report{Report: driver.Report{Summary: sum}, Answers: p.answers}
		r.Meter(meter)
		return r.tell(sh, f, *kind)
	}
}

func setupGHZ(fs systems.FlagSet) func(context.Context, systems.Shell) error {
	async := fs.Bool("async", false, "send at the rate even if workers wait for answers, as ghz --async")
	f := driver.BindFlags(fs)
	v := knobs.Bind(fs, append(slices.Clone(serviceKnobs), driver.KnobClients, driver.KnobRate)...)
	return func(ctx context.Context, sh systems.Shell) error {
		w := driver.Witness{
			Flags: f, Server: v.Text(knobAddress), Async: *async, Workers: v.Int(driver.KnobClients), Rate: v.Float(driver.KnobRate),
		}
		if err := w.Check(); err != nil {
			return err
		}
		p, err := prepare(ctx, v)
		if err != nil {
			return err
		}
		defer p.close()
		w.Method, w.Request, w.Metadata = p.method.MethodDescriptor, p.req, p.metadata
		r, err := w.Run(ctx)
		if err != nil {
			return err
		}
		return (&report{Report: r, Answers: answers{Unchecked: true}}).tell(sh, f, driver.GHZ)
	}
}

// tell prints for a trial or for a person.
func (r *report) tell(sh systems.Shell, f *driver.Flags, kind string) error {
	if f.JSON {
		return json.NewEncoder(sh.Out).Encode(r)
	}
	if r.Answers.Unchecked {
		fmt.Fprintln(sh.Err, uncheckedDetail)
	}
	return r.Print(sh.Out, kind, f.MaxFailures, r.checks()...)
}
