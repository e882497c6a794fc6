package trial

import (
	"context"
	"errors"
	"math/rand/v2"
	"time"

	"dyno/internal/backoff"
	standbyv1 "dyno/proto/standby/v1"
	"dyno/systems"
)

// striker strikes whoever is primary, again and again, each time once the servers
// are a pair: what becomes of a primary that is alone is another question.
type striker struct {
	trial  *run
	rng    *rand.Rand
	done   []struckAt
	failed error
}

// strike begins, and returns what ends it: all are whole again then.
func (t *run) strike(ctx context.Context) (end func() ([]struckAt, error)) {
	s := &striker{trial: t, rng: rand.New(rand.NewPCG(t.bench.Setting().Seed, 1))}
	ctx, cancel := context.WithCancel(ctx)
	over := make(chan struct{})
	go func() {
		defer close(over)
		if t.plan.strike == strikeNone {
			return
		}
		_ = backoff.Sleep(ctx, t.bench.Setting().Warmup+lead)
		for n := 0; n < t.plan.strikes && ctx.Err() == nil && s.failed == nil; n++ {
			s.next(ctx)
		}
	}()
	return func() ([]struckAt, error) {
		cancel()
		<-over
		return s.done, s.failed
	}
}

// next waits for a pair, strikes its primary, and makes that whole again.
func (s *striker) next(ctx context.Context) {
	t := s.trial
	status, err := t.settling(ctx, paired)
	if err != nil || backoff.Sleep(ctx, pairedFor+time.Duration(s.rng.Int64N(int64(t.plan.lease/4)))) != nil {
		return // the load is over
	}
	victim := t.cluster.Servers[0]
	if status[1].GetRole() == standbyv1.Role_ROLE_PRIMARY {
		victim = t.cluster.Servers[1]
	}
	begin, end := systems.Process.Kill, func() error { return victim.Restart(context.WithoutCancel(ctx)) }
	if t.plan.strike == strikePause {
		begin, end = systems.Process.Pause, victim.Resume
	}
	at := struckAt{Kind: t.plan.strike, Node: victim.Name(), At: time.Now().UnixNano()}
	if s.failed = begin(victim); s.failed != nil {
		return
	}
	t.bench.Logf("%s of %s", t.plan.strike, victim.Name())
	_ = backoff.Sleep(ctx, t.plan.down())
	s.done = append(s.done, at)
	at.Ends, at.At = true, time.Now().UnixNano()
	s.done = append(s.done, at)
	s.failed = errors.Join(s.failed, end())
}

// pairedFor is how long the servers are a pair before one is struck, so that
// clients have got that far, and one failover can be told from the next.
const pairedFor = 200 * time.Millisecond
