package target

import (
	"context"
	"fmt"
	"math"
	"slices"

	"dyno/bench/driver"
	"dyno/bench/load"
	"dyno/bench/sample"
	"dyno/internal/record"
	"dyno/systems"
)

const uncheckedDetail = "unchecked: nobody looked at what the answers say (give expect; ghz hands out no answers)"

// trial lets a process drive the service, which runs already.
func trial(ctx context.Context, b systems.Bench, v systems.Values) (record.Observation, error) {
	set, kind := b.Setting(), v.Text(knobDriver)
	if err := measurable(set, v); err != nil {
		return record.Observation{}, err
	}
	p, err := prepare(ctx, v) // here too: a mistake is told at once, without a process around it
	if err != nil {
		return record.Observation{}, fmt.Errorf("target: %w", err)
	}
	if err := p.close(); err != nil {
		return record.Observation{}, fmt.Errorf("target: %w", err)
	}
	var watched []sample.Target
	if pid := v.Int(knobPID); pid > 0 {
		watched = []sample.Target{{Name: "service", PID: pid}}
	}
	sampler, err := sample.Start(ctx, watched, 0)
	if err != nil {
		return record.Observation{}, fmt.Errorf("target: knob pid: %w", err)
	}
	var r report
	err = driver.Await(ctx, b, launch(set, v, kind), &r)
	samples := sampler.Stop()
	if err != nil {
		return record.Observation{}, err
	}
	o := r.observe(kind)
	o.Evidence.Method = "/" + v.Text(knobMethod)
	if begin, end := r.Measured(); watched != nil && kind != driver.Search {
		o.Set("service_cores", samples.Window("service", begin, end).CPUSeconds/end.Sub(begin).Seconds())
	}
	return o, nil
}

// measurable refuses a cell that could not measure what it says.
func measurable(set systems.Setting, v systems.Values) error {
	kind, rate := v.Text(knobDriver), v.Float(knobRate)
	if err := driver.Fits(kind, set.Load); err != nil {
		return fmt.Errorf("target: %w", err)
	}
	if driver.IsGHZ(kind) && rate != math.Trunc(rate) {
		return fmt.Errorf("target: ghz knows whole rates only, not %v per second", rate)
	}
	if err := driver.Window(kind, rate, set.Length); err != nil {
		return fmt.Errorf("target: %w", err)
	}
	return nil
}

// launch is the generator of a driver.
func launch(set systems.Setting, v systems.Values, kind string) systems.Launch {
	args := driver.Args(set)
	for _, knob := range append(slices.Clone(serviceKnobs), knobClients, knobRate) {
		args = append(args, "--"+knob, v.Text(knob))
	}
	if driver.IsGHZ(kind) {
		return systems.Launch{Role: "ghz", Name: "ghz", Args: append(args, fmt.Sprintf("--async=%v", kind == driver.GHZAsync))}
	}
	args = append(args, "--loop", kind, "--arrivals", v.Text(knobArrivals))
	if kind == driver.Search {
		args = append(args, load.SearchGoal(set.Load, set.Warmup, set.Length).Args()...)
	}
	return systems.Launch{Role: "client", Name: "client", Args: args}
}

// observe turns what the generator said into figures and their proof.
func (r *report) observe(kind string) record.Observation {
	var o record.Observation
	r.Observe(&o, kind)
	o.Verdict = record.Judge(append(r.Checks, r.checks()...)...)
	if r.Answers.Unchecked {
		o.Flag(record.Unchecked, uncheckedDetail)
	}
	if c := r.Counts; r.Answers.FirstError != "" {
		o.Flag("errors", "%d of %d calls were not answered OK, one with: %s", c.Sent-c.OK, c.Sent, r.Answers.FirstError)
	}
	return o
}

// checks are those of the answers.
func (r *report) checks() []record.Check {
	a, c := r.Answers, r.Counts
	answered := record.Pass("answered", c.OK+a.Wrong)
	if answered.Examined == 0 {
		answered = record.Fail("answered", c.Sent, "not one of %d calls was answered: %s", c.Sent, a.FirstError)
	}
	const name = "expect"
	switch {
	case a.Unchecked:
		return []record.Check{answered}
	case a.Wrong > 0:
		return []record.Check{answered, record.Fail(name, a.Matched+a.Wrong, "%d of %d answers are wrong, the first: %s", a.Wrong, a.Matched+a.Wrong, a.FirstWrong)}
	case a.Matched != c.OK:
		return []record.Check{answered, record.Fail(name, a.Matched, "%d answers were compared, %d are counted as OK", a.Matched, c.OK)}
	}
	return []record.Check{answered, record.Pass(name, a.Matched)}
}
