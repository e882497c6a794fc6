package rival

import (
	"context"
	"errors"
	"os"
	"time"

	"dyno/bench/rival"
	"dyno/internal/backoff"
	"dyno/systems"
)

// down is how long a killed cluster stays so.
const down = 200 * time.Millisecond

// strike kills whom the knob names, in the middle of the window. A cluster is
// started again, a coordinator is not.
func (t *bench) strike(ctx context.Context, coordinator systems.Process) error {
	fault := t.v.Text(rival.KnobFault)
	if fault == rival.None {
		return nil
	}
	set := t.Setting()
	if err := t.awaitPayment(ctx); err != nil {
		return err
	}
	if err := backoff.Sleep(ctx, set.Warmup+set.Length/2); err != nil {
		return err
	}
	if fault == faultCoordinator {
		return coordinator.Kill()
	}
	if err := t.clusters[0].Kill(); err != nil {
		return err
	}
	if err := backoff.Sleep(ctx, down); err != nil {
		return err
	}
	return t.clusters[0].Revive(ctx)
}

// paymentBound is how long the first payment may take: connecting takes its time.
const paymentBound = 30 * time.Second

func (t *bench) awaitPayment(ctx context.Context) error {
	ctx, cancel := context.WithTimeoutCause(ctx, paymentBound, errors.New("nobody was paid before anybody could be killed"))
	defer cancel()
	for {
		info, err := os.Stat(t.acks)
		if err == nil && info.Size() > 0 {
			return nil
		}
		if err := backoff.Sleep(ctx, down/10); err != nil {
			return err
		}
	}
}
