package target

import (
	"context"
	"fmt"

	"dyno/bench/driver"
	"dyno/bench/sample"
	"dyno/internal/record"
	"dyno/systems"
)

// trial lets a process drive the service, which runs already.
func trial(ctx context.Context, b systems.Bench, v systems.Values) (record.Observation, error) {
	set, kind := b.Setting(), v.Text(driver.KnobDriver)
	if err := driver.Measurable(set, v); err != nil {
		return record.Observation{}, fmt.Errorf("target: %w", err)
	}
	p, err := prepare(ctx, v, set.Seed) // here too: a mistake is told at once, without a process around it
	if err != nil {
		return record.Observation{}, fmt.Errorf("target: %w", err)
	}
	if err := p.conns.Close(); err != nil {
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
	err = driver.Await(ctx, b, driver.Launch(set, v, args(v), nil), &r)
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
