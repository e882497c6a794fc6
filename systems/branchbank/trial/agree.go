package trial

import (
	"context"
	"errors"
	"slices"
	"sync"
	"time"

	"dyno/internal/backoff"
	branchbankv1 "dyno/proto/branchbank/v1"
	"dyno/systems/branchbank/server"
)

const (
	// agreeWithin bounds the wait for branches that have nothing to do any more.
	agreeWithin = 15 * time.Second
	// lookEvery is the time between two looks at all branches.
	lookEvery   = 2 * time.Millisecond
	lookTimeout = 500 * time.Millisecond
	// steadyFor is how long balances stand still that will not move any more, as
	// far as a customer can tell.
	steadyFor = 300 * time.Millisecond
)

// dial connects to the branches, to look at them.
func (r *Run) dial() error {
	for _, p := range r.processes {
		conn, err := server.Dial(p.Addr())
		if err != nil {
			return err
		}
		r.conns = append(r.conns, conn)
		r.status = append(r.status, branchbankv1.NewBranchServiceClient(conn))
	}
	return nil
}

// look asks all branches what they hold; nil for one that does not answer.
func (r *Run) look(ctx context.Context) []*branchbankv1.GetStatusResponse {
	ctx, cancel := context.WithTimeout(ctx, lookTimeout)
	defer cancel()
	out := make([]*branchbankv1.GetStatusResponse, len(r.status))
	var all sync.WaitGroup
	for i, c := range r.status {
		all.Go(func() {
			if s, err := r.ask(ctx, c); err == nil {
				out[i] = s
			}
		})
	}
	all.Wait()
	return out
}

// ask asks one branch. A program that stands in for it shows its balance alone.
func (r *Run) ask(ctx context.Context, c branchbankv1.BranchServiceClient) (*branchbankv1.GetStatusResponse, error) {
	if !r.blind() {
		return c.GetStatus(ctx, &branchbankv1.GetStatusRequest{})
	}
	answer, err := c.Execute(ctx, &branchbankv1.ExecuteRequest{Kind: branchbankv1.Kind_KIND_QUERY})
	if err == nil && !answer.GetSuccess() {
		err = errors.New("a query was refused")
	}
	return &branchbankv1.GetStatusResponse{Balance: answer.GetBalance()}, err
}

// agree waits until all branches hold the same, and know that they do.
func (r *Run) agree(ctx context.Context) (bool, error) {
	ctx, cancel := context.WithTimeout(ctx, agreeWithin)
	defer cancel()
	since := time.Now() // when the balances moved last
	for {
		seen := r.look(ctx)
		if r.blind() && !unmoved(r.final, seen) {
			since = time.Now()
		}
		r.final = seen
		if r.blind() && r.client.Counts.OK == 0 {
			return false, nil // nothing was answered: there is nothing to wait for
		}
		if settled(seen) && (!r.blind() || time.Since(since) >= steadyFor) {
			return true, nil
		}
		if backoff.Sleep(ctx, lookEvery) != nil {
			break
		}
	}
	if err := context.Cause(ctx); err != context.DeadlineExceeded {
		return false, err
	}
	r.final = r.look(context.WithoutCancel(ctx))
	return false, nil
}

// settled reports whether all hold the same, and nobody waits for anything.
func settled(seen []*branchbankv1.GetStatusResponse) bool {
	for i, s := range seen {
		has := s.GetVector().GetHas()
		if s == nil || s.GetBalance() != seen[0].GetBalance() {
			return false
		}
		if s.GetWaiting() > 0 || s.GetSettled() != has[int32(i+1)] || !same(has, seen[0].GetVector().GetHas()) {
			return false
		}
	}
	return true
}

// unmoved reports whether balances are those of the look before.
func unmoved(before, now []*branchbankv1.GetStatusResponse) bool {
	return slices.EqualFunc(before, now, func(a, b *branchbankv1.GetStatusResponse) bool {
		return a != nil && b != nil && a.GetBalance() == b.GetBalance()
	})
}

// watch waits for the moment at which the last fault ends and then measures how
// long it takes until every branch has what any of them had then. 0: it was not
// seen.
func (r *Run) watch(ctx context.Context, from time.Time) time.Duration {
	if r.blind() {
		return 0
	}
	if backoff.Sleep(ctx, time.Until(from)) != nil {
		return 0
	}
	want := make(map[int32]uint64)
	for _, s := range r.look(ctx) {
		merge(want, s.GetVector().GetHas())
	}
	for backoff.Sleep(ctx, lookEvery) == nil {
		all := true
		for _, s := range r.look(ctx) {
			all = all && s != nil && covers(s.GetVector().GetHas(), want)
		}
		if all {
			return time.Since(from)
		}
	}
	return 0
}
