package trial

import (
	"maps"
	"time"

	"dyno/bench/driver"
	"dyno/bench/inject"
	"dyno/bench/lie"
	"dyno/internal/record"
	branchbankv1 "dyno/proto/branchbank/v1"
	"dyno/systems/branchbank/client"
	"dyno/systems/branchbank/core/branch"
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
