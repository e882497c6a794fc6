package core_test

import (
	"fmt"
	"slices"
	"strings"

	"dyno/internal/record"
	"dyno/systems/standby/check"
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
	var s strings.Builder
	for i, c := range w.cores {
		if c == nil {
			continue
		}
		role, epoch := c.Role()
		action, _ := c.State().Position()
		shipped, alone := c.Pair()
		fmt.Fprintf(&s, "s%d role %d epoch %d action %d shipped %d alone %v; ", i+1, role, epoch, action, shipped, alone)
	}
	open := 0
	for _, o := range w.ops {
		if o.end == 0 {
			open++
		}
	}
	return fmt.Sprintf("%s%d requests open", s.String(), open)
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
	h := check.History{Opening: accounts, Lossy: w.async}
	reigns, epoch := a.Reigns(), uint64(0)
	for id := uint64(1); id <= actionA; id++ {
		for len(reigns) > 0 && reigns[0].After < id {
			epoch, reigns = reigns[0].Epoch, reigns[1:]
		}
		e, there := w.acted[[2]uint64{epoch, id}]
		if !there {
			return fmt.Errorf("action %d of epoch %d is in the log, and nobody did it", id, epoch)
		}
		h.Log = append(h.Log, e)
	}
	for _, c := range w.cores {
		lost, _ := c.Lost()
		h.Named = append(h.Named, lost...)
	}
	for _, o := range w.ops {
		q, r := o.request, o.reply
		h.Ops = append(h.Ops, check.Op{
			Client: q.Client, Number: q.Number, Kind: q.Kind, Account: q.Account, Amount: q.Amount, Outcome: r.Outcome, Balance: r.Balance,
			Epoch: r.Epoch, Action: r.Action, Repeated: r.Repeated, Server: int(w.who[r.Epoch]), Begin: int64(o.begin), End: int64(o.end),
		})
	}
	w.Sometimes("an acknowledged action is lost", h.Lost() > 0)
	if s, err := core.Replay(accounts, h.Log); err == nil && !slices.Equal(s.Accounts(), a.Accounts()) {
		return fmt.Errorf("the accounts hold %v, the log adds up to %v", a.Accounts(), s.Accounts())
	}
	if v := record.Judge(h.Checks()...); v.Status != record.Valid {
		return fmt.Errorf("%v", v.Reasons())
	}
	return nil
}
