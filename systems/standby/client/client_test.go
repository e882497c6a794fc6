package client_test

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"google.golang.org/protobuf/proto"

	"dyno/internal/record"
	"dyno/internal/rpc"
	standbyv1 "dyno/proto/standby/v1"
	"dyno/systems/standby/client"
)

// same says whether two messages are one request, sent again.
func same(a, b *item) bool {
	x, y := proto.Clone(a).(*item), proto.Clone(b).(*item)
	x.Caller.Promote, y.Caller.Promote = false, false
	return proto.Equal(x, y)
}

func TestOperations(t *testing.T) {
	inWorld(t, witnessed, func(w *world) {
		action := uint64(0)
		w.s1.script(func(i *item) any {
			action++
			switch {
			case i.GetAccount() == "none":
				return &answer{Outcome: standbyv1.Outcome_OUTCOME_NOT_FOUND, Epoch: 1, Action: action}
			case i.GetAmount() > 300:
				return &answer{Outcome: standbyv1.Outcome_OUTCOME_TOO_MUCH, Balance: 300, Epoch: 1, Action: action}
			case i.GetAmount() == 300 && i.GetOperation() == standbyv1.Operation_OPERATION_DEPOSIT:
				return no(standbyv1.Refusal_REASON_INVALID)
			}
			return done(map[standbyv1.Operation]int64{1: 300, 2: 290, 3: 310}[i.GetOperation()], 1, action)
		})
		s, ctx := w.bank.Session(), w.Context()
		got, err := s.Balance(ctx, "2")
		w.expect("balance", got, err, 300, rpc.None)
		got, err = s.Withdraw(ctx, "2", 10)
		w.expect("withdraw", got, err, 290, rpc.None)
		got, err = s.Deposit(ctx, "2", 10)
		w.expect("deposit", got, err, 310, rpc.None)
		got, err = s.Balance(ctx, "none")
		w.expect("no account", got, err, 0, rpc.NotFound)
		got, err = s.Withdraw(ctx, "2", 301)
		w.expect("too much", got, err, 0, rpc.Declined)
		got, err = s.Deposit(ctx, "2", 300)
		w.expect("invalid", got, err, 0, rpc.Invalid)
		got, err = s.Withdraw(ctx, "2", -1)
		w.expect("negative", got, err, 0, rpc.Invalid)
		var last *item
		for n, i := range w.s1.came() {
			if i.GetCaller().GetNumber() != uint64(n)+1 || last != nil && i.GetCaller().GetClient() != last.GetCaller().GetClient() {
				w.Errorf("request %d came as %v", n+1, i.GetCaller())
			}
			if seen := i.GetCaller().GetSeenAction(); seen != uint64(n) || n > 0 && i.GetCaller().GetSeenEpoch() != 1 {
				w.Errorf("request %d has seen action %d", n+1, seen)
			}
			last = i
		}
		if len(w.s2.came()) > 0 || len(w.s1.came()) != 6 {
			w.Errorf("s1 was asked %d times, s2 %d", len(w.s1.came()), len(w.s2.came()))
		}
	})
}

func (w *world) expect(what string, got int64, err error, want int64, kind rpc.Kind) {
	w.Helper()
	if got != want || rpc.KindOf(err) != kind || kind == rpc.None && err != nil {
		w.Errorf("%s: %d, %v; want %d and an error of kind %v", what, got, err, want, kind)
	}
}

// A primary that is dead is noticed at once. Only where there is no witness the
// other is told to take over.
func TestPrimaryDead(t *testing.T) {
	for _, o := range []client.Options{witnessed, {}} {
		inWorld(t, o, func(w *world) {
			w.s1.script(always(done(5, 1, 1)))
			s := w.bank.Session()
			w.mustDeposit(s, 5)
			w.s1.kill()
			synctest.Wait()
			n := 0
			w.s2.script(func(*item) any {
				if n++; n < 3 {
					return notPrimary
				}
				return done(10, 2, 2)
			})
			if d := took(func() { w.mustDeposit(s, 10) }); d > 200*time.Millisecond {
				w.Errorf("it took %v", d)
			}
			w.mustDeposit(s, 10)
			for i, c := range w.s2.came()[:3] {
				if promote := o.Hosts.Witness == ""; c.GetCaller().GetPromote() != promote || !same(c, w.s2.came()[0]) || c.GetCaller().GetNumber() != 2 {
					w.Errorf("attempt %d: %v; want promote %v", i, c, promote)
				}
			}
			if c := w.s2.came()[3].GetCaller(); c.GetPromote() || c.GetNumber() != 3 || c.GetSeenEpoch() != 2 {
				w.Errorf("the next request does not go straight to the new primary: %v", c)
			}
		})
	}
}

