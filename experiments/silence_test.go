package experiments

import (
	"context"
	"testing"
	"time"

	"dyno/internal/record"
	"dyno/systems"
)

// A trial is flagged in which nobody was answered for much of the window, unless a
// knob broke something.
func TestSilenceIsFlagged(t *testing.T) {
	for _, breaks := range []bool{false, true} {
		p := toyPlan(t, func(context.Context, systems.Bench, systems.Values) (record.Observation, error) {
			o := observed()
			o.Evidence = &record.Evidence{Silence: &record.Silence{From: 70 * time.Millisecond, To: time.Second, Window: time.Second}}
			return o, nil
		})
		toy := *p.System
		toy.Knobs = append(systems.Knobs{{Name: "fault", Default: "none", Type: systems.Choice{"none", "kill"}, Breaks: true}}, toy.Knobs...)
		p.System = &toy
		for _, c := range p.Cells {
			c.Values["fault"] = map[bool]string{true: "kill", false: "none"}[breaks]
		}
		out := t.TempDir()
		if _, err := (&Runner{Out: out}).Run(t.Context(), p); err != nil {
			t.Fatal(err)
		}
		_, trials := stored(t, out)
		for _, trial := range trials {
			if got := len(trial.Observation.Flags) > 0 && trial.Observation.Flags[0].Name == "silence"; got == breaks {
				t.Errorf("broken on purpose: %v; flags %v", breaks, trial.Observation.Flags)
			}
		}
	}
}
