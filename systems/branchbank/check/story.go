package check

import (
	"fmt"

	"dyno/bench/history"
	"dyno/bench/story"
	"dyno/systems/branchbank/core/branch"
)

// Story tells of the first balance that is wrong, whatever the mode says about
// when branches must agree: in the end they always must.
func (h *History) Story() story.Story {
	bank := history.Bank{Initial: map[string]int64{"": h.Initial}, Overdraft: h.Funds == branch.Optimistic}
	told := history.Told{Ops: h.Ops, Single: len(h.Branches) == 1}
	told.Server = func(o history.BankOp) string { return branchName(int(o.Input.At)) }
	if h.Mode != branch.Sync && !told.Single {
		told.Ops = writes(h.Ops)
	}
	for i, b := range h.Branches {
		told.Replicas = append(told.Replicas, history.Replica{Name: branchName(i + 1), Balances: map[string]int64{"": b.Balance - b.External}})
	}
	return story.Bank(bank, told)
}

func branchName(number int) string { return fmt.Sprintf("branch %d", number) }

// writes leaves out what may show an older balance.
func writes(ops []history.BankOp) (out []history.BankOp) {
	for _, o := range ops {
		if o.Input.Kind != history.Query {
			out = append(out, o)
		}
	}
	return out
}
