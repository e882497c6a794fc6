package core_test

import (
	"fmt"
	"slices"

	"dyno/bench/history"
	"dyno/internal/record"
	"dyno/systems/standby/core"
)

// settled says that all clients are answered, one server is primary, and the
// other one has what it has.
func (w *world) settled() bool {
	for _, o := range w.ops {
		if o.end == 0 {
			return false
		}
	}
	roles := 0
	for i := range w.cores {
		if w.Node(idFirst+simID(i)) == nil || w.cores[i] == nil {
			return false
		}
		role, _ := w.cores[i].Role()
		roles += int(role)
		if shipped, alone := w.cores[i].Pair(); role == core.Primary {
			if action, _ := w.cores[i].State().Position(); shipped != action || alone {
				return false
			}
		}
	}
	return roles == int(core.Primary+core.Standby)
}

func (w *world) describe() string {
	s := ""
	for i, c := range w.cores {
		if c == nil {
			continue
		}
		role, epoch := c.Role()
		action, _ := c.State().Position()
		shipped, alone := c.Pair()
		s += fmt.Sprintf("s%d role %d epoch %d action %d shipped %d alone %v; ", i+1, role, epoch, action, shipped, alone)
	}
	open := 0
	for _, o := range w.ops {
		if o.end == 0 {
			open++
		}
	}
	return fmt.Sprintf("%s%d requests open", s, open)
}

// judge holds all answers against the log that is left.
func (w *world) judge() error {
	a, b := w.cores[0].State(), w.cores[1].State()
	actionA, sumA := a.Position()
	actionB, sumB := b.Position()
	if actionA != actionB || sumA != sumB || !slices.Equal(a.Accounts(), b.Accounts()) || !slices.Equal(a.Reigns(), b.Reigns()) {
		return fmt.Errorf("the logs differ after both are back: %d %x and %d %x", actionA, sumA, actionB, sumB)
	}
	if e, twice := w.acted[[2]uint64{}]; twice {
		return fmt.Errorf("two different actions are number %d of epoch %d", e.ID, e.Epoch)
	}
	log, err := w.log(a)
	if err != nil {
		return err
	}
	if err := w.acknowledged(log); err != nil {
		return err
	}
	return w.inOrder(log)
}

// log is the log that is left, from what the primaries did.
func (w *world) log(s *core.State) ([]core.Entry, error) {
	action, _ := s.Position()
	reigns := s.Reigns()
	log := make([]core.Entry, 0, action)
	balances := map[string]int64{}
	for _, a := range accounts {
		balances[a.Name] = a.Balance
	}
	epoch := uint64(0)
	for id := uint64(1); id <= action; id++ {
		for len(reigns) > 0 && reigns[0].After < id {
			epoch, reigns = reigns[0].Epoch, reigns[1:]
		}
		e, there := w.acted[[2]uint64{epoch, id}]
		if !there {
			return nil, fmt.Errorf("action %d of epoch %d is in the log, and nobody did it", id, epoch)
		}
		if e.Account != core.NoAccount {
			name := accounts[e.Account].Name
			if balances[name] += e.Delta; balances[name] < 0 {
				return nil, fmt.Errorf("action %d leaves %d in %s", id, balances[name], name)
			}
		}
		log = append(log, e)
	}
	if n := len(log); n > 0 {
		if _, sum := s.Position(); log[n-1].Checksum != sum {
			return nil, fmt.Errorf("the checksum is not that of the actions")
		}
	}
	for _, a := range s.Accounts() {
		if a.Balance != balances[a.Name] {
			return nil, fmt.Errorf("%s holds %d, its actions add up to %d", a.Name, a.Balance, balances[a.Name])
		}
	}
	return log, nil
}

// end is the last action of the log of all epochs up to one.
func end(log []core.Entry, epoch uint64) uint64 {
	for i, e := range log {
		if e.Epoch > epoch {
			return uint64(i)
		}
	}
	return uint64(len(log))
}

// acknowledged: everything that was, is in the log; in async mode what is not
// was named as lost, and nothing else was.
func (w *world) acknowledged(log []core.Entry) error {
	lostA, _ := w.cores[0].Lost()
	lostB, _ := w.cores[1].Lost()
	named := slices.Concat(lostA, lostB)
	for _, l := range named {
		if l.First <= end(log, l.Epoch) && l.Epoch > 0 {
			return fmt.Errorf("actions %d to %d of epoch %d are named lost, and the log has that epoch through %d", l.First, l.Last, l.Epoch, end(log, l.Epoch))
		}
	}
	if !w.async && len(named) > 0 {
		return fmt.Errorf("named lost in sync mode: %v", named)
	}
	for _, o := range w.ops {
		if o.reply.Action <= end(log, o.reply.Epoch) {
			continue
		}
		w.Sometimes("an acknowledged action is lost", o.request.Kind != core.Lookup)
		isNamed := slices.ContainsFunc(named, func(l core.Lost) bool { return l.First <= o.reply.Action && o.reply.Action <= l.Last })
		if !w.async || !isNamed {
			return fmt.Errorf("acknowledged and not in the log: %+v of %+v, which ends that epoch at %d; named lost: %v",
				o.reply, o.request, end(log, o.reply.Epoch), named)
		}
	}
	return nil
}

func requestName(client, number uint64) string { return fmt.Sprintf("%d/%d", client, number) }

// inOrder: the answers are those of the order of the action ids. Entries that
// change nothing do not count there.
func (w *world) inOrder(log []core.Entry) error {
	bank := history.Bank{Initial: map[string]int64{}}
	for _, a := range accounts {
		bank.Initial[a.Name] = a.Balance
	}
	var order history.ActionLog
	place := make([]int64, len(log)+1)
	once := map[string]bool{}
	for i, e := range log {
		name := requestName(e.Client, e.Number)
		if e.Account != core.NoAccount && once[name] {
			return fmt.Errorf("request %s is in the log twice", name)
		}
		once[name] = true
		if e.Account != core.NoAccount && !e.Refused {
			order.Requests = append(order.Requests, name)
		}
		place[i+1] = int64(len(order.Requests))
	}
	var ops []history.BankOp
	for i, o := range w.ops {
		lost := o.reply.Action > end(log, o.reply.Epoch)
		if lost && o.request.Kind == core.Lookup {
			continue // of a state that is gone
		}
		bo := history.BankOp{
			Client: int32(o.request.Client), Seq: int32(i), Begin: int64(o.begin), End: int64(o.end), Outcome: record.OK,
			Input: history.BankInput{Account: o.request.Account, Amount: o.request.Amount, Request: requestName(o.request.Client, o.request.Number)},
		}
		switch o.request.Kind {
		case core.Lookup:
			bo.Input.Kind, bo.Input.Amount, bo.Input.Request = history.Query, 0, ""
		case core.Withdraw:
			bo.Input.Kind = history.Withdraw
		default:
			bo.Input.Kind = history.Deposit
		}
		if lost {
			bo.Outcome, bo.End = record.Unknown, history.Never
		} else {
			bo.Output = history.BankOutput{Balance: o.reply.Balance, Shown: true, Order: place[o.reply.Action]}
		}
		if o.reply.Outcome != core.Done && !lost {
			bo.Outcome = record.Refused
		}
		ops = append(ops, bo)
	}
	if f := bank.InOrder(ops, order); f.Violations > 0 || f.Undecided > 0 {
		return fmt.Errorf("not in order: %s", f.First)
	}
	return nil
}
