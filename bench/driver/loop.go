package driver

import (
	"context"
	"time"

	"dyno/bench/load"
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
	Wrap     func(Single) Single // around a single loop, for negative controls; nil: none
}

// Loop makes one of ours by its name.
func (f *Flags) Loop(kind string, m Model) (Loop, error) {
	if m.Wrap == nil {
		m.Wrap = func(l Single) Single { return l }
	}
	switch kind {
	case Closed:
		c := load.Closed{Clients: m.Clients, Warmup: f.Warmup, Length: f.Length, Timeout: m.Timeout}
		if m.Requests > 0 {
			c.Warmup, c.Length, c.Requests = 0, 0, m.Requests
		}
		return Once(m.Wrap(c)), nil
	case Open:
		if err := window(kind, m.Rate, f.Length); err != nil {
			return nil, systems.Usagef("--rate %v --length %v: %w", m.Rate, f.Length, err)
		}
		return Once(m.Wrap(load.Open{
			Arrivals: m.Arrivals, Rate: m.Rate, Seed: f.Seed, Warmup: f.Warmup, Length: f.Length, Timeout: m.Timeout,
		})), nil
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