// A primary that is paused costs one attempt, then the other one gets the same
// request. What the first one answers later does not count.
func TestPrimaryPaused(t *testing.T) {
	inWorld(t, witnessed, func(w *world) {
		w.s2.script(always(done(7, 2, 9)))
		s := w.bank.Session()
		var r client.Reply
		d := took(func() {
			var err error
			if r, err = s.Do(w.Context(), standbyv1.Operation_OPERATION_DEPOSIT, "a", 5); err != nil {
				w.Fatal(err)
			}
		})
		if d != client.DefaultAttempt || r.Server != "s2" || r.Attempts != 2 || r.GetBalance() != 7 || r.Number != 1 {
			w.Errorf("after %v: %+v", d, r)
		}
		if !same(w.s1.came()[0], w.s2.came()[0]) {
			w.Errorf("%v, then %v", w.s1.came(), w.s2.came())
		}
		if epoch, action := s.Seen(); epoch != 2 || action != 9 {
			w.Errorf("seen: %d, %d", epoch, action)
		}
	})
}

// A server that is behind is asked again until it has caught up, and the request
// stays the same.
func TestBehind(t *testing.T) {
	inWorld(t, witnessed, func(w *world) {
		w.s1.script(always(done(5, 1, 100)))
		s := w.bank.Session()
		w.mustDeposit(s, 5)
		w.s1.kill()
		synctest.Wait()
		action := uint64(95)
		w.s2.script(func(i *item) any {
			if action++; action < i.GetCaller().GetSeenAction() {
				return no(standbyv1.Refusal_REASON_BEHIND)
			}
			return done(10, 2, action+1)
		})
		w.mustDeposit(s, 10)
		for _, i := range w.s2.came() {
			if !same(i, w.s2.came()[0]) || i.GetCaller().GetSeenAction() != 100 {
				w.Errorf("asked with %v, then %v", w.s2.came()[0], i)
			}
		}
		if len(w.s2.came()) != 5 {
			w.Errorf("asked %d times", len(w.s2.came()))
		}
	})
}

// It never hangs: a bound ends it, and says whether the request may have been
// done.
func TestBound(t *testing.T) {
	const bound = 3 * time.Second
	o := witnessed
	o.Bound = bound
	for name, c := range map[string]struct {
		s1, s2  any
		outcome record.Outcome
		says    string
	}{
		"refused":  {notPrimary, no(standbyv1.Refusal_REASON_BEHIND), record.Refused, "s1: REASON_NOT_PRIMARY; s2: REASON_BEHIND; the request was not done"},
		"silent":   {nil, nil, record.Unknown, "the request may have been done"},
		"breaking": {errors.New("boom"), errors.New("bang"), record.Unknown, "s1: boom; s2: bang; the request may have been done"},
		"mixed":    {nil, notPrimary, record.Unknown, "the request may have been done"},
	} {
		t.Run(name, func(t *testing.T) {
			inWorld(t, o, func(w *world) {
				w.s1.script(always(c.s1))
				w.s2.script(always(c.s2))
				var err error
				d := took(func() { _, err = w.bank.Session().Deposit(w.Context(), "a", 5) })
				unanswered, ok := errors.AsType[*client.UnansweredError](err)
				if !ok || rpc.Outcome(err) != c.outcome || !strings.HasSuffix(err.Error(), c.says) || unanswered.Waited != d {
					w.Errorf("%v: %v (%v), want %v, %q", d, err, rpc.Outcome(err), c.outcome, c.says)
				}
				if d < bound || d > bound+2*client.DefaultAttempt {
					w.Errorf("it took %v, the bound is %v", d, bound)
				}
				if n := len(w.s1.came()) + len(w.s2.came()); n > 400 {
					w.Errorf("asked %d times", n)
				}
			})
		})
	}
}

