package driver

import (
	"fmt"
	"math"
	"slices"

	"dyno/bench/load"
	"dyno/systems"
)

// The knobs by which a trial says who loads its system, and how much.
const (
	KnobDriver   = "driver"
	KnobRate     = "rate"
	KnobArrivals = "arrivals"
	KnobClients  = "clients"
)

// Knobs are those, with how requests arrive by default. A role of ours binds the
// last three of them, that of ghz has no arrivals.
func Knobs(arrivals string) systems.Knobs {
	return systems.Knobs{
		{
			Name: KnobDriver, Default: Closed, Type: All,
			Help: "who loads the server: our closed or open loop, a search for the knee by open loops, or ghz as it is by default or with its " +
				"option async",
		},
		{
			Name: KnobRate, Unit: "req/s", Default: "100", Type: systems.Rate{Min: 1.0 / 3600, Max: load.MaxRate},
			Help: "requests that are offered per second, or 1/min, 6/h; the closed loop does not care, ghz takes whole numbers",
		},
		{Name: KnobArrivals, Default: arrivals, Type: systems.Choice(load.Arrivals), Help: "how the open loop's requests arrive"},
		{
			Name: KnobClients, Default: "8", Type: systems.Int{Min: 1, Max: 1000},
			Help: "clients of the closed loop, one request in flight each, all on one connection; workers of ghz",
		},
	}
}

// Measurable refuses a trial that could not measure what its knobs say.
func Measurable(set systems.Setting, v systems.Values) error {
	kind, rate := v.Text(KnobDriver), v.Float(KnobRate)
	if err := fits(kind, set.Load); err != nil {
		return err
	}
	if IsGHZ(kind) && rate != math.Trunc(rate) {
		return fmt.Errorf("ghz knows whole rates only, not %v per second", rate)
	}
	if s := shapeOf(v); s.shaped() {
		return s.fits(kind, set.Warmup, set.Length)
	}
	return window(kind, rate, set.Length)
}

// Launch is the generator that the knobs name, in a process of its own: with
// arguments that all roles of generators take, and some for ours only.
func Launch(set systems.Setting, v systems.Values, all, ours []string) systems.Launch {
	args := slices.Concat(settingArgs(set), v.Args(KnobClients, KnobRate), all)
	kind := v.Text(KnobDriver)
	if kind == Fortio {
		return systems.Launch{Role: outside, Name: Fortio, Args: args, CPUs: 1} // behind the program, which the system finds
	}
	if IsGHZ(kind) {
		return systems.Launch{Role: GHZ, Name: GHZ, Args: append(args, fmt.Sprintf("--async=%v", kind == GHZAsync))}
	}
	args = slices.Concat(args, v.Args(KnobArrivals), ours, []string{"--loop", kind})
	if kind == Search {
		args = append(args, load.SearchGoal(set.Load, set.Warmup, set.Length).Args()...)
	}
	return systems.Launch{Role: "client", Name: "client", Args: args}
}
