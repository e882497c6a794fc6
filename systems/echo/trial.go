package echo

import (
	"context"
	"errors"
	"fmt"
	"strconv"
	"time"

	"dyno/bench/driver"
	"dyno/bench/inject"
	"dyno/bench/lie"
	"dyno/bench/load"
	"dyno/bench/sample"
	"dyno/internal/record"
	"dyno/internal/rpc"
	echov1 "dyno/proto/echo/v1"
	"dyno/systems"
)

// probeTimeout bounds the one request of the trial itself.
const probeTimeout = 5 * time.Second

// trial starts a server, lets a client process drive it, and judges what both
// say.
func trial(ctx context.Context, b systems.Bench, v systems.Values) (record.Observation, error) {
	c, set := newCell(v), b.Setting()
	if err := c.check(set); err != nil {
		return record.Observation{}, err
	}
	server, err := b.Start(ctx, systems.Launch{Role: "server", Name: "server", Args: []string{
		"--stall-at", (set.Warmup + set.Length/3).String(),
		"--stall-for", c.stall.String(),
		"--service-time", c.service.String(),
		"--distribution", c.distribution,
		"--mutant", c.mutant,
		"--seed", strconv.FormatUint(set.Seed, 10),
	}})
	if err != nil {
		return record.Observation{}, err
	}
	sampler, err := sample.Start(ctx, []sample.Target{{Name: "server", PID: server.PID()}}, 0)
	if err != nil {
		return record.Observation{}, fmt.Errorf("echo: %w", err)
	}
	r, err := throughLinks(ctx, b, v, server, func(addr string) (report, error) { return runGenerator(ctx, b, c, addr, v) })
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
func throughLinks(ctx context.Context, b systems.Bench, v systems.Values, server systems.Process, load func(addr string) (report, error)) (r report, err error) {
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

// runGenerator lets a process of its own drive the server, and reads what it
// prints.
func runGenerator(ctx context.Context, b systems.Bench, c *cell, addr string, v systems.Values) (report, error) {
	set := b.Setting()
	args := append(driver.Args(set), "--server", addr, "--clients", v.Text(knobClients), "--payload", v.Text(knobPayload), "--rate", v.Text(knobRate))
	launch := systems.Launch{Role: "client", Name: "client", Args: append(args, "--loop", c.driver, "--arrivals", c.arrivals, "--mutant", c.mutant, "--lie", c.lie)}
	switch {
	case c.driver == driver.Search:
		launch.Args = append(launch.Args, load.SearchGoal(set.Load, set.Warmup, set.Length).Args()...)
	case driver.IsGHZ(c.driver):
		launch = systems.Launch{Role: "ghz", Name: "ghz", Args: append(args, fmt.Sprintf("--async=%v", c.driver == driver.GHZAsync))}
	}
	var r report
	if err := driver.Await(ctx, b, launch, &r); err != nil {
		return report{}, err
	}
	return r, nil
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
func observe(r report, c *cell, answered uint64, serverCPU float64) record.Observation {
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

// observeTheory sets what theory has to say of a cell.
func (c *cell) observeTheory(o *record.Observation, set systems.Setting) {
	if t, ok := c.expected(set.Length); ok {
		t.observe(o)
	}
	if c.driver == driver.Search && c.service > 0 && c.arrivals == "poisson" && c.distribution == "exp" {
		o.Set("theory_knee_rps", mm1Knee(c.service, set.Load.P99Below.Duration()))
	}
}

// observe sets the response times of theory.
func (t theory) observe(o *record.Observation) {
	ms := func(d time.Duration) float64 { return float64(d) / float64(time.Millisecond) }
	o.Set("theory_mean_ms", ms(t.mean))
	if t.quantile != nil {
		o.Set("theory_p90_ms", ms(t.quantile(0.90)))
		o.Set("theory_p95_ms", ms(t.quantile(0.95)))
		o.Set("theory_p99_ms", ms(t.quantile(0.99)))
	}
}

// judge puts all that a trial promises to the test. ghz hands out no answers,
// so of what they carry nothing can be said; that it was answered exactly what
// it counts as answered can.
func judge(r report, c *cell, answered uint64) record.Verdict {
	checks := append(r.Checks, checkAnswered(answered, r.Counts))
	if !driver.IsGHZ(c.driver) {
		checks = append(checks, checkPayload(r.Answers), checkNumbers(r.Answers.Numbers, r.Counts))
	}
	return record.Judge(checks...)
}
