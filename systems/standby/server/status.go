package server

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"os"
	"slices"
	"time"

	"dyno/internal/rpc"
	standbyv1 "dyno/proto/standby/v1"
	"dyno/systems/standby/config"
	"dyno/systems/standby/core"
)

var roles = map[core.Role]standbyv1.Role{
	core.Recovering: standbyv1.Role_ROLE_RECOVERING, core.Standby: standbyv1.Role_ROLE_STANDBY, core.Primary: standbyv1.Role_ROLE_PRIMARY,
}

const whyRefused = "it and the primary began with different accounts: --resync takes the primary's"

// Status implements standbyv1.AccountServiceServer.
func (s *server) Status(context.Context, *standbyv1.StatusRequest) (*standbyv1.StatusResponse, error) {
	out := &standbyv1.StatusResponse{Name: s.config.Name, ShippedBytes: s.out.bytes.Load()}
	s.host.View(func(now time.Duration) {
		c := s.core
		role, epoch := c.Role()
		out.Role, out.Epoch = roles[role], epoch
		out.Action, out.Checksum = c.State().Position()
		out.Shipped, out.Alone = c.Pair()
		out.LeaseUs = c.Lease(now).Microseconds()
		out.Lost = s.lost()
		out.Accounts, out.Replies = uint32(len(c.State().Accounts())), uint32(c.Remembers())
		n := c.Shipped
		out.Batches, out.Entries, out.Snapshots, out.Answered = s.out.batches.Load(), n.Entries, n.Snapshots, n.Answered
		if c.Refuses() {
			out.Refuses = whyRefused
		}
	})
	durable, _ := s.host.Durable()
	s.host.View(func(time.Duration) { out.Durable = s.core.DurableAction(durable) })
	return out, nil
}

// lost is what the core knows to be; it is at rest.
func (s *server) lost() []*standbyv1.Lost {
	lost, accepted := s.core.Lost()
	out := make([]*standbyv1.Lost, len(lost))
	for i, l := range lost {
		out[i] = &standbyv1.Lost{Epoch: l.Epoch, First: l.First, Last: l.Last, Accepted: l.Epoch < accepted}
	}
	return out
}

// AcceptLoss implements standbyv1.AccountServiceServer.
func (s *server) AcceptLoss(ctx context.Context, _ *standbyv1.AcceptLossRequest) (*standbyv1.AcceptLossResponse, error) {
	r, err := s.await(ctx, func(ref uint64) core.In { return core.Accept{Ref: ref} })
	if err != nil {
		return nil, err
	}
	switch r.Outcome {
	case core.Done:
	case core.Invalid:
		return nil, rpc.Errorf(rpc.Precondition, "%s: nothing is lost that was not accepted", s.config.Name)
	default:
		return nil, refusalError(s.refusal(r))
	}
	out := &standbyv1.AcceptLossResponse{}
	s.host.View(func(time.Duration) { out.Lost = s.lost() })
	return out, nil
}

// save writes the accounts to their file from time to time, and says what the
// server is when that has changed.
func (s *server) save() {
	tick := time.NewTicker(watchEvery)
	defer tick.Stop()
	var last struct {
		role   core.Role
		epoch  uint64
		alone  bool
		refuse bool
	}
	for saved := time.Now(); ; {
		select {
		case <-tick.C:
		case <-s.ctx.Done():
			return
		}
		now := last
		s.host.View(func(time.Duration) {
			now.role, now.epoch = s.core.Role()
			_, now.alone = s.core.Pair()
			now.refuse = s.core.Refuses()
		})
		if now != last {
			s.log.Info("standby", "server", s.config.Name, "role", roles[now.role].String(), "epoch", now.epoch, "alone", now.alone)
			if now.refuse && now.role != core.Primary {
				s.log.Warn("standby: this server does not follow: "+whyRefused, "server", s.config.Name)
			}
			last = now
		}
		if time.Since(saved) >= s.config.SaveEvery {
			saved = time.Now()
			if err := s.saveAccounts(); err != nil {
				s.log.Error("standby: the accounts cannot be saved; the journal has them", "err", err)
			}
		}
	}
}

const watchEvery = 20 * time.Millisecond

// saveAccounts replaces the file of accounts. What counts is the journal beside
// it: the file is for people, and as old as the last save.
func (s *server) saveAccounts() error {
	if s.config.InMemory {
		return nil
	}
	accounts := map[string]int64{}
	s.host.View(func(time.Duration) {
		for _, a := range s.core.State().Accounts() {
			accounts[a.Name] = a.Balance
		}
	})
	return config.WriteAccounts(s.config.Accounts, accounts)
}

// readAccounts reads the file that the server begins with. Where there is a
// journal beside it that one counts, and the file may be missing.
func readAccounts(path string, inMemory bool) ([]core.Account, error) {
	accounts, err := config.ReadAccounts(path)
	if errors.Is(err, fs.ErrNotExist) && !inMemory {
		if _, err := os.Stat(path + ".journal"); err == nil {
			return nil, nil
		}
	}
	if err != nil {
		return nil, fmt.Errorf("--accounts: %w", err)
	}
	var out []core.Account
	for _, name := range slices.Sorted(maps.Keys(accounts)) {
		out = append(out, core.Account{Name: name, Balance: accounts[name]})
	}
	return out, nil
}
