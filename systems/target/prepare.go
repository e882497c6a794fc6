package target

import (
	"context"

	"google.golang.org/grpc"
	"google.golang.org/grpc/metadata"

	"dyno/bench/load"
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
		caller:   caller{conns: conns, options: append(endpoint(v).Compression(), grpc.ForceCodecV2(codec{}))},
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
