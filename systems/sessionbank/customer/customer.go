// Package customer is a session as its customer has it: a token that goes from
// branch to branch, a number for each write, and attempts until the end of a
// write is known.
package customer

import (
	"context"
	"fmt"
	"time"

	"google.golang.org/grpc"

	"dyno/internal/backoff"
	"dyno/internal/record"
	"dyno/internal/replica"
	"dyno/internal/rpc"
	sessionbankv1 "dyno/proto/sessionbank/v1"
	"dyno/systems/sessionbank/branch"
	"dyno/systems/sessionbank/check"
	"dyno/systems/sessionbank/core/bank"
	"dyno/systems/sessionbank/core/token"
)

// Options say how a session asks.
type Options struct {
	Guarantees token.Guarantees
	Kind       token.Kind
	Wait       time.Duration // how long a branch may wait; 0: as long as it likes
	Timeout    time.Duration // of one attempt
	Attempts   int           // for one operation, at most
	Clock      func() int64  // ns, the same for all sessions of a history
	Forget     bool          // a mutant: the token is left behind
}

// Session is one customer's session. It is used by one goroutine.
type Session struct {
	opt      Options
	id       string
	branches []sessionbankv1.SessionBankServiceClient
	session  *sessionbankv1.Session
	number   uint64
}

// Branches are clients of branches.
func Branches(conns []*grpc.ClientConn) []sessionbankv1.SessionBankServiceClient {
	out := make([]sessionbankv1.SessionBankServiceClient, len(conns))
	for i, c := range conns {
		out[i] = sessionbankv1.NewSessionBankServiceClient(c)
	}
	return out
}

// New begins a session with some branches.
func New(id string, branches []sessionbankv1.SessionBankServiceClient, opt Options) *Session {
	kind := sessionbankv1.TokenKind_TOKEN_KIND_VECTOR
	if opt.Kind == token.WriteSet {
		kind = sessionbankv1.TokenKind_TOKEN_KIND_WRITE_SET
	}
	return &Session{opt: opt, id: id, branches: branches, session: &sessionbankv1.Session{
		Id: id, Guarantees: branch.ToGuarantees(opt.Guarantees), TokenKind: kind, WaitMs: uint32(opt.Wait.Milliseconds()), Explain: true,
	}}
}

// Told is an operation with what its customer learned beside.
type Told struct {
	check.Op
	Waited time.Duration // at the branch, until it had caught up
	Tokens int           // bytes of the token in the last request and its answer
	Err    error         // of the last attempt
}

// Do asks one thing of a branch, by its index, and of the next one whenever an
// attempt has no answer. An operation that no attempt has settled is of unknown
// outcome if one of them may have been done.
func (s *Session) Do(ctx context.Context, kind bank.Kind, amount int64, at int) Told {
	t := Told{Op: check.Op{Session: s.id, Kind: kind, Amount: amount, Begin: s.opt.Clock()}}
	if kind != bank.Query {
		s.number++
		t.Number = s.number
	}
	lost := false
	for attempt := range max(s.opt.Attempts, 1) {
		to := (at + attempt) % len(s.branches)
		t.At = replica.ID(to + 1)
		if s.attempt(ctx, s.branches[to], &t, lost && len(s.branches) > 1); t.Err == nil || ctx.Err() != nil {
			break
		}
		outcome := rpc.Outcome(t.Err)
		lost = lost || outcome == record.Unknown
		if t.Outcome = outcome; outcome == record.Refused { // it lags, or is busy: nothing happened
			t.Outcome = record.Failed
		}
		if !lost {
			break
		}
		t.Outcome = record.Unknown
	}
	t.End = s.opt.Clock()
	return t
}