// What is gone for good is an error of its own, which names it and what an
// operator does; after that the same session is served again.
func TestLost(t *testing.T) {
	o := witnessed
	o.File = "my.config"
	inWorld(t, o, func(w *world) {
		w.s1.script(always(done(5, 1, 103)))
		s := w.bank.Session()
		w.mustDeposit(s, 5)
		w.s1.kill()
		synctest.Wait()
		lost := &standbyv1.Lost{Epoch: 1, First: 101, Last: 103}
		w.s2.script(func(i *item) any {
			if c := i.GetCaller(); c.GetSeenEpoch() == 1 && c.GetSeenAction() >= lost.First && !lost.Accepted {
				return &refusal{Reason: standbyv1.Refusal_REASON_LOST, Lost: lost}
			}
			return done(6, 2, 101)
		})
		for range 2 {
			_, err := s.Deposit(w.Context(), "a", 1)
			l, ok := errors.AsType[*client.LostError](err)
			if !ok || l.Epoch != 1 || l.First != 101 || l.Last != 103 || l.Server != "s2" || rpc.Outcome(err) != record.Failed {
				w.Fatalf("%v", err)
			}
			if want := "actions 101 to 103 of epoch 1 acknowledged, then lost with the server that had them; s2 cannot get them back. " +
				"To go on without them, an operator runs: dyno standby accept-loss --config my.config"; err.Error() != want {
				w.Errorf("%q, want %q", err, want)
			}
		}
		if got, err := w.bank.Session().Balance(w.Context(), "a"); err != nil || got != 6 {
			w.Errorf("who has seen nothing is not served: %d, %v", got, err)
		}
		w.s2.losses, lost.Accepted = []*standbyv1.Lost{lost}, true
		if got, err := w.bank.AcceptLoss(w.Context()); err != nil || len(got) != 1 || got[0].GetLast() != 103 {
			w.Errorf("%v, %v", got, err)
		}
		w.mustDeposit(s, 6)
		if epoch, action := s.Seen(); epoch != 2 || action != 101 {
			w.Errorf("seen: %d, %d", epoch, action)
		}
	})
}

// An old primary that answers though a newer reign was seen does not count.
func TestStaleEpoch(t *testing.T) {
	inWorld(t, witnessed, func(w *world) {
		w.s1.script(always(notPrimary))
		w.s2.script(always(done(5, 3, 50)))
		s := w.bank.Session()
		w.mustDeposit(s, 5)
		w.s1.script(always(done(666, 1, 60)))
		n := 0
		w.s2.script(func(*item) any {
			if n++; n == 1 {
				return notPrimary
			}
			return done(10, 3, 51)
		})
		w.mustDeposit(s, 10)
		w.s2.script(always(done(666, 3, 49))) // its own past
		ctx, cancel := context.WithTimeout(w.Context(), time.Second)
		defer cancel()
		if got, err := s.Deposit(ctx, "a", 5); !errors.Is(err, context.DeadlineExceeded) {
			w.Errorf("%d, %v", got, err)
		}
	})
}

// An action that was done though its answer was lost is done once: the retry is
// the same request, and gets the stored answer.
func TestRetryGetsTheStoredAnswer(t *testing.T) {
	inWorld(t, witnessed, func(w *world) {
		stored := map[string]*answer{} // what both servers know
		balance, action := int64(100), uint64(0)
		do := func(i *item) *answer {
			name := fmt.Sprint(i.GetCaller().GetClient(), i.GetCaller().GetNumber())
			if a := stored[name]; a != nil {
				again := proto.Clone(a).(*answer)
				again.Repeated = true
				return again
			}
			action++
			balance += i.GetAmount()
			stored[name] = done(balance, 1, action)
			return stored[name]
		}
		w.s1.script(func(i *item) any { do(i); return errors.New("died before it answered") })
		w.s2.script(func(i *item) any { return do(i) })
		r, err := w.bank.Session().Do(w.Context(), standbyv1.Operation_OPERATION_DEPOSIT, "a", 5)
		if err != nil || r.GetBalance() != 105 || !r.GetRepeated() || action != 1 {
			w.Errorf("%+v, %v; %d actions", r, err, action)
		}
	})
}

// A session that no server remembers begins anew, unless its request may have
// been done.
func TestForgotten(t *testing.T) {
	inWorld(t, witnessed, func(w *world) {
		forgetful := func(i *item) any {
			if i.GetCaller().GetSeenAction() < 70 {
				return &refusal{Reason: standbyv1.Refusal_REASON_FORGOTTEN, Epoch: 2, Action: 70, Message: "client 1 is not known"}
			}
			return done(5, 2, 71)
		}
		w.s1.script(forgetful)
		w.s2.script(forgetful)
		w.mustDeposit(w.bank.Session(), 5)
		w.s1.script(always(errors.New("died")))
		_, err := w.bank.Session().Deposit(w.Context(), "a", 5)
		if _, ok := errors.AsType[*client.ForgottenError](err); !ok || rpc.Outcome(err) != record.Unknown ||
			err.Error() != "it is not known whether the request was done: client 1 is not known" {
			w.Errorf("%v", err)
		}
		w.s1.script(always(no(standbyv1.Refusal_REASON_OVER)))
		w.s2.script(w.s1.answer)
		if _, err := w.bank.Session().Deposit(w.Context(), "a", 5); rpc.Outcome(err) != record.Unknown {
			w.Errorf("%v", err)
		}
	})
}

