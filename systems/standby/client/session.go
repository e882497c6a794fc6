package client

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"math"
	"sync"
	"time"

	"dyno/internal/backoff"
	"dyno/internal/rpc"
	standbyv1 "dyno/proto/standby/v1"
	"dyno/systems/standby/config"
)

// Session is one client of a bank. It is safe for concurrent use: requests come
// one after the other.
type Session struct {
	bank   *Bank
	client uint64

	mu            sync.Mutex
	number        uint64 // of the last request
	epoch, action uint64 // the newest state that it has seen
}

// Reply is an answer, with how it came about.
type Reply struct {
	*standbyv1.Answer        // nil with an error
	Client, Number    uint64 // whose request, and which
	Server            string // who answered
	Attempts          int
}

// Balance looks an account up. An account that is not there is an error of kind
// [rpc.NotFound], here and below.
func (s *Session) Balance(ctx context.Context, account string) (int64, error) {
	return balance(s.Do(ctx, standbyv1.Operation_OPERATION_LOOKUP, account, 0))
}

// Withdraw takes an amount from an account and returns what is left. More than
// there is is an error of kind [rpc.Declined].
func (s *Session) Withdraw(ctx context.Context, account string, amount int64) (int64, error) {
	return balance(s.Do(ctx, standbyv1.Operation_OPERATION_WITHDRAW, account, amount))
}

// Deposit puts an amount on an account and returns what is there then.
func (s *Session) Deposit(ctx context.Context, account string, amount int64) (int64, error) {
	return balance(s.Do(ctx, standbyv1.Operation_OPERATION_DEPOSIT, account, amount))
}

// balance makes outcomes that are no success errors.
func balance(r Reply, err error) (int64, error) {
	if err != nil {
		return 0, err
	}
	switch r.GetOutcome() {
	case standbyv1.Outcome_OUTCOME_DONE:
		return r.GetBalance(), nil
	case standbyv1.Outcome_OUTCOME_NOT_FOUND:
		return 0, rpc.Errorf(rpc.NotFound, "there is no such account")
	case standbyv1.Outcome_OUTCOME_TOO_MUCH:
		return 0, rpc.Errorf(rpc.Declined, "the balance is %d", r.GetBalance())
	}
	return 0, rpc.Errorf(rpc.Internal, "%s answered with outcome %v", r.Server, r.GetOutcome())
}

// Seen is the newest state that the session has seen.
func (s *Session) Seen() (epoch, action uint64) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.epoch, s.action
}

