package driver

import (
	"context"
	"time"

	"dyno/bench/load"
	"dyno/internal/record"
	"dyno/systems"
)

// Loop offers load and sums up what came of it.
type Loop func(context.Context, load.Op) (load.Summary, error)

// Single is load.Closed or load.Open.
type Single interface {
	Run(context.Context, load.Op) (load.Result, error)
}

// Once runs a single loop.
func Once(l Single) Loop {
	return func(ctx context.Context, op load.Op) (load.Summary, error) {
		res, err := l.Run(ctx, op)
		if err != nil {
			return load.Summary{}, err
		}
		return res.Summary(), nil
	}
}

// Model is how much load a loop offers; each takes what concerns it.
type Model struct {
	Clients  int // of a closed loop
	Rate     float64
	Arrivals string
	Timeout  time.Duration       // of one operation; 0: load.DefaultTimeout
	Requests int64               // of a closed loop: operations in all, instead of a time; 0: as many as there is time for
	Goal     load.Goal           // of a search
	Shape    Shape               // of a single loop
	Wrap     func(Single) Single // around a single loop, for negative controls; nil: none
}

// Loop makes one of ours by its name.
func (f *Flags) Loop(kind string, m Model) (Loop, error) {
	f.announce(&m)
	if m.Wrap == nil {
		m.Wrap = func(l Single) Single { return l }
	}
	kind = m.Shape.loop(kind)
	if err := m.Shape.lay(f, kind); err != nil {
		return nil, err
	}
	switch kind {
	case Closed:
		l := load.Closed{
			Clients: m.Clients, Warmup: f.Warmup, Length: f.Length, Timeout: m.Timeout, MaxSpans: m.Shape.spans, Step: m.Shape.step(f.Length),
		}
		if m.Requests > 0 {
			l.Warmup, l.Length, l.Step, l.Requests = 0, 0, 0, m.Requests
		}
		return m.Shape.watch(func(each func(record.Span)) Single {
			l.Each = each
			return m.Wrap(l)
		}), nil
	case Open:
		if err := window(kind, m.Rate, f.Length); err != nil && !m.Shape.shaped() {
			return nil, systems.Usagef("--rate %v --length %v: %w", m.Rate, f.Length, err)
		}
		l := load.Open{
			Arrivals: m.Arrivals, Rate: m.Rate, Profile: m.Shape.profile, Replay: m.Shape.replay, Seed: f.Seed, Warmup: f.Warmup,
			Length: f.Length, Timeout: m.Timeout, MaxSpans: m.Shape.spans, Step: m.Shape.step(f.Length),
		}
		return m.Shape.watch(func(each func(record.Span)) Single {
			l.Each = each
			return m.Wrap(thrifty(l))
		}), nil
	case Search:
		goal, err := m.Goal.Check()
		if err != nil {
			return nil, systems.Usagef("--loop search: %w", err)
		}
		return load.Search{
			Goal: goal, Arrivals: m.Arrivals, Seed: f.Seed, Warmup: f.Warmup, Length: f.Length, Timeout: m.Timeout,
		}.Run, nil
	}
	return nil, systems.Usagef("--loop %w", &systems.ChoiceError{Word: kind, Allowed: []string{Closed, Open, Search}})
}
