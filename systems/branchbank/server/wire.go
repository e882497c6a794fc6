package server

import (
	"dyno/internal/replica"
	branchbankv1 "dyno/proto/branchbank/v1"
	"dyno/systems/branchbank/core/branch"
)

// toWire makes a message of the core one of the wire.
func toWire(m branch.Message) *branchbankv1.Message {
	out := &branchbankv1.Message{From: int32(m.From), To: int32(m.To)}
	switch {
	case m.Kind == replica.Push:
		push := &branchbankv1.Push{Writes: make([]*branchbankv1.Write, len(m.Writes))}
		for i, w := range m.Writes {
			push.Writes[i] = &branchbankv1.Write{
				Sequence: w.Seq, Kind: branchbankv1.Kind(w.Body.Kind), Amount: w.Body.Amount, Receiver: int32(w.Body.To), After: toVector(w.Deps),
			}
		}
		out.Content = &branchbankv1.Message_Push{Push: push}
	case m.Kind == replica.Ack:
		out.Content = &branchbankv1.Message_Ack{Ack: m.Has}
	case m.Kind == replica.Ask:
		out.Content = &branchbankv1.Message_Ask{Ask: &branchbankv1.Vector{Has: toVector(m.Vector).GetHas()}}
	case m.Kind == replica.Offer:
		out.Content = &branchbankv1.Message_Offer{Offer: &branchbankv1.Offer{Vector: toVector(m.Vector), Holds: m.Has}}
	case m.Deny:
		out.Content = &branchbankv1.Message_Deny{Deny: true}
	default:
		out.Content = &branchbankv1.Message_Want{Want: m.Want}
	}
	return out
}

// fromWire makes a message of the wire one of the core. ok is false where it is
// none that a branch sends.
func fromWire(w *branchbankv1.Message) (m branch.Message, ok bool) {
	m.From, m.To = branch.ID(w.GetFrom()), branch.ID(w.GetTo())
	switch c := w.GetContent().(type) {
	case *branchbankv1.Message_Push:
		m.Kind = replica.Push
		for _, w := range c.Push.GetWrites() {
			body := branch.Body{Kind: branch.Kind(w.GetKind()), Amount: w.GetAmount(), To: branch.ID(w.GetReceiver())}
			if body.Amount < 1 || body.Kind < branch.Deposit || body.Kind > branch.Give {
				return m, false
			}
			m.Writes = append(m.Writes, replica.Write[branch.Body]{
				Origin: m.From, Seq: w.GetSequence(), Deps: fromVector(w.GetAfter()), Body: body,
			})
		}
	case *branchbankv1.Message_Ack:
		m.Kind, m.Has = replica.Ack, c.Ack
	case *branchbankv1.Message_Ask:
		m.Kind, m.Vector = replica.Ask, fromVector(c.Ask)
	case *branchbankv1.Message_Offer:
		m.Kind, m.Vector, m.Has = replica.Offer, fromVector(c.Offer.GetVector()), c.Offer.GetHolds()
	case *branchbankv1.Message_Want:
		m.Want = c.Want
		return m, m.Want > 0
	case *branchbankv1.Message_Deny:
		m.Deny = true
	default:
		return m, false
	}
	return m, true
}

func toVector(v replica.Vector) *branchbankv1.Vector {
	if len(v) == 0 {
		return nil
	}
	out := &branchbankv1.Vector{Has: make(map[int32]uint64, len(v))}
	for id, n := range v {
		out.Has[int32(id)] = n
	}
	return out
}

func fromVector(v *branchbankv1.Vector) replica.Vector {
	if len(v.GetHas()) == 0 {
		return nil
	}
	out := make(replica.Vector, len(v.GetHas()))
	for id, n := range v.GetHas() {
		out[branch.ID(id)] = n
	}
	return out
}
