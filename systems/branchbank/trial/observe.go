package trial

import (
	"context"
	"errors"
	"maps"
	"slices"
	"sync"
	"time"

	"dyno/bench/driver"
	"dyno/bench/inject"
	"dyno/bench/lie"
	"dyno/internal/backoff"
	"dyno/internal/record"
	branchbankv1 "dyno/proto/branchbank/v1"
	"dyno/systems/branchbank/client"
	"dyno/systems/branchbank/core/branch"
	"dyno/systems/branchbank/server"
)

// Facts beside the figures.
const (
	factWrites    = "journal_writes"    // customers' writes, in the journals of their branches
	factApplied   = "journal_applied"   // writes of others, in all journals
	factNegative  = "journal_negative"  // writes after which a journal's balance is below 0
	factDeclined  = "journal_declined"  // withdrawals that were declined
	factWithdrawn = "journal_withdrawn" // and those that were not
	factResent    = "resent"            // writes that were sent again, by the branches' count
)

// observe turns a run into figures and the proof behind them.
func (r *Run) observe() record.Observation {
	l := &r.client
	o := record.Observation{Verdict: r.proof.judge()}
	falsehood := r.Text(client.KnobLie)
	l.Throughput = lie.Rate(falsehood, l.Throughput)
	l.CPUSeconds = lie.CPU(falsehood, len(r.processes), l.CPUSeconds)
	l.Observe(&o, r.Text(driver.KnobDriver))
	begin, end := l.Measured()
	o.Evidence.Slack = max(o.Evidence.Slack, int64(r.samples.Slack(begin, end)))
	o.Evidence.Missed = r.samples.Missed(begin, end).Seconds()
	if !r.blind() {
		maps.Copy(o.Evidence.Facts, r.facts())
		r.observeWrites(&o)
		r.observeMoney(&o)
	}
	var cpu float64
	for i, p := range r.processes {
		cpu += lie.CPU(falsehood, i, r.samples.Window(p.Name(), begin, end).CPUSeconds)
	}
	if window := end.Sub(begin).Seconds(); window > 0 {
		o.Set("branches_cores", cpu/window)
	}
	o.Set("drain_ms", ms(r.drained))
	if r.Text(inject.Knob.Name) != "" && r.recovery > 0 {
		o.Set("recovery_ms", ms(r.recovery))
	}
	o.Set("retries", float64(l.Retries))
	return o
}

func ms(d time.Duration) float64 { return d.Seconds() * 1e3 }

// sum adds up what the branches counted in their last lives.
func (r *Run) sum(of func(*branchbankv1.Counts) uint64) (total float64) {
	for _, s := range r.final {
		total += float64(of(s.GetCounts()))
	}
	return total
}

// whole reports whether no branch has had more than one life, so that its counts
// are of the whole trial.
func (r *Run) whole() bool {
	accepted := r.sum(func(c *branchbankv1.Counts) uint64 { return c.GetDeposits() + c.GetWithdrawals() })
	return accepted == r.facts()[factWrites]
}

// observeWrites sets what a customer's write costs.
func (r *Run) observeWrites(o *record.Observation) {
	accepted := r.sum(func(c *branchbankv1.Counts) uint64 { return c.GetDeposits() + c.GetWithdrawals() })
	if accepted == 0 || !r.whole() {
		return
	}
	o.Set("messages_per_write", r.sum((*branchbankv1.Counts).GetMessages)/accepted)
	o.Set("bytes_per_write", r.sum((*branchbankv1.Counts).GetPushedBytes)/accepted)
	if sample := r.sum((*branchbankv1.Counts).GetSampleBytes); sample > 0 {
		o.Set("json_ratio", r.sum((*branchbankv1.Counts).GetSampleJsonBytes)/sample)
	}
}

// observeMoney sets what became of withdrawals.
func (r *Run) observeMoney(o *record.Observation) {
	var negative float64
	for _, s := range r.final {
		negative += float64(s.GetCounts().GetNegative())
	}
	if r.whole() {
		o.Set("overdrawn_writes", negative)
	}
	h := &r.proof.History
	w := h.Withdrawals()
	o.Set("withdrawals", float64(w.Asked))
	if w.Asked > 0 {
		o.Set("declined_share", float64(w.Declined)/float64(w.Asked))
		o.Set("wrongly_declined_share", float64(w.Covered)/float64(w.Asked))
	}
	if accepted := r.sum((*branchbankv1.Counts).GetWithdrawals); h.Funds == branch.Escrow && accepted > 0 {
		o.Set("local_share", r.sum((*branchbankv1.Counts).GetLocal)/accepted)
	}
}

// facts are counted in the journals, by nobody who makes figures.
func (r *Run) facts() map[string]float64 {
	f := map[string]float64{
		factWrites: 0, factApplied: 0, factNegative: 0, factDeclined: 0, factWithdrawn: 0,
		factResent: r.sum((*branchbankv1.Counts).GetResent),
	}
	for _, b := range r.proof.History.Branches {
		balance := r.proof.History.Initial
		f[factDeclined] += float64(b.Declined)
		for _, a := range b.Log {
			switch {
			case a.Origin != b.ID:
				f[factApplied]++
			case a.Request != "":
				f[factWrites]++
				if a.Amount < 0 {
					f[factWithdrawn]++
				}
			}
			if balance += a.Amount; balance < 0 {
				f[factNegative]++
			}
		}
	}
	return f
}

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
