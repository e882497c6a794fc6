package customer

import (
	"context"
	"fmt"
	"time"

	"dyno/internal/backoff"
	"dyno/internal/replica"
	sessionbankv1 "dyno/proto/sessionbank/v1"
	"dyno/systems/sessionbank/branch"
	"dyno/systems/sessionbank/check"
	"dyno/systems/sessionbank/core/bank"
)

// page is how much of a log is asked for at once.
const page = 10_000

// State is what a branch tells of itself.
type State struct {
	check.Branch
	Applied replica.Vector
	Acked   replica.Vector // of its own writes, by the others
}

// Describe asks a branch what it has applied, and appends what its log has beyond
// what is known of it.
func Describe(ctx context.Context, b sessionbankv1.SessionBankServiceClient, known []bank.Entry) (s State, err error) {
	s.Log = known
	for {
		resp, err := b.Describe(ctx, &sessionbankv1.DescribeRequest{After: uint64(len(s.Log)), Limit: page})
		if err != nil {
			return s, fmt.Errorf("asking a branch for its log: %w", err)
		}
		s.ID, s.Balance = replica.ID(resp.GetBranch()), resp.GetBalance()
		s.Applied, s.Acked = branch.FromVector(resp.GetApplied()), branch.FromVector(resp.GetAcknowledged())
		for _, a := range resp.GetLog() {
			s.Log = append(s.Log, bank.Entry{
				Origin: replica.ID(a.GetWrite().GetBranch()), Seq: a.GetWrite().GetSequence(), Twice: a.GetTwice(),
				Body: bank.Body{Name: bank.Name{Session: a.GetSession(), Number: a.GetNumber()}, Delta: a.GetAmount()},
			})
		}
		if uint64(len(s.Log)) >= resp.GetLength() {
			return s, nil
		}
	}
}

// settleEvery is how often branches are asked whether they have caught up.
const settleEvery = 5 * time.Millisecond

// Settle waits until all branches have applied the same, or the context ends.
func Settle(ctx context.Context, branches []sessionbankv1.SessionBankServiceClient) error {
	for {
		behind, err := lagging(ctx, branches)
		if err != nil || !behind {
			return err
		}
		if err := backoff.Sleep(ctx, settleEvery); err != nil {
			return fmt.Errorf("the branches have not caught up with each other: %w", err)
		}
	}
}

func lagging(ctx context.Context, branches []sessionbankv1.SessionBankServiceClient) (bool, error) {
	var all []replica.Vector
	for _, b := range branches {
		resp, err := b.Describe(ctx, &sessionbankv1.DescribeRequest{After: 1 << 62, Limit: 1})
		if err != nil {
			return false, fmt.Errorf("asking a branch what it has applied: %w", err)
		}
		all = append(all, branch.FromVector(resp.GetApplied()))
	}
	for _, v := range all {
		if !v.Covers(all[0]) || !all[0].Covers(v) {
			return true, nil
		}
	}
	return false, nil
}
