package branch

import (
	"dyno/internal/replica"
	"dyno/internal/rpc"
	sessionbankv1 "dyno/proto/sessionbank/v1"
	"dyno/systems/sessionbank/core/bank"
	"dyno/systems/sessionbank/core/token"
)

// ToVector is a vector on the wire; nil if it is empty.
func ToVector(v replica.Vector) *sessionbankv1.Vector {
	if len(v) == 0 {
		return nil
	}
	out := &sessionbankv1.Vector{Branches: make([]int32, 0, len(v)), Counts: make([]uint64, 0, len(v))}
	for id, n := range v {
		out.Branches, out.Counts = append(out.Branches, int32(id)), append(out.Counts, n)
	}
	return out
}

// FromVector is the inverse of [ToVector].
func FromVector(in *sessionbankv1.Vector) replica.Vector {
	if len(in.GetBranches()) == 0 {
		return nil
	}
	v := make(replica.Vector, len(in.GetBranches()))
	for i, id := range in.GetBranches() {
		if i < len(in.GetCounts()) {
			v[replica.ID(id)] = in.GetCounts()[i]
		}
	}
	return v
}

// ToGuarantees are guarantees on the wire.
func ToGuarantees(g token.Guarantees) (out []sessionbankv1.Guarantee) {
	for i := range 4 {
		if g&(1<<i) != 0 {
			out = append(out, sessionbankv1.Guarantee(i+1))
		}
	}
	return out
}

func fromGuarantees(in []sessionbankv1.Guarantee) (g token.Guarantees, err error) {
	for _, one := range in {
		if one < 1 || one > 4 {
			return 0, rpc.InvalidField("session.guarantees", "%v is none of the four", one)
		}
		g |= 1 << (one - 1)
	}
	return g, nil
}

func toMessage(m bank.Message) *sessionbankv1.Message {
	out := &sessionbankv1.Message{
		From: int32(m.From), To: int32(m.To), Kind: uint32(m.Kind), Has: m.Has, Vector: ToVector(m.Vector),
		Writes: make([]*sessionbankv1.Write, len(m.Writes)),
	}
	for i, w := range m.Writes {
		out.Writes[i] = &sessionbankv1.Write{
			Sequence: w.Seq, Follows: ToVector(w.Deps), Session: w.Body.Session, Number: w.Body.Number, Amount: w.Body.Delta,
		}
	}
	return out
}

func fromMessage(m *sessionbankv1.Message) bank.Message {
	from := replica.ID(m.GetFrom())
	out := bank.Message{
		From: from, To: replica.ID(m.GetTo()), Kind: replica.Kind(m.GetKind()), Has: m.GetHas(), Vector: FromVector(m.GetVector()),
		Writes: make([]bank.Write, len(m.GetWrites())),
	}
	for i, w := range m.GetWrites() {
		body := bank.Body{Name: bank.Name{Session: w.GetSession(), Number: w.GetNumber()}, Delta: w.GetAmount()}
		out.Writes[i] = bank.Write{Origin: from, Seq: w.GetSequence(), Deps: FromVector(w.GetFollows()), Body: body}
	}
	return out
}