// Do sends a request until it is answered, whatever the answer is. The error is
// a [LostError], an [UnansweredError], a [ForgottenError], one of kind
// [rpc.Invalid], or of the context.
func (s *Session) Do(ctx context.Context, op standbyv1.Operation, account string, amount int64) (Reply, error) {
	if amount < 0 {
		return Reply{}, rpc.InvalidField("amount", "%d is negative; want 0 to %d", amount, int64(math.MaxInt64))
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.number++
	r := &request{
		bank: s.bank, at: int(s.bank.primary.Load()), began: time.Now(), pause: backoff.Backoff{Most: maxPause},
		item: &standbyv1.ActRequest_Item{
			Caller:    &standbyv1.Caller{Client: s.client, Number: s.number, SeenEpoch: s.epoch, SeenAction: s.action},
			Operation: op, Account: account, Amount: amount,
		},
	}
	answer, err := r.run(ctx)
	reply := Reply{Answer: answer, Client: s.client, Number: s.number, Attempts: r.attempts}
	if err != nil {
		return reply, err
	}
	reply.Server = names[r.at]
	s.epoch, s.action = answer.GetEpoch(), answer.GetAction() // not older than before, or it had not counted
	return reply, nil
}

// request is one request under way.
type request struct {
	bank     *Bank
	item     *standbyv1.ActRequest_Item
	at       int // the server that is asked
	began    time.Time
	attempts int
	maybe    bool // it may have been done
	anew     bool // the same server is to be asked again, at once
	silent   [2]bool
	last     [2]error
	asked    int // attempts since the last wait
	pause    backoff.Backoff
}

// run asks until there is an answer.
func (r *request) run(ctx context.Context) (*standbyv1.Answer, error) {
	for {
		r.attempts++
		answer, err := r.bank.askers[r.at].ask(ctx, r.item)
		if err == nil && r.stale(answer) {
			err = fmt.Errorf("%w: epoch %d, action %d", errStale, answer.GetEpoch(), answer.GetAction())
		}
		if err == nil {
			r.bank.primary.Store(int32(r.at))
			return answer, nil
		}
		if ctx.Err() != nil {
			return nil, ctx.Err()
		}
		if err := r.consider(err); err != nil {
			return nil, err
		}
		if waited := time.Since(r.began); waited >= r.bank.opt.Bound {
			return nil, &UnansweredError{Waited: waited, Last: r.last, Maybe: r.maybe}
		}
		if !r.anew {
			r.next(ctx)
		}
		r.anew = false
	}
}

// errStale is why an answer does not count that speaks of an older state than
// the session has seen: its server should have refused.
var errStale = errors.New("its answer is older than what was seen")

func (r *request) stale(a *standbyv1.Answer) bool {
	return compareStates(a.GetEpoch(), a.GetAction(), r.item.GetCaller().GetSeenEpoch(), r.item.GetCaller().GetSeenAction()) < 0
}

// compareStates orders states by their age.
func compareStates(epoch, action, epochB, actionB uint64) int {
	return cmp.Or(cmp.Compare(epoch, epochB), cmp.Compare(action, actionB))
}

// consider takes in why there is no answer; an error of its own is final.
func (r *request) consider(err error) error {
	r.last[r.at] = err
	no, isRefused := errors.AsType[refused](err)
	if r.silent[r.at] = !isRefused; !isRefused {
		r.maybe = true
		return nil
	}
	switch no.GetReason() {
	case standbyv1.Refusal_REASON_INVALID:
		return rpc.Errorf(rpc.Invalid, "%s", no.Error())
	case standbyv1.Refusal_REASON_LOST:
		return &LostError{
			Server: names[r.at], Epoch: no.GetLost().GetEpoch(), First: no.GetLost().GetFirst(), Last: no.GetLost().GetLast(),
			Hint: AcceptLossCommand(r.bank.opt.File),
		}
	case standbyv1.Refusal_REASON_FORGOTTEN:
		return r.forgotten(no)
	case standbyv1.Refusal_REASON_OVER:
		return &ForgottenError{no.Error()}
	}
	return nil
}

// forgotten is final where the request may have been done. Otherwise it is sent
// again as a new one, having seen what the server says.
func (r *request) forgotten(no refused) error {
	if r.maybe || r.attempts > 2*len(names) {
		return &ForgottenError{no.Error()}
	}
	c := r.item.GetCaller()
	r.replace(&standbyv1.Caller{Client: c.GetClient(), Number: c.GetNumber(), SeenEpoch: no.GetEpoch(), SeenAction: no.GetAction()})
	r.anew = true
	return nil
}

// replace changes who is said to call. The item that was sent may still be read.
func (r *request) replace(c *standbyv1.Caller) {
	r.item = &standbyv1.ActRequest_Item{
		Caller: c, Operation: r.item.GetOperation(), Account: r.item.GetAccount(), Amount: r.item.GetAmount(),
	}
}

// next chooses whom to ask now, and waits once both have been asked, or one that
// was not silent again and again.
func (r *request) next(ctx context.Context) {
	r.asked++
	other := 1 - r.at
	stay := r.silent[other] && !r.silent[r.at] && r.asked%roundsBeforeTheSilent != 0
	if stay || r.asked%len(names) == 0 {
		r.pause.Wait(ctx, nil)
	}
	if !stay {
		r.at = other
	}
	if promote := !r.bank.witness && r.silent[1-r.at]; promote != r.item.GetCaller().GetPromote() {
		c := r.item.GetCaller()
		r.replace(&standbyv1.Caller{
			Client: c.GetClient(), Number: c.GetNumber(), SeenEpoch: c.GetSeenEpoch(), SeenAction: c.GetSeenAction(), Promote: promote,
		})
	}
}

// AcceptLossCommand is what an operator types; without a file's name, that of
// the original hand-out.
func AcceptLossCommand(file string) string {
	if file == "" {
		file = config.DefaultFile
	}
	return "dyno standby accept-loss --config " + file
}
