package echo

import (
	"context"
	"errors"
	"fmt"
	"math"
	"strconv"
	"time"

	"dyno/bench/driver"
	"dyno/bench/inject"
	"dyno/bench/lie"
	"dyno/bench/sample"
	"dyno/internal/record"
	"dyno/internal/rpc"
	echov1 "dyno/proto/echo/v1"
	"dyno/systems"
)

// config is what the knobs say.
type config struct {
	driver       string
	rate         float64
	arrivals     string
	stall        time.Duration
	service      time.Duration
	distribution string
	clients      int
	mutant       string
	lie          string
}

func newConfig(v systems.Values) *config {
	return &config{
		driver:       v.Text(driver.KnobDriver),
		rate:         v.Float(driver.KnobRate),
		arrivals:     v.Text(driver.KnobArrivals),
		stall:        v.Duration(knobStall),
		service:      v.Duration(knobServiceTime),
		distribution: v.Text(knobDistribution),
		clients:      v.Int(driver.KnobClients),
		mutant:       v.Text(knobMutant),
		lie:          v.Text(knobLie),
	}
}

// check refuses knobs with which a trial would not measure what they say.
func check(set systems.Setting, v systems.Values) error {
	c := newConfig(v)
	if err := driver.Measurable(set, v); err != nil {
		return fmt.Errorf("echo: %w", err)
	}
	if err := (inject.Ground{Links: [][2]string{{"client", "server"}}}).Check(v.Text(inject.Links.Name)); err != nil {
		return fmt.Errorf("echo: %w", err)
	}
	switch {
	case c.driver == driver.Search && c.stall > 0:
		return errors.New("echo: a search with a stall: every probe but one would be of a server without")
	case !stallFits(set.Length, c.stall):
		return fmt.Errorf("echo: a stall of %v from a third of the window on does not end in a window of %v: measure for longer", c.stall,
			set.Length)
	}
	return c.checkMutant()
}

// timeConstant is how long the queue remembers: an open one's relaxation time,
// or the time that a closed loop's clients take to pass. An echo without
// service time remembers nothing.
func timeConstant(v systems.Values) time.Duration {
	c := newConfig(v)
	if c.driver == driver.Search {
		return 0 // another one at each rate: the experiment's times must do
	}
	if c.driver == driver.Closed || driver.IsWitness(c.driver) {
		return time.Duration(c.clients) * c.service
	}
	rho := c.rate * c.service.Seconds()
	if rho >= 1 {
		return 0 // it grows for ever: no time would do
	}
	gap := 1 - math.Sqrt(rho)
	return time.Duration(float64(c.service) / (gap * gap))
}

// probeTimeout bounds the one request of the trial itself.
const probeTimeout = 5 * time.Second

// trial starts a server, lets a client process drive it, and judges what both
// say.
func trial(ctx context.Context, b systems.Bench, v systems.Values) (record.Observation, error) {
	c, set := newConfig(v), b.Setting()
	if err := check(set, v); err != nil {
		return record.Observation{}, err
	}
	server, err := b.Start(ctx, systems.Launch{Role: "server", Name: "server", Args: append(
		v.Args(knobServiceTime, knobDistribution, knobMutant),
		"--stall-at", (set.Warmup + set.Length/3).String(), "--stall-for", c.stall.String(), "--seed", strconv.FormatUint(set.Seed, 10),
	)})
	if err != nil {
		return record.Observation{}, err
	}
	sampler, err := sample.Start(ctx, []sample.Target{sample.Of(server)}, 0)
	if err != nil {
		return record.Observation{}, fmt.Errorf("echo: %w", err)
	}
	r, err := throughLinks(ctx, b, v, server, func(addr string) (r report, err error) {
		l, err := launch(set, v, addr)
		if err != nil {
			return r, err
		}
		return r, driver.Await(ctx, b, l, &r)
	})
	samples := sampler.Stop()
	if err != nil {
		return record.Observation{}, err
	}
	answered, err := countAnswers(ctx, server.Addr())
	if err != nil {
		return record.Observation{}, err
	}
	if err := server.Stop(ctx); err != nil {
		return record.Observation{}, err
	}
	begin, end := r.Measured()
	o := observe(r, c, answered, samples.Window("server", begin, end).CPUSeconds)
	o.Evidence.Slack = max(o.Evidence.Slack, int64(samples.Slack(begin, end)))
	c.observeTheory(&o, set)
	return o, nil
}

// throughLinks runs the load at the address by which it reaches the server,
// while faults strike the link.
func throughLinks(ctx context.Context, b systems.Bench, v systems.Values, server systems.Process,
	load func(addr string) (report, error),
) (r report, err error) {
	faults, err := inject.Open(b, v.Text(inject.Links.Name))
	if err != nil {
		return r, err
	}
	defer func() { err = errors.Join(err, faults.Close()) }()
	addr, err := faults.Link("client", server)
	if err != nil {
		return r, err
	}
	strikes, err := faults.Begin(ctx)
	if err != nil {
		return r, err
	}
	r, err = load(addr)
	_, strikesErr := strikes.End()
	return r, errors.Join(err, strikesErr)
}

// countAnswers asks the server how many requests it has answered: one echo
// carries the number, itself included.
func countAnswers(ctx context.Context, addr string) (uint64, error) {
	conn, err := rpc.Dial(addr)
	if err != nil {
		return 0, fmt.Errorf("echo: %w", err)
	}
	defer conn.Close()
	ctx, cancel := context.WithTimeout(ctx, probeTimeout)
	defer cancel()
	resp, err := echov1.NewEchoServiceClient(conn).Echo(ctx, &echov1.EchoRequest{})
	if err != nil {
		return 0, fmt.Errorf("echo: asking the server for its count: %w", err)
	}
	if resp.GetAnswered() == 0 {
		return 0, errors.New("echo: the server answers, and says that it has answered nothing")
	}
	return resp.GetAnswered() - 1, nil
}

// observe turns what both sides said into figures and their proof.
func observe(r report, c *config, answered uint64, serverCPU float64) record.Observation {
	o := record.Observation{Verdict: judge(r, c, answered)}
	serverCPU, r.CPUSeconds = lie.CPU(c.lie, 0, serverCPU), lie.CPU(c.lie, 1, r.CPUSeconds)
	r.Throughput = lie.Rate(c.lie, r.Throughput)
	r.Observe(&o, c.driver)
	if c.driver == driver.Search { // CPU time of many rates is a figure of none
		return o
	}
	begin, end := r.Measured()
	if window := end.Sub(begin).Seconds(); window > 0 {
		o.Set("server_cores", serverCPU/window)
	}
	if n := r.Window.OK; n > 0 {
		o.Set("cpu_us_per_request", (r.CPUSeconds+serverCPU)*1e6/float64(n))
	}
	return o
}

// judge puts all that a trial promises to the test. ghz hands out no answers,
// so of what they carry nothing can be said; that it was answered exactly what
// it counts as answered can.
func judge(r report, c *config, answered uint64) record.Verdict {
	checks := append(r.Checks, checkAnswered(answered, r.Counts))
	if !driver.IsWitness(c.driver) {
		checks = append(checks, checkPayload(r.Answers), checkNumbers(r.Answers.Numbers, r.Counts))
	}
	return record.Judge(checks...)
}
