package demo

import (
	"context"
	"errors"
	"fmt"
	"time"

	"dyno/internal/record"
	"dyno/systems"
	"dyno/systems/strife/trial"
)

// round bounds a part of a soak: each has a deployment of its own, whose
// journals and calls are judged whole, so that a soak of any length needs the
// memory of one round.
const round = 30 * time.Second

// What a round is made of.
const (
	soakUsers  = "16"
	soakBanks  = "3"
	killEvery  = "500ms" // mean time from one server's return to the kill of the next
	soakWarmup = 200 * time.Millisecond
)

// totals are what a soak has come to.
type totals struct {
	rounds, kills, damage int
	paid, starts          float64
	slowest               float64 // ms from the last restart until nothing was in doubt
}

// soak pays for so long while servers are killed at random.
func soak(ctx context.Context, sh systems.Shell, length time.Duration, seed uint64, knobs systems.Knobs) error {
	var t totals
	began := time.Now()
	for time.Since(began) < length && ctx.Err() == nil {
		part := min(round, max(2*time.Second, length-time.Since(began)))
		if err := t.play(ctx, sh, part, seed+uint64(t.rounds), knobs); err != nil {
			return fmt.Errorf("round %d, seed %d: %w", t.rounds, seed+uint64(t.rounds)-1, err)
		}
		fmt.Fprintf(sh.Out, "%v: %d rounds: %.0f payments, %d kills, %.0f lives of the gateway; damage %d; "+
			"nothing in doubt at most %.0f ms after the last restart\n",
			time.Since(began).Round(time.Second), t.rounds, t.paid, t.kills, t.starts, t.damage, t.slowest)
	}
	if t.damage > 0 {
		return errors.New("the journals do not hold what they must")
	}
	return ctx.Err()
}

// play plays one round.
func (t *totals) play(ctx context.Context, sh systems.Shell, length time.Duration, seed uint64, knobs systems.Knobs) (err error) {
	set := systems.Setting{Seed: seed, Load: record.Load{Loop: "closed"}, Warmup: soakWarmup, Length: length}
	ctx, bench, closeBench, err := sh.Bench(ctx, set)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, closeBench()) }()
	v, err := knobs.Resolve(map[string]string{
		"banks": soakBanks, "clients": soakUsers, "retry": "on", "attempt": "1s", "overdraw": "0.02", "kill-every": killEvery,
	})
	if err != nil {
		return err
	}
	t.rounds++
	o, err := trial.Run(ctx, quiet{bench}, v)
	if err != nil {
		return err
	}
	t.kills += int(o.Scalars["deaths"])
	t.paid += o.Scalars["paid"]
	t.starts += o.Scalars["gateway_starts"]
	t.slowest = max(t.slowest, o.Scalars["settle_ms"])
	for _, c := range o.Verdict.Checks {
		if c.Status == record.Invalid {
			t.damage++
			fmt.Fprintf(sh.Out, "DAMAGE in the round with seed %d: %s: %s\n", seed, c.Name, c.Detail)
		}
	}
	return nil
}

// quiet is a bench that does not tell of each kill.
type quiet struct{ systems.Bench }

func (quiet) Logf(string, ...any) {}
