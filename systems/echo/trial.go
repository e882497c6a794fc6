package echo

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"strconv"
	"time"

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
	if l := b.Setting().Load.Loop; l != "closed" {
		return record.Observation{}, fmt.Errorf("echo: there is no load %q; the only one is closed", l)
	}
	server, err := b.Start(ctx, systems.Launch{Role: "server", Name: "server"})
	if err != nil {
		return record.Observation{}, err
	}
	sampler, err := sample.Start(ctx, []sample.Target{{Name: "server", PID: server.PID()}}, 0)
	if err != nil {
		return record.Observation{}, fmt.Errorf("echo: %w", err)
	}
	r, err := runClient(ctx, b, server.Addr(), v)
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
	begin, end := r.window()
	return observe(r, answered, samples.Window("server", begin, end).CPUSeconds), nil
}

// runClient lets a process of its own drive the server, and reads what it
// prints.
func runClient(ctx context.Context, b systems.Bench, addr string, v systems.Values) (report, error) {
	set := b.Setting()
	client, err := b.Start(ctx, systems.Launch{Role: "client", Name: "client", Args: []string{
		"--server", addr,
		"--clients", v.Text(knobClients),
		"--payload", v.Text(knobPayload),
		"--warmup", set.Warmup.String(),
		"--length", set.Length.String(),
		"--seed", strconv.FormatUint(set.Seed, 10),
		"--json",
	}})
	if err != nil {
		return report{}, err
	}
	out, err := client.Wait(ctx)
	if err != nil {
		return report{}, err
	}
	var r report
	if err := json.Unmarshal(out, &r); err != nil {
		return report{}, fmt.Errorf("echo: the client's result: %w", err)
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
func observe(r report, answered uint64, serverCPU float64) record.Observation {
	o := record.Observation{Counts: r.Counts, Verdict: judge(r, answered)}
	begin, end := r.window()
	window := end.Sub(begin).Seconds()
	o.Set("throughput_rps", r.Throughput)
	o.SetHistogram("response", r.Latency)
	o.Set("generator_cores", r.CPUSeconds/window)
	o.Set("server_cores", serverCPU/window)
	if n := r.Window.OK; n > 0 {
		o.Set("cpu_us_per_request", (r.CPUSeconds+serverCPU)*1e6/float64(n))
	}
	return o
}

// judge puts all that a trial promises to the test.
func judge(r report, answered uint64) record.Verdict {
	return record.Judge(append(r.Checks,
		checkPayload(r.Answers),
		checkNumbers(r.Answers.Numbers, r.Counts),
		checkAnswered(answered, r.Counts),
	)...)
}
