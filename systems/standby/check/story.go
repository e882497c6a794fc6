package check

import (
	"fmt"
	"math"

	"dyno/bench/history"
	"dyno/bench/story"
	"dyno/internal/record"
	"dyno/systems/standby/core"
)

// Story tells of the first balance that no right server shows, by what clients
// were told alone.
func (h *History) Story() story.Story {
	bank := history.Bank{Initial: map[string]int64{}}
	for _, a := range h.Opening {
		bank.Initial[a.Name] = a.Balance
	}
	told := history.Told{Single: true}
	for i := range h.Ops {
		o := &h.Ops[i]
		if o.Outcome == core.NotFound {
			continue
		}
		op := history.BankOp{Client: int32(o.Client & math.MaxInt32), Seq: int32(i), Begin: o.Begin, End: o.End, Outcome: record.OK}
		op.Input = history.BankInput{Kind: bankKinds[o.Kind], Account: o.Account}
		if o.Kind != core.Lookup {
			op.Input.Amount, op.Input.Request = o.Amount, requestName(o.Client, o.Number)
		}
		op.Output = history.BankOutput{Balance: o.Balance, Shown: !o.Blind && !o.Repeated}
		switch o.Outcome {
		case 0:
			op.Outcome, op.End = record.Unknown, history.Never
		case core.TooMuch:
			op.Outcome = record.Refused
		}
		told.Ops = append(told.Ops, op)
	}
	told.Server = func(o history.BankOp) string { return fmt.Sprintf("s%d", h.Ops[o.Seq].Server+1) }
	told.Name = func(o history.BankOp) string { return fmt.Sprintf("client %x", h.Ops[o.Seq].Client) }
	return story.Bank(bank, told)
}
