package rival

import (
	"context"
	"time"

	"dyno/systems"
)

// down is how long a killed cluster stays so.
const down = 200 * time.Millisecond

// strike kills whom the knob names, in the middle of the window. A cluster is
// started again, a coordinator is not.
func (t *bench) strike(ctx context.Context, coordinator systems.Process) error {
	fault := t.v.Text(KnobFault)
	if fault == faultNone {
		return nil
	}
	set := t.Setting()
	if err := pause(ctx, set.Warmup+set.Length/2); err != nil {
		return err
	}
	if fault == faultCoordinator {
		return coordinator.Kill()
	}
	if err := t.clusters[0].Kill(); err != nil {
		return err
	}
	if err := pause(ctx, down); err != nil {
		return err
	}
	return t.clusters[0].Revive(ctx)
}

func pause(ctx context.Context, d time.Duration) error {
	select {
	case <-ctx.Done():
		return context.Cause(ctx)
	case <-time.After(d):
		return nil
	}
}