// attempt asks once. Queries change nothing, so a lost one is only unanswered.
func (s *Session) attempt(ctx context.Context, b sessionbankv1.SessionBankServiceClient, t *Told, elsewhere bool) {
	ctx, cancel := context.WithTimeout(ctx, s.opt.Timeout)
	defer cancel()
	t.Tokens = len(s.session.GetToken())
	switch t.Kind {
	case bank.Query:
		resp, err := b.Query(ctx, &sessionbankv1.QueryRequest{Session: s.session})
		if s.progress(t, resp.GetProgress(), err) {
			t.Balance = resp.GetBalance()
		}
	case bank.Deposit:
		req := &sessionbankv1.DepositRequest{Session: s.session, Number: t.Number, Amount: t.Amount, Elsewhere: elsewhere}
		resp, err := b.Deposit(ctx, req)
		if s.progress(t, resp.GetProgress(), err) {
			t.wrote(resp.GetWrite())
		}
	case bank.Withdraw:
		req := &sessionbankv1.WithdrawRequest{Session: s.session, Number: t.Number, Amount: t.Amount, Elsewhere: elsewhere}
		resp, err := b.Withdraw(ctx, req)
		if !s.progress(t, resp.GetProgress(), err) {
			break
		}
		if resp.GetWrite() == nil {
			t.Outcome, t.Again = record.Refused, resp.GetAgain()
			break
		}
		t.wrote(resp.GetWrite())
	}
}

func (t *Told) wrote(id *sessionbankv1.WriteID) {
	t.Origin, t.Seq, t.Seen = replica.ID(id.GetBranch()), id.GetSequence(), nil
}

// progress takes in what every answer brings; ok is false if there is none.
func (s *Session) progress(t *Told, p *sessionbankv1.Progress, err error) (ok bool) {
	t.Err = err
	if err != nil {
		return false
	}
	t.Outcome = record.OK
	t.Waited = time.Duration(p.GetWaitedUs()) * time.Microsecond
	t.Seen = branch.FromVector(p.GetApplied())
	if !s.opt.Forget {
		s.session.Token = p.GetToken()
	}
	t.Tokens += len(p.GetToken())
	return true
}

// page is how much of a log is asked for at once.
const page = 10_000

// State is what a branch tells of itself.
type State struct {
	check.Branch
	Applied replica.Vector
	Acked   replica.Vector // of its own writes, by the others
}

// Describe asks a branch what it has applied, and appends what its log has beyond
// what is known of it.
func Describe(ctx context.Context, b sessionbankv1.SessionBankServiceClient, known []bank.Entry) (s State, err error) {
	s.Log = known
	for {
		resp, err := b.Describe(ctx, &sessionbankv1.DescribeRequest{After: uint64(len(s.Log)), Limit: page})
		if err != nil {
			return s, fmt.Errorf("asking a branch for its log: %w", err)
		}
		s.ID, s.Balance = replica.ID(resp.GetBranch()), resp.GetBalance()
		s.Applied, s.Acked = branch.FromVector(resp.GetApplied()), branch.FromVector(resp.GetAcknowledged())
		for _, a := range resp.GetLog() {
			s.Log = append(s.Log, bank.Entry{
				Origin: replica.ID(a.GetWrite().GetBranch()), Seq: a.GetWrite().GetSequence(), Twice: a.GetTwice(),
				Body: bank.Body{Name: bank.Name{Session: a.GetSession(), Number: a.GetNumber()}, Delta: a.GetAmount()},
			})
		}
		if uint64(len(s.Log)) >= resp.GetLength() {
			return s, nil
		}
	}
}

// settleEvery is how often branches are asked whether they have caught up.
const settleEvery = 5 * time.Millisecond

// Settle waits until all branches have applied the same, or the context ends.
func Settle(ctx context.Context, branches []sessionbankv1.SessionBankServiceClient) error {
	for {
		behind, err := lagging(ctx, branches)
		if err != nil || !behind {
			return err
		}
		if err := backoff.Sleep(ctx, settleEvery); err != nil {
			return fmt.Errorf("the branches have not caught up with each other: %w", err)
		}
	}
}

func lagging(ctx context.Context, branches []sessionbankv1.SessionBankServiceClient) (bool, error) {
	var all []replica.Vector
	for _, b := range branches {
		resp, err := b.Describe(ctx, &sessionbankv1.DescribeRequest{After: 1 << 62, Limit: 1})
		if err != nil {
			return false, fmt.Errorf("asking a branch what it has applied: %w", err)
		}
		all = append(all, branch.FromVector(resp.GetApplied()))
	}
	for _, v := range all {
		if !v.Covers(all[0]) || !all[0].Covers(v) {
			return true, nil
		}
	}
	return false, nil
}