// The hand-out's own server kept the account of a request in a field that all
// requests shared, so one client's was used for another's.
func TestCourseFaultAccountsMixedUp(t *testing.T) {
	inWorld(t, witnessed, func(w *world) {
		w.s1.script(func(i *item) any {
			var n int64
			_, err := fmt.Sscanf(i.GetAccount(), "a%d", &n)
			return map[bool]any{true: done(n*1000+i.GetAmount(), 1, 1), false: err}[err == nil]
		})
		var all sync.WaitGroup
		for n := range int64(32) {
			all.Go(func() {
				s := w.bank.Session()
				for amount := range int64(20) {
					got, err := s.Deposit(w.Context(), fmt.Sprintf("a%d", n), amount)
					w.expect("deposit", got, err, n*1000+amount, rpc.None)
				}
			})
		}
		all.Wait()
	})
}

func TestSessionsDiffer(t *testing.T) {
	inWorld(t, witnessed, func(w *world) {
		w.s1.script(always(done(5, 1, 1)))
		seen := map[uint64]bool{}
		for range 100 {
			r, err := w.bank.Session().Do(w.Context(), standbyv1.Operation_OPERATION_LOOKUP, "a", 0)
			if err != nil || seen[r.Client] || r.Client == 0 {
				w.Fatalf("%+v, %v", r, err)
			}
			seen[r.Client] = true
		}
	})
}

// A server that goes and comes back is used again, without the standby's help.
func TestStreamReopens(t *testing.T) {
	inWorld(t, witnessed, func(w *world) {
		w.s2.script(always(notPrimary))
		s := w.bank.Session()
		for n := range int64(5) {
			failed := false
			w.s1.script(func(*item) any {
				if !failed {
					failed = true
					return errors.New("restarting")
				}
				return done(n, 1, 1)
			})
			w.mustDeposit(s, n)
		}
	})
}

func TestEnds(t *testing.T) {
	inWorld(t, witnessed, func(w *world) {
		ctx, cancel := context.WithTimeout(w.Context(), 50*time.Millisecond)
		defer cancel()
		if _, err := w.bank.Session().Deposit(ctx, "a", 5); !errors.Is(err, context.DeadlineExceeded) {
			w.Error(err)
		}
		if _, err := client.Dial(client.Options{Attempt: -1}); err == nil {
			w.Error("a time of less than nothing")
		}
		ended := make(chan error, 1)
		go func() { _, err := w.bank.Session().Deposit(w.Context(), "a", 5); ended <- err }()
		synctest.Wait()
		w.bank.Close()
		if err := <-ended; rpc.Outcome(err) != record.Unknown {
			w.Error(err)
		}
	})
}

func TestReason(t *testing.T) {
	for text, want := range map[string]string{
		"s1 is not the primary now": "s1 is not the primary now",
		`connection error: desc = "transport: Error while dialing: dial tcp 127.0.0.1:1: connect: connection refused"`: "dial tcp 127.0.0.1:1: connect: connection refused",
	} {
		if got := client.Reason(rpc.Errorf(rpc.Unavailable, "%s", text)); got != want {
			t.Errorf("%q, want %q", got, want)
		}
	}
}

func TestStatus(t *testing.T) {
	inWorld(t, witnessed, func(w *world) {
		w.s1.kill()
		w.s2.status = &standbyv1.StatusResponse{Name: "s2", Role: standbyv1.Role_ROLE_PRIMARY}
		got := w.bank.Status(w.Context())
		if got[0].Err == nil || got[0].Name != "s1" || got[1].Err != nil || got[1].Status.GetRole() != standbyv1.Role_ROLE_PRIMARY {
			w.Errorf("%+v", got)
		}
		if _, err := w.bank.AcceptLoss(w.Context()); err == nil || !strings.Contains(err.Error(), "s2: not the primary") {
			w.Error(err)
		}
	})
}
