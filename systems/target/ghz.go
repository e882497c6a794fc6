package target

import (
	"context"

	"dyno/bench/driver"
	"dyno/systems"
)

func setupGHZ(fs systems.FlagSet) func(context.Context, systems.Shell) error {
	async := fs.Bool("async", false, "send at the rate even if workers wait for answers, as ghz --async")
	f := driver.BindFlags(fs)
	v := knobs.Bind(fs, names(serviceKnobs, driver.KnobClients, driver.KnobRate)...)
	return func(ctx context.Context, sh systems.Shell) error {
		w := driver.Witness{
			Flags: f, Async: *async, Workers: v.Int(driver.KnobClients), Rate: v.Float(driver.KnobRate),
		}
		if err := w.Check(); err != nil {
			return err
		}
		p, err := prepare(ctx, v, f.Seed)
		if err != nil {
			return err
		}
		defer p.conns.Close()
		r, err := p.witness(ctx, w)
		if err != nil {
			return p.metadata.hideIn(err)
		}
		return r.tell(sh, f, driver.GHZ, new(driver.Objective))
	}
}

// witness lets ghz do the same.
func (p *prepared) witness(ctx context.Context, w driver.Witness) (*report, error) {
	w.Endpoint, w.Timeout = endpoint(p.values), p.values.Duration(knobDeadline)
	w.Method, w.Metadata = p.requests.method.MethodDescriptor, p.metadata.values
	w.Requests, w.MessageRate = p.batch, p.streams.rate
	if err := p.fitsGHZ(w); err != nil {
		return nil, err
	}
	cost, err := p.requests.cost()
	if err != nil {
		return nil, err
	}
	got, err := w.Run(ctx)
	if err != nil {
		return nil, err
	}
	r := &report{Report: got, Answers: answers{Unchecked: true}, TemplateSeconds: cost.Seconds()}
	p.finish(r)
	return r, nil
}

// batch is what ghz sends in its next call, or stream.
func (p *prepared) batch() ([]*driver.Message, error) {
	n := 1
	if p.streams.desc.ClientStreams {
		n = p.streams.messages
	}
	out := make([]*driver.Message, n)
	for i := range out {
		q, err := p.requests.next()
		if err != nil {
			return nil, err
		}
		out[i] = &q.Message
	}
	return out, nil
}

// fitsGHZ refuses what ghz cannot do, or would do otherwise without a word.
func (p *prepared) fitsGHZ(w driver.Witness) error {
	s := p.streams
	switch n := int64(w.Rate * (w.Warmup + w.Length).Seconds()); {
	case s.messages > 0 && !s.desc.ClientStreams:
		return systems.Usagef("--%s: ghz ends a stream of answers by breaking it off, and counts it as failed; leave it out", knobMessages)
	case w.Endpoint.Connections > w.Workers:
		return systems.Usagef("--%s %d: ghz wants as many workers at least; raise --%s", knobConnections, w.Endpoint.Connections,
			driver.KnobClients)
	case p.requests.order == onceEach && n*int64(max(s.messages, 1)) > int64(len(p.requests.lines)):
		return systems.Usagef("--%s %s: ghz makes %d calls, the file has %d lines", knobDataOrder, onceEach, n, len(p.requests.lines))
	}
	return nil
}
