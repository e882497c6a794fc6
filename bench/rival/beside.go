package rival

import (
	"context"

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
