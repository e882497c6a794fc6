package demo

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"sync"
	"time"

	"dyno/internal/backoff"
	standbyv1 "dyno/proto/standby/v1"
	"dyno/systems"
	"dyno/systems/standby/client"
	"dyno/systems/standby/cluster"
)

// scene is a demo under way.
type scene struct {
	bank    *client.Bank
	result  *result
	resumed chan struct{} // closed with the first write that is acknowledged after the kill

	mu     sync.Mutex
	killed time.Time // zero: not yet
	victim string
	deltas int64 // of acknowledged actions, summed
}

// load has clients deposit 1 on one account and withdraw 2 from another, in turn,
// until it is stopped.
func (s *scene) load(ctx context.Context, clients int) (stop func()) {
	ctx, cancel := context.WithCancel(ctx)
	var all sync.WaitGroup
	for n := range clients {
		all.Go(func() {
			session := s.bank.Session()
			for i := n; ctx.Err() == nil; i++ {
				op, amount := standbyv1.Operation_OPERATION_DEPOSIT, int64(1)
				if i%3 == 0 {
					op = standbyv1.Operation_OPERATION_WITHDRAW
				}
				r, err := session.Do(context.WithoutCancel(ctx), op, account(i%accounts), amount)
				if s.note(op, amount, r, err) {
					session = s.bank.Session()
				}
			}
		})
	}
	return func() { cancel(); all.Wait() }
}

// note counts an answer; renew says that the session is of no more use.
func (s *scene) note(op standbyv1.Operation, amount int64, r client.Reply, err error) (renew bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if err != nil {
		if _, lost := errors.AsType[*client.LostError](err); lost {
			s.result.LostErrors++
		} else {
			s.result.Unknown += amount
		}
		return true
	}
	if s.killed.IsZero() {
		s.result.BeforeKill++
	} else if s.result.AfterKill++; s.result.SilenceMS == 0 && r.Server != s.victim {
		s.result.SilenceMS = ms(time.Since(s.killed))
		close(s.resumed)
	}
	if r.GetRepeated() {
		s.result.Repeated++
	}
	if !slices.Contains(s.result.Epochs, r.GetEpoch()) {
		s.result.Epochs = append(s.result.Epochs, r.GetEpoch())
	}
	switch {
	case r.GetOutcome() != standbyv1.Outcome_OUTCOME_DONE:
	case op == standbyv1.Operation_OPERATION_WITHDRAW:
		s.deltas -= amount
	default:
		s.deltas += amount
	}
	return false
}

// kill ends a process without a word.
func (s *scene) kill(p systems.Process) error {
	s.mu.Lock() // no answer is being counted
	defer s.mu.Unlock()
	s.killed, s.victim = time.Now(), p.Name()
	return p.Kill()
}

// cast says which server is the primary.
func (s *scene) cast(ctx context.Context, c *cluster.Cluster) (primary, standby systems.Process, err error) {
	err = s.await(ctx, "there is no primary with a standby", func(p, _ *standbyv1.StatusResponse) bool {
		primary, standby = c.Servers[0], c.Servers[1]
		if p.GetName() == standby.Name() {
			primary, standby = standby, primary
		}
		return true
	})
	return primary, standby, err
}

// awaitSuccessor waits for the first write that the other server acknowledges.
func (s *scene) awaitSuccessor(ctx context.Context) error {
	timer := time.NewTimer(patience)
	defer timer.Stop()
	select {
	case <-s.resumed:
		return nil
	case <-timer.C:
		return errors.New("nobody takes over from the primary that was killed")
	case <-ctx.Done():
		return context.Cause(ctx)
	}
}

func (s *scene) silence() float64 {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.result.SilenceMS
}

// awaitPair waits until the standby follows.
func (s *scene) awaitPair(ctx context.Context) error {
	return s.await(ctx, "the standby does not follow the primary", func(p, q *standbyv1.StatusResponse) bool { return !p.GetAlone() })
}

// await looks at both servers until one is primary, the other standby, and a
// condition holds.
func (s *scene) await(ctx context.Context, why string, ok func(primary, standby *standbyv1.StatusResponse) bool) error {
	ctx, cancel := context.WithTimeoutCause(ctx, patience, errors.New(why))
	defer cancel()
	for {
		both := s.bank.Status(ctx)
		p, q := both[0].Status, both[1].Status
		if q.GetRole() == standbyv1.Role_ROLE_PRIMARY {
			p, q = q, p
		}
		if p.GetRole() == standbyv1.Role_ROLE_PRIMARY && q.GetRole() == standbyv1.Role_ROLE_STANDBY && ok(p, q) {
			return nil
		}
		if err := backoff.Sleep(ctx, lookEvery); err != nil {
			return err
		}
	}
}

// audit counts the money, and compares the logs.
func (s *scene) audit(ctx context.Context) error {
	r := s.result
	r.Opening = accounts * each
	r.Expected = r.Opening + s.deltas
	session := s.bank.Session()
	for i := range accounts {
		balance, err := session.Balance(ctx, account(i))
		if err != nil {
			return fmt.Errorf("the money cannot be counted: %w", err)
		}
		r.Money += balance
	}
	err := s.await(ctx, "the restarted server does not catch up", func(p, q *standbyv1.StatusResponse) bool {
		r.Actions, r.Lost = p.GetAction(), nil
		for _, l := range p.GetLost() {
			r.Lost = append(r.Lost, fmt.Sprintf("%d to %d of epoch %d", l.GetFirst(), l.GetLast(), l.GetEpoch()))
		}
		r.Equal = p.GetAction() == q.GetAction() && p.GetChecksum() == q.GetChecksum()
		return r.Equal
	})
	if err != nil && r.Actions == 0 {
		return err
	}
	return nil // that the logs differ is a result
}
