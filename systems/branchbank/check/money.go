package check

import (
	"slices"
	"sort"

	"dyno/bench/history"
	"dyno/internal/record"
)

// Withdrawals is what became of those whose outcome is known.
type Withdrawals struct {
	Asked    int64
	Declined int64
	Covered  int64 // of the declined: those that the account surely covered
}

// Withdrawals counts them. The money was surely there when what was acknowledged
// before the request began, less all that may have been withdrawn by its end, is
// enough, whatever else was deposited.
func (h *History) Withdrawals() (w Withdrawals) {
	var in, out []flow
	for _, o := range h.Ops {
		switch {
		case o.Input.Kind == history.Deposit && o.Outcome == record.OK:
			in = append(in, flow{o.End, o.Input.Amount})
		case o.Input.Kind == history.Withdraw && (o.Outcome == record.OK || o.Outcome == record.Unknown):
			out = append(out, flow{o.Begin, o.Input.Amount})
		}
	}
	deposited, withdrawn := running(in), running(out)
	for _, o := range h.Ops {
		if o.Input.Kind != history.Withdraw {
			continue
		}
		switch o.Outcome {
		case record.OK:
			w.Asked++
		case record.Refused:
			w.Asked++
			w.Declined++
			if h.Initial+deposited.before(o.Begin)-withdrawn.before(o.End) >= o.Input.Amount {
				w.Covered++
			}
		}
	}
	return w
}

// flow is money that came or went at a moment.
type flow struct{ at, amount int64 }

// flows are in the order of their moments, each with the sum up to it.
type flows []flow

func running(list []flow) flows {
	slices.SortFunc(list, func(a, b flow) int { return int(min(max(a.at-b.at, -1), 1)) })
	var sum int64
	for i := range list {
		sum += list[i].amount
		list[i].amount = sum
	}
	return list
}

// before is the sum of what was there before a moment.
func (f flows) before(at int64) int64 {
	n := sort.Search(len(f), func(i int) bool { return f[i].at >= at })
	if n == 0 {
		return 0
	}
	return f[n-1].amount
}
