package target

import (
	"context"
	"fmt"

	"dyno/bench/driver"
	"dyno/bench/sample"
	"dyno/internal/record"
	"dyno/systems"
)

const uncheckedDetail = "unchecked: nobody looked at what the answers say (give expect; ghz hands out no answers)"

// trial lets a process drive the service, which runs already.
func trial(ctx context.Context, b systems.Bench, v systems.Values) (record.Observation, error) {
	set, kind := b.Setting(), v.Text(driver.KnobDriver)
	if err := driver.Measurable(set, v); err != nil {
		return record.Observation{}, fmt.Errorf("target: %w", err)
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
	err = driver.Await(ctx, b, driver.Launch(set, v, v.Args(serviceKnobs...), nil), &r)
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

// observe turns what the generator said into figures and their proof.
func (r *report) observe(kind string) record.Observation {
	var o record.Observation
	r.Observe(&o, kind)
	o.Verdict = record.Judge(append(r.Checks, r.checks()...)...)
	if r.Answers.Unchecked {
		o.Flag(record.Unchecked, uncheckedDetail)
	}
	return o
}

// checks are those of the answers.
func (r *report) checks() []record.Check {
	a, c := r.Answers, r.Counts
	answered := record.Pass("answered", c.OK+a.Wrong)
	if answered.Examined == 0 {
		answered = record.Fail("answered", c.Sent, "not one of %d calls was answered: %s", c.Sent, r.FirstError)
	}
	const name = "expect"
	switch {
	case a.Unchecked:
		return []record.Check{answered}
	case a.Wrong > 0:
		return []record.Check{
			answered,
			record.Fail(name, a.Matched+a.Wrong, "%d of %d answers are wrong, the first: %s", a.Wrong, a.Matched+a.Wrong, a.FirstWrong),
		}
	case a.Matched != c.OK:
		return []record.Check{answered, record.Fail(name, a.Matched, "%d answers were compared, %d are counted as OK", a.Matched, c.OK)}
	}
	return []record.Check{answered, record.Pass(name, a.Matched)}
}
