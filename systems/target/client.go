package target

import (
	"context"
	"math"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"google.golang.org/grpc"
	"google.golang.org/grpc/status"

	"dyno/bench/driver"
	"dyno/bench/load"
	"dyno/internal/record"
	"dyno/internal/rpc"
	"dyno/systems"
)

// caller calls the method for all clients.
type caller struct {
	conns    *rpc.Connections
	path     string
	requests *requests
	streams  *streams
	options  []grpc.CallOption
	servers  *servers
	errors   load.FirstError // wrong answers included

	matched, skipped, wrong atomic.Int64 // answers; skipped ones were not looked at
	first                   sync.Once
	firstWrong              string
}

// unary is a load.Op: one call.
func (c *caller) unary(ctx context.Context, client int) (int32, record.Outcome) {
	q, err := c.requests.next()
	if err != nil {
		return c.failed(nobody, err)
	}
	a := answer{expect: q.expect}
	options, who := c.servers.watch(c.options)
	err = c.conns.Of(client).Invoke(ctx, c.path, q, &a, options...)
	server := c.servers.of(who)
	if err != nil {
		return c.failed(server, err)
	}
	return c.judge(server, q.expect != nil, a.wrong)
}

// failed is the end of an operation that brought an error: gRPC's, or what is
// wrong with how a stream went.
func (c *caller) failed(server int32, err error) (int32, record.Outcome) {
	c.errors.Note(c.servers.at(server) + err.Error() + remedy(err))
	if _, ok := status.FromError(err); !ok {
		return server, record.Failed
	}
	return server, rpc.Outcome(err)
}

// judge is the end of an operation that brought an answer.
func (c *caller) judge(server int32, looked bool, wrong string) (int32, record.Outcome) {
	switch {
	case !looked:
		c.skipped.Add(1)
	case wrong == "":
		c.matched.Add(1)
	default:
		c.wrong.Add(1)
		wrong = c.servers.at(server) + wrong
		c.errors.Note("wrong answer: " + wrong)
		c.first.Do(func() { c.firstWrong = wrong })
		return server, record.Failed
	}
	return server, record.OK
}

// op is what an operation is: a call, or a stream.
func (c *caller) op() load.Op {
	if c.requests.method.streams() {
		return c.streamed
	}
	return c.unary
}

func setupClient(fs systems.FlagSet) func(context.Context, systems.Shell) error {
	kind := fs.String("loop", driver.Closed,
		"closed: send when the last request is answered; open: send at --rate, come what may; search: open loops between --from and --to")
	f := driver.BindFlags(fs)
	goal := load.BindGoal(fs)
	slo := driver.BindObjective(fs)
	v := knobs.Bind(fs, names(slices.Concat(serviceKnobs, watchKnobs, driver.ShapeKnobs), driver.KnobClients, driver.KnobRate,
		driver.KnobArrivals)...)
	return func(ctx context.Context, sh systems.Shell) error {
		if err := f.Check(); err != nil {
			return err
		}
		p, err := prepare(ctx, v, f.Seed)
		if err != nil {
			return err
		}
		defer p.conns.Close()
		w, err := watch(ctx, v)
		if err != nil {
			return err
		}
		defer w.stop()
		r, err := p.drive(ctx, f, *kind, driver.Model{
			Clients: v.Int(driver.KnobClients), Rate: v.Float(driver.KnobRate), Arrivals: v.Text(driver.KnobArrivals), Goal: *goal,
			Shape: driver.ShapeOf(v),
		})
		if err != nil {
			return p.metadata.hideIn(err)
		}
		err = r.tell(sh, f, *kind, slo)
		if !f.JSON {
			w.tell(sh.Out, &r.Report, *kind)
		}
		return err
	}
}

// drive puts the load on the service.
func (p *prepared) drive(ctx context.Context, f *driver.Flags, kind string, m driver.Model) (*report, error) {
	m.Timeout = p.values.Duration(knobDeadline)
	var err error
	if m.Requests, err = p.once(f, kind, m); err != nil {
		return nil, err
	}
	loop, err := f.Loop(kind, m)
	if err != nil {
		return nil, err
	}
	cost, err := p.requests.cost()
	if err != nil {
		return nil, err
	}
	warmup, length, end := f.Warmup, f.Length, time.Now().Add(f.Warmup+f.Length)
	if m.Requests > 0 { // then the whole run is measured
		warmup, length, end = 0, math.MaxInt64, time.Unix(math.MaxInt32, 0)
	}
	meter, begin := driver.StartMeter(warmup, length), time.Now().Add(warmup)
	p.streams.window(begin, end)
	sum, err := loop(p.outgoing(ctx), p.op())
	if err != nil {
		return nil, err
	}
	sum.FirstError = p.errors.String()
	r := &report{Report: driver.Report{Summary: sum}, Answers: p.answers(), TemplateSeconds: cost.Seconds()}
	r.Meter(meter)
	p.finish(r)
	if kind != driver.Search {
		p.streams.report(r)
	}
	return r, nil
}

// once is how many operations it takes to send each line of a file once; 0
// when that does not end a run.
func (p *prepared) once(f *driver.Flags, kind string, m driver.Model) (int64, error) {
	if p.requests.order != onceEach {
		return 0, nil
	}
	lines, each := int64(len(p.requests.lines)), int64(1)
	if p.streams.desc.ClientStreams {
		each = int64(p.streams.messages)
	}
	if lines%each != 0 {
		return 0, systems.Usagef("--%s %s: %d lines make no whole number of streams of %d messages", knobDataOrder, onceEach, lines, each)
	}
	switch kind {
	case driver.Closed:
		return lines / each, nil
	case driver.Open:
		if p.values.Text(driver.KnobRamp) != "" || p.values.Text(driver.KnobReplay) != "" {
			return 0, systems.Usagef("--%s %s: not with a ramp or a replay, which say how many requests there are", knobDataOrder, onceEach)
		}
		schedule := load.Schedule{Arrivals: m.Arrivals, Rate: m.Rate, Seed: f.Seed}
		if n := schedule.Count(f.Warmup + f.Length); n*each > lines {
			return 0, systems.Usagef("--%s %s: the schedule has %d operations, the file lines for %d: give more lines, or less load",
				knobDataOrder, onceEach, n, lines/each)
		}
		return 0, nil
	}
	return 0, systems.Usagef("--%s %s: not with --loop %s, which sends as much as it takes", knobDataOrder, onceEach, kind)
}

// finish adds what is known of the connections, and hides what is secret.
func (p *prepared) finish(r *report) {
	c := &r.Connection
	c.Connections, c.Limit = p.conns.Streams()
	c.Servers = p.servers.all()
	c.streams(r.Clients, p.values.Int(knobConnections))
	c.SkipVerify, c.Retries = p.values.On(knobSkipVerify), retries(endpoint(p.values).ServiceConfig)
	r.FirstError, r.Answers.FirstWrong = p.metadata.hide(r.FirstError), p.metadata.hide(r.Answers.FirstWrong)
	for i := range r.Checks {
		r.Checks[i].Detail = p.metadata.hide(r.Checks[i].Detail)
	}
}
