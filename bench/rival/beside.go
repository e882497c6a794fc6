package rival

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"time"

	"dyno/bench/driver"
	"dyno/bench/inject"
	"dyno/internal/record"
	"dyno/systems"
)

// The knobs of a system that is measured beside others, and None, which is the
// value of each where there is nothing of that: the system itself, no fault, no
// mutant.
const (
	Knob       = "rival"
	KnobFault  = "rival-fault"
	KnobMutant = "rival-mutant"
	None       = "none"
)

// Choice is what one of these knobs offers beside None, with its help.
type Choice struct {
	Of   []string
	Help string
}

// Choices are what all of them offer; a knob that offers nothing is not there.
type Choices struct{ Rivals, Faults, Mutants Choice }

// Knobs are those that offer something.
func (c Choices) Knobs() (out systems.Knobs) {
	for _, k := range []struct {
		name string
		Choice
	}{{Knob, c.Rivals}, {KnobFault, c.Faults}, {KnobMutant, c.Mutants}} {
		if len(k.Of) > 0 {
			out = append(out, systems.Knob{
				Name: k.name, Default: None, Type: append(systems.Choice{None}, k.Of...), Help: k.Help, Breaks: k.name == KnobFault,
			})
		}
	}
	return out
}

// mark is the folder in a bundle that says that the trial was a rival's.
const mark = "rival"

// Arm is a rival as the system takes it in that it is beside: what it adds, and
// what stands for the system's own where [Knob] is not [None]. Fields mean what
// they mean in [systems.System].
type Arm struct {
	Knobs    systems.Knobs // Knob among them
	Metrics  []record.Metric
	Trial    func(context.Context, systems.Bench, systems.Values) (record.Observation, error)
	Check    func(systems.Setting, systems.Values) error // nil: every cell can be measured
	Judge    func(bundle string) (record.Verdict, error)
	Overhead func(systems.Values) time.Duration
	Report   string // what follows the system's section
}

// Join returns the system with the rival beside it.
func (a Arm) Join(own systems.System) *systems.System {
	s := own
	s.Knobs = slices.Concat(own.Knobs, a.Knobs)
	s.Metrics = slices.Concat(own.Metrics, a.Metrics)
	s.Report = own.Report + a.Report
	for i, m := range s.Metrics {
		if m.Name == "throughput_rps" {
			s.Metrics[i].Road = both(m.Road, counted())
		}
	}
	s.Trial = func(ctx context.Context, b systems.Bench, v systems.Values) (record.Observation, error) {
		if v.Text(Knob) == None {
			return own.Trial(ctx, b, v)
		}
		if _, err := b.Dir(mark); err != nil {
			return record.Observation{}, err
		}
		return a.Trial(ctx, b, v)
	}
	s.Check = func(set systems.Setting, v systems.Values) error {
		switch {
		case v.Text(Knob) != None:
			return a.check(set, v)
		case own.Check != nil:
			return own.Check(set, v)
		}
		return nil
	}
	s.Overhead = func(v systems.Values) time.Duration {
		switch {
		case v.Text(Knob) != None:
			return a.Overhead(v)
		case own.Overhead != nil:
			return own.Overhead(v)
		}
		return 0
	}
	s.TimeConstant = func(v systems.Values) time.Duration {
		if own.TimeConstant == nil || v.Text(Knob) != None {
			return 0
		}
		return own.TimeConstant(v)
	}
	s.Judge = func(bundle string) (record.Verdict, error) {
		if _, err := os.Stat(filepath.Join(bundle, mark)); err == nil {
			return a.Judge(bundle)
		}
		return own.Judge(bundle)
	}
	return &s
}

func (a Arm) check(set systems.Setting, v systems.Values) error {
	if err := fits(v); err != nil || a.Check == nil {
		return err
	}
	return a.Check(set, v)
}

// fits refuses knobs of the system that a trial of a rival does not heed: its load
// is a closed loop, its faults have a knob of their own.
func fits(v systems.Values) error {
	if loop, ok := v[driver.KnobDriver]; ok && loop != driver.Closed {
		return fmt.Errorf("a rival is loaded by a closed loop, not by driver %s", loop)
	}
	if faults := v[inject.Knob.Name]; faults != "" {
		return fmt.Errorf("a rival has faults of its own, not %q", faults)
	}
	return nil
}
