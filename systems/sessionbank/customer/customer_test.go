package customer_test

import (
	"testing"
	"time"

	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"

	"dyno/internal/record"
	"dyno/internal/rpc"
	sessionbankv1 "dyno/proto/sessionbank/v1"
	"dyno/systems/sessionbank/core/bank"
	"dyno/systems/sessionbank/core/token"
	"dyno/systems/sessionbank/customer"
)

// A session moves with every operation, and never notices.
func TestMoving(t *testing.T) {
	branches := open(t, 3)
	for _, kind := range []token.Kind{token.Vector, token.WriteSet} {
		s := session(branches, int(kind), token.All, kind)
		start := s.Do(t.Context(), bank.Query, 0, 0).Balance
		for i := range 30 {
			if d := s.Do(t.Context(), bank.Deposit, 10, i); d.Outcome != record.OK {
				t.Fatalf("%v: %+v", kind, d)
			}
			if w := s.Do(t.Context(), bank.Withdraw, 9, i+1); w.Outcome != record.OK {
				t.Fatalf("%v: %+v", kind, w)
			}
			if q := s.Do(t.Context(), bank.Query, 0, i+2); q.Err != nil || q.Balance != start+int64(i+1) {
				t.Fatalf("%v, round %d: %d, %v; want %d", kind, i, q.Balance, q.Err, start+int64(i+1))
			}
		}
	}
	if err := customer.Settle(t.Context(), branches); err != nil {
		t.Error(err)
	}
	a, errA := customer.Describe(t.Context(), branches[0], nil)
	b, errB := customer.Describe(t.Context(), branches[1], nil)
	if errA != nil || errB != nil || a.Balance != b.Balance || len(a.Log) != 120 || len(b.Log) != 120 {
		t.Errorf("%d after %d, %v; %d after %d, %v", a.Balance, len(a.Log), errA, b.Balance, len(b.Log), errB)
	}
}

// A branch that lags says when to ask again, and nothing has happened.
func TestLagging(t *testing.T) {
	branches := open(t, 2)
	var ahead token.Token
	ahead.Wrote(token.All, 2, 1) // which branch 2 has not made
	all := []sessionbankv1.Guarantee{1, 2, 3, 4}
	s := &sessionbankv1.Session{Id: "s", Guarantees: all, Token: ahead.Append(nil), WaitMs: 10}
	_, err := branches[0].Query(t.Context(), &sessionbankv1.QueryRequest{Session: s})
	if status.Code(err) != codes.Unavailable || rpc.RetryAfterOf(err) <= 0 || rpc.Outcome(err) != record.Refused {
		t.Errorf("%v, again after %v", err, rpc.RetryAfterOf(err))
	}
	_, err = branches[0].Deposit(t.Context(), &sessionbankv1.DepositRequest{Session: s, Number: 1, Amount: 1})
	if d, describeErr := customer.Describe(t.Context(), branches[0], nil); status.Code(err) != codes.Unavailable || describeErr != nil || len(d.Log) > 0 {
		t.Errorf("%v, and %d writes are there, %v", err, len(d.Log), describeErr)
	}
}

func TestRefuses(t *testing.T) {
	branch := open(t, 1)[0]
	var set, foreign token.Token
	set.Kind = token.WriteSet
	set.Wrote(token.All, 1, 1)
	foreign.Wrote(token.All, 7, 1)
	for name, c := range map[string]struct {
		session *sessionbankv1.Session
		amount  int64
		field   string
	}{
		"no session":         {nil, 1, "session.id"},
		"a long id":          {&sessionbankv1.Session{Id: string(make([]byte, 65))}, 1, "session.id"},
		"nothing to deposit": {&sessionbankv1.Session{Id: "s"}, 0, "amount"},
		"a debt":             {&sessionbankv1.Session{Id: "s"}, -5, "amount"},
		"a fifth guarantee":  {&sessionbankv1.Session{Id: "s", Guarantees: []sessionbankv1.Guarantee{5}}, 1, "session.guarantees"},
		"no token":           {&sessionbankv1.Session{Id: "s", Token: []byte("junk")}, 1, "session.token"},
		"another kind":       {&sessionbankv1.Session{Id: "s", Token: set.Append(nil)}, 1, "session.token"},
		"another bank's":     {&sessionbankv1.Session{Id: "s", Token: foreign.Append(nil)}, 1, "session.token"},
	} {
		_, err := branch.Deposit(t.Context(), &sessionbankv1.DepositRequest{Session: c.session, Number: 1, Amount: c.amount})
		if rpc.KindOf(err) != rpc.Invalid || rpc.FieldOf(err) != c.field {
			t.Errorf("%s: %v, field %q; want %q", name, err, rpc.FieldOf(err), c.field)
		}
	}
	s := session([]sessionbankv1.SessionBankServiceClient{branch}, 1, token.All, token.Vector)
	if w := s.Do(t.Context(), bank.Withdraw, 1<<41, 0); w.Outcome != record.Refused || w.Err != nil {
		t.Errorf("more than there is: %+v", w)
	}
	if _, err := branch.Describe(t.Context(), &sessionbankv1.DescribeRequest{Limit: 1 << 20}); rpc.FieldOf(err) != "limit" {
		t.Error(err)
	}
}

// Several sessions at once, for the race detector.
func TestTogether(t *testing.T) {
	branches := open(t, 3)
	done := make(chan error)
	for i := range 6 {
		go func() {
			s := session(branches, i, token.All, token.Kind(i%2))
			for n := range 20 {
				if d := s.Do(t.Context(), bank.Kind(n%3+1), 1, i+n); d.Err != nil {
					done <- d.Err
					return
				}
			}
			done <- nil
		}()
	}
	for range 6 {
		select {
		case err := <-done:
			if err != nil {
				t.Error(err)
			}
		case <-time.After(time.Minute):
			t.Fatal("they do not come to an end")
		}
	}
}
