package target

import (
	"context"
	"fmt"
	"net"
	"strings"

	"dyno/bench/driver"
	"dyno/internal/record"
	"dyno/systems"
)

// onlyHere says whether an address leads each machine to itself.
func onlyHere(address string) bool {
	host, _, err := net.SplitHostPort(address)
	return strings.HasPrefix(address, "unix") || err == nil && (host == "localhost" || net.ParseIP(host).IsLoopback())
}

// trial lets a process drive the service, which runs already.
func trial(ctx context.Context, b systems.Bench, v systems.Values) (record.Observation, error) {
	if at := v.Text(knobAddress); onlyHere(at) {
		if err := systems.OneMachine(b, "calls a service at "+at+", where another machine has another one"); err != nil {
			return record.Observation{}, err
		}
	}
	set, kind := b.Setting(), v.Text(driver.KnobDriver)
	if err := checkCell(set, v); err != nil {
		return record.Observation{}, fmt.Errorf("target: %w", err)
	}
	p, err := prepare(ctx, v, set.Seed) // here too: a mistake is told at once, without a process around it
	if err != nil {
		return record.Observation{}, fmt.Errorf("target: %w", err)
	}
	if err := p.conns.Close(); err != nil {
		return record.Observation{}, fmt.Errorf("target: %w", err)
	}
	w, err := watch(ctx, v)
	if err != nil {
		return record.Observation{}, fmt.Errorf("target: %w", err)
	}
	defer w.stop()
	var r report
	l := driver.Launch(set, v, args(v), v.Args(driver.ShapeNames...))
	// See Compile; and gRPC's resolver xds, with policies that come with it, is
	// linked by what else the whole program has.
	l.Whole = v.Text(knobProto) != "" || v.Text(knobServiceConfig) != "" || strings.HasPrefix(v.Text(knobAddress), "xds:")
	err = driver.Await(ctx, b, l, &r)
	if err != nil {
		return record.Observation{}, err
	}
	o := r.observe(kind)
	o.Evidence.Method = "/" + v.Text(knobMethod)
	w.observe(&o, &r.Report, kind)
	return o, nil
}
