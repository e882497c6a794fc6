package target

import (
	"context"
	"fmt"
	"net"
	"slices"
	"strings"

	"google.golang.org/grpc"
	"google.golang.org/grpc/metadata"

	"dyno/bench/driver"
	"dyno/bench/load"
	"dyno/internal/record"
	"dyno/internal/rpc"
	"dyno/systems"
)

// prepared is a service that answers, and what is to be asked of it.
type prepared struct {
	caller
	metadata *callMetadata
	values   systems.Values
}

// prepare reaches the service, finds its method, and reads what is asked.
func prepare(ctx context.Context, v systems.Values, seed uint64) (*prepared, error) {
	md, err := readMetadata(v.Text(knobMetadata), v.Text(knobMetadataFile))
	if err != nil {
		return nil, err
	}
	conns, err := connect(ctx, v)
	if err != nil {
		return nil, err
	}
	p := &prepared{
		caller: caller{
			conns: conns, options: append(endpoint(v).Compression(), grpc.ForceCodecV2(codec{})), servers: newServers(endpoint(v)),
		},
		metadata: md, values: v,
	}
	if err := p.describe(p.outgoing(ctx), seed); err != nil {
		_ = conns.Close()
		return nil, md.hideIn(err)
	}
	return p, nil
}

func (p *prepared) describe(ctx context.Context, seed uint64) error {
	ctx, cancel := context.WithTimeout(ctx, load.DefaultTimeout)
	defer cancel() // ends reflection, which is asked for types up to here
	v := p.values
	m, err := newSource(v.Text(knobProto), v.Text(knobImportPaths), v.Text(knobProtoset)).find(ctx, p.conns.Of(0), v.Text(knobMethod))
	if err != nil {
		return err
	}
	p.path = m.path()
	if p.streams, err = newStreams(m, v); err != nil {
		return err
	}
	p.requests, err = newRequests(m, v, seed)
	return err
}

// outgoing adds the metadata to what is called in a context.
func (p *prepared) outgoing(ctx context.Context) context.Context {
	if len(p.metadata.values) == 0 {
		return ctx
	}
	return metadata.NewOutgoingContext(ctx, metadata.New(p.metadata.values))
}

// onlyHere says whether an address leads each machine to itself.
func onlyHere(address string) bool {
	if servers, _ := rpc.List(address); len(servers) > 0 {
		return slices.ContainsFunc(servers, onlyHere)
	}
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
	// Of several servers all policies are measured in one program.
	l.Whole = v.Text(knobProto) != "" || endpoint(v).Several()
	err = driver.Await(ctx, b, l, &r)
	if err != nil {
		return record.Observation{}, err
	}
	o := r.observe(kind)
	o.Evidence.Method = "/" + v.Text(knobMethod)
	w.observe(&o, &r.Report, kind)
	return o, nil
}
