package echo

import (
	"context"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"math"
	"time"

	"github.com/bojand/ghz/runner"

	"dyno/bench/load"
	"dyno/internal/record"
	echov1 "dyno/proto/echo/v1"
	"dyno/systems"
)

// maxGHZCalls is how many results ghz keeps: one that it forgot could not be
// counted.
const maxGHZCalls = 1_000_000

// setupGHZ is the witness: another load generator, in a process of its own as
// every generator, whose report of a server is put beside ours.
func setupGHZ(fs systems.FlagSet) func(context.Context, systems.Shell) error {
	server := fs.String("server", "", "HOST:PORT of the server to call")
	async := fs.Bool("async", false, "send at the rate even if workers wait for answers, as ghz --async")
	t := timesFlags(fs)
	asJSON := fs.Bool("json", false, "print the result as JSON")
	v := (&systems.System{Name: name, Knobs: knobs}).Bind(fs, knobClients, knobPayload, knobRate)
	return func(ctx context.Context, sh systems.Shell) error {
		if *server == "" {
			return systems.Usagef("--server is missing: give the address that an echo server listens on")
		}
		if err := t.check(); err != nil {
			return err
		}
		w := witness{server: *server, async: *async, times: t, clients: v.Int(knobClients), rate: v.Float(knobRate), payload: v.Int(knobPayload)}
		if err := w.check(); err != nil {
			return err
		}
		r, err := w.run(ctx)
		if err != nil {
			return err
		}
		if *asJSON {
			return json.NewEncoder(sh.Out).Encode(r)
		}
		return r.printWitness(sh.Out)
	}
}

// witness is what ghz is to do.
type witness struct {
	times
	server  string
	async   bool
	clients int // workers, which ghz calls concurrency
	rate    float64
	payload int
}

func (w witness) check() error {
	if w.rate != math.Trunc(w.rate) {
		return systems.Usagef("--rate %v: ghz knows whole rates only", w.rate)
	}
	if n := w.calls(); n < 1 || n > maxGHZCalls {
		return systems.Usagef("--rate %v for %v makes %d calls: give 1 to %d", w.rate, *w.warmup+*w.length, n, maxGHZCalls)
	}
	return nil
}

// calls is how many ghz is to make: the rate, for as long as a run takes.
func (w witness) calls() int { return int(w.rate * (*w.warmup + *w.length).Seconds()) }

// options are ghz's. It runs with its defaults but for what makes it
// comparable: one connection, no templates (with them it costs several times
// as much), and our deadline.
func (w witness) options() ([]runner.Option, error) {
	caller := newCaller(nil, 0, w.payload, *w.seed)
	data, err := json.Marshal(map[string]string{"payload": base64.StdEncoding.EncodeToString(caller.payload)})
	if err != nil {
		return nil, fmt.Errorf("echo: the payload for ghz: %w", err)
	}
	return []runner.Option{
		runner.WithInsecure(true),
		runner.WithConnections(1),
		runner.WithConcurrency(uint(w.clients)),
		runner.WithAsync(w.async),
		runner.WithRPS(uint(w.rate)),
		runner.WithTotalRequests(uint(w.calls())),
		runner.WithTimeout(load.DefaultTimeout),
		runner.WithDataFromJSON(string(data)),
		runner.WithDisableTemplateFuncs(true),
		runner.WithDisableTemplateData(true),
	}, nil
}

// run lets ghz do its work. The runner's own Run would take over GOMAXPROCS
// and the process's signals, so it is left out.
func (w witness) run(ctx context.Context) (report, error) {
	options, err := w.options()
	if err != nil {
		return report{}, err
	}
	config, err := runner.NewConfig(echov1.EchoService_Echo_FullMethodName[1:], w.server, options...)
	if err != nil {
		return report{}, fmt.Errorf("echo: ghz: %w", err)
	}
	requester, err := runner.NewRequester(config)
	if err != nil {
		return report{}, fmt.Errorf("echo: ghz: %w", err)
	}
	defer context.AfterFunc(ctx, func() { requester.Stop(runner.ReasonCancel) })()
	meter := startMeter(*w.warmup, math.MaxInt64-*w.warmup)
	start := time.Now()
	rep, err := requester.Run()
	end := time.Now()
	cpu := meter.stop()
	if err := ctx.Err(); err != nil {
		return report{}, fmt.Errorf("echo: ghz was stopped: %w", err)
	}
	if err != nil {
		return report{}, fmt.Errorf("echo: ghz: %w", err)
	}
	r := w.testimony(rep, start, end)
	r.CPUSeconds = cpu.Seconds()
	return r, nil
}

// testimony is what ghz says, in the form of our own generator's summary. As
// there, calls of the warm-up count and are not measured; the window ends with
// the last answer, for ghz makes its calls whenever it gets to them.
func (w witness) testimony(rep *runner.Report, start, end time.Time) report {
	begin := start.Add(*w.warmup)
	s := load.Summary{
		Clients: w.clients, Latency: record.NewHistogram(),
		BeginUnixNS: begin.UnixNano(), EndUnixNS: end.UnixNano(),
		Targets: map[int32]load.Target{},
	}
	for _, d := range rep.Details {
		o := record.Unknown
		if d.Error == "" && d.Status == "OK" {
			o = record.OK
		}
		s.Counts.Tally(o)
		if d.Timestamp.Before(begin) {
			continue
		}
		s.Window.Tally(o)
		if o == record.OK {
			s.Latency.Record(d.Latency)
		}
	}
	s.Counts.Offered, s.Window.Offered = s.Counts.Sent, s.Window.Sent
	window := end.Sub(begin).Seconds()
	s.Offered = w.rate
	if window > 0 {
		s.Sent, s.Throughput = float64(s.Window.Sent)/window, float64(s.Window.OK)/window
	}
	s.Checks = []record.Check{checkWitness(rep, w.calls())}
	return report{Summary: s}
}
