package trial

import (
	"context"
	"math/rand/v2"
	"time"

	"dyno/internal/backoff"
	"dyno/systems"
)

// mostAway bounds how long a killed server stays away.
const mostAway = 600 * time.Millisecond

// killer kills one server after the other, at random, each once the one before
// is back, until its context ends. A pause between has a mean of every.
func (t *town) killer(ctx, life context.Context, every time.Duration, seed uint64) error {
	r := rand.New(rand.NewPCG(seed, 0x6b111))
	all := append([]systems.Process{t.gateway, t.gateway}, t.banks...) // with three banks, two kills of five are its
	for {
		if backoff.Sleep(ctx, time.Duration(r.Int64N(int64(2*every)))) != nil {
			return nil
		}
		p := all[r.IntN(len(all))]
		if err := p.Kill(); err != nil {
			return err
		}
		_ = backoff.Sleep(life, time.Duration(r.Int64N(int64(mostAway))))
		if err := p.Restart(life); err != nil {
			return err
		}
		t.mu.Lock()
		t.restarts++
		t.mu.Unlock()
	}
}
