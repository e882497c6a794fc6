package branch

import (
	"context"
	"time"

	"dyno/internal/replica"
	"dyno/internal/rpc"
	sessionbankv1 "dyno/proto/sessionbank/v1"
	"dyno/systems/sessionbank/core/bank"
	"dyno/systems/sessionbank/core/token"
)

const (
	maxSession  = 64 // bytes of a session's id
	retryAfter  = 50 * time.Millisecond
	describeAll = 1000
	describeMax = 10_000
)

// Query implements sessionbankv1.SessionBankServiceServer.
func (b *Branch) Query(ctx context.Context, req *sessionbankv1.QueryRequest) (*sessionbankv1.QueryResponse, error) {
	a, err := b.ask(ctx, req.GetSession(), bank.Request{Kind: bank.Query})
	if err != nil {
		return nil, err
	}
	return &sessionbankv1.QueryResponse{Progress: progress(req.GetSession(), a), Balance: a.Balance}, nil
}

// Deposit implements sessionbankv1.SessionBankServiceServer.
func (b *Branch) Deposit(ctx context.Context, req *sessionbankv1.DepositRequest) (*sessionbankv1.DepositResponse, error) {
	r := bank.Request{Kind: bank.Deposit, Amount: req.GetAmount(), Elsewhere: req.GetElsewhere(), Name: bank.Name{Number: req.GetNumber()}}
	a, err := b.ask(ctx, req.GetSession(), r)
	if err != nil {
		return nil, err
	}
	return &sessionbankv1.DepositResponse{Progress: progress(req.GetSession(), a), Write: writeID(a.Origin, a.Seq)}, nil
}

// Withdraw implements sessionbankv1.SessionBankServiceServer.
func (b *Branch) Withdraw(ctx context.Context, req *sessionbankv1.WithdrawRequest) (*sessionbankv1.WithdrawResponse, error) {
	r := bank.Request{Kind: bank.Withdraw, Amount: req.GetAmount(), Elsewhere: req.GetElsewhere(), Name: bank.Name{Number: req.GetNumber()}}
	a, err := b.ask(ctx, req.GetSession(), r)
	if err != nil {
		return nil, err
	}
	resp := &sessionbankv1.WithdrawResponse{Progress: progress(req.GetSession(), a), Again: a.Again}
	if a.Outcome == bank.Done {
		resp.Write = writeID(a.Origin, a.Seq)
	}
	return resp, nil
}

func writeID(origin replica.ID, seq uint64) *sessionbankv1.WriteID {
	return &sessionbankv1.WriteID{Branch: int32(origin), Sequence: seq}
}

func progress(s *sessionbankv1.Session, a bank.Answer) *sessionbankv1.Progress {
	p := &sessionbankv1.Progress{Token: a.Token.Append(nil), WaitedUs: uint64(a.Waited.Microseconds())}
	if s.GetExplain() {
		p.Applied = ToVector(a.Seen)
	}
	return p
}

// ask has the core answer a request.
func (b *Branch) ask(ctx context.Context, s *sessionbankv1.Session, r bank.Request) (a bank.Answer, err error) {
	if r.Session = s.GetId(); len(r.Session) < 1 || len(r.Session) > maxSession {
		return a, rpc.InvalidField("session.id", "%d bytes, want 1 to %d", len(r.Session), maxSession)
	}
	if r.Kind != bank.Query && r.Amount < 1 {
		return a, rpc.InvalidField("amount", "%d, want 1 or more", r.Amount)
	}
	if r.Kind != bank.Query && r.Number < 1 {
		return a, rpc.InvalidField("number", "0, want 1 or more")
	}
	if r.Guarantees, err = fromGuarantees(s.GetGuarantees()); err != nil {
		return a, err
	}
	kind, known := tokenKinds[s.GetTokenKind()]
	if !known {
		return a, rpc.InvalidField("session.token_kind", "%v is none of the two", s.GetTokenKind())
	}
	if r.Token, err = token.Parse(kind, s.GetToken()); err != nil {
		return a, rpc.InvalidField("session.token", "%v", err)
	}
	r.Wait = time.Duration(s.GetWaitMs()) * time.Millisecond
	r.Call = b.calls.Add(1)
	if a, err = b.waiting.Await(ctx, r.Call, func() error { return b.host.Step(r) }); err != nil {
		return a, err
	}
	return a, b.failure(r, a)
}

var tokenKinds = map[sessionbankv1.TokenKind]token.Kind{
	sessionbankv1.TokenKind_TOKEN_KIND_UNSPECIFIED: token.Vector,
	sessionbankv1.TokenKind_TOKEN_KIND_VECTOR:      token.Vector,
	sessionbankv1.TokenKind_TOKEN_KIND_WRITE_SET:   token.WriteSet,
}

// failure is an answer that is none, as an error.
func (b *Branch) failure(r bank.Request, a bank.Answer) error {
	var e *rpc.Error
	switch a.Outcome {
	case bank.Done, bank.Refused:
		return nil
	case bank.Lagging:
		e = rpc.Errorf(rpc.Unavailable, "branch %d has not caught up with the session after %v", b.opt.ID, a.Waited.Round(time.Millisecond))
		e.RetryAfter = retryAfter
	case bank.Unsure:
		e = rpc.Errorf(rpc.Unavailable, "there is not enough money at branch %d, but another one may have done %v", b.opt.ID, r.Name)
		e.RetryAfter = retryAfter
	case bank.Busy:
		e = rpc.Errorf(rpc.Refused, "branch %d has too much to do: other branches do not keep up, or too many requests wait", b.opt.ID)
		e.RetryAfter = retryAfter
	case bank.Unknown:
		e = rpc.InvalidField("session.token", "it names writes of a branch that branch %d does not know", b.opt.ID)
	case bank.Reused:
		e = rpc.InvalidField("number", "%v was another deposit or withdrawal", r.Name)
	case bank.TooMuch:
		e = rpc.Errorf(rpc.Declined, "the balance would not fit into 64 bits")
	default:
		e = rpc.Errorf(rpc.Internal, "the core answers with outcome %d", a.Outcome)
	}
	return e
}

// Describe implements sessionbankv1.SessionBankServiceServer.
func (b *Branch) Describe(_ context.Context, req *sessionbankv1.DescribeRequest) (*sessionbankv1.DescribeResponse, error) {
	limit := uint64(req.GetLimit())
	if limit == 0 {
		limit = describeAll
	}
	if limit > describeMax {
		return nil, rpc.InvalidField("limit", "%d, want at most %d", limit, describeMax)
	}
	resp := &sessionbankv1.DescribeResponse{Branch: int32(b.opt.ID)}
	acked := make(replica.Vector)
	b.host.View(func(time.Duration) {
		resp.Balance, _ = b.core.Balance()
		log := b.core.Log()
		resp.Length = uint64(len(log))
		resp.Applied = ToVector(b.core.Vector())
		for id := range b.peers {
			acked[id] = b.core.Acked(id)
		}
		resp.Acknowledged = ToVector(acked)
		from := min(req.GetAfter(), resp.GetLength())
		for _, e := range log[from:min(from+limit, resp.GetLength())] {
			resp.Log = append(resp.Log, &sessionbankv1.Applied{
				Write: writeID(e.Origin, e.Seq), Session: e.Session, Number: e.Number, Amount: e.Delta, Twice: e.Twice,
			})
		}
	})
	return resp, nil
}

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
