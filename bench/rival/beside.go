package rival

import (
	"context"
	"fmt"

	"dyno/bench/driver"
	"dyno/bench/inject"
	"dyno/internal/record"
	"dyno/systems"
)

// Knob is how a system calls the knob that names what is measured instead of it,
// and None its value for the system itself.
const (
	Knob = "rival"
	None = "none"
)

// Trial is what measures one cell, as in [systems.System].
type Trial func(context.Context, systems.Bench, systems.Values) (record.Observation, error)

// Beside is the trial of a system that has rivals: own measures the system, other
// what the knob names.
func Beside(own, other Trial) Trial {
	return func(ctx context.Context, b systems.Bench, v systems.Values) (record.Observation, error) {
		if v.Text(Knob) == None {
			return own(ctx, b, v)
		}
		return other(ctx, b, v)
	}
}

// Fits refuses knobs of the system that a trial of a rival does not heed: its load
// is a closed loop, its faults have a knob of their own.
func Fits(v systems.Values) error {
	if loop, ok := v[driver.KnobDriver]; ok && loop != driver.Closed {
		return fmt.Errorf("a rival is loaded by a closed loop, not by driver %s", loop)
	}
	if faults := v[inject.Knob.Name]; faults != "" {
		return fmt.Errorf("a rival has faults of its own, not %q", faults)
	}
	return nil
}
