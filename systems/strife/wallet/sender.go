package wallet

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"time"

	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/metadata"
	"google.golang.org/grpc/status"

	"dyno/internal/atomicfile"
	"dyno/internal/rpc"
	strifev1 "dyno/proto/strife/v1"
	"dyno/systems/strife/core/outbox"
)

// attemptTimeout bounds one call. The gateway's prepare timeout is well below.
const attemptTimeout = 8 * time.Second

// Sender is the gateway as the queue sees it: each attempt with the session of
// that moment, so that a login elsewhere is enough.
type Sender struct {
	*grpc.ClientConn
	Home string
}

// Attempt implements [Gateway].
func (s *Sender) Attempt(ctx context.Context, a outbox.Attempt) outbox.Answer {
	session, err := ReadSession(s.Home)
	if err != nil {
		return outbox.Answer{Verdict: outbox.Login}
	}
	ctx, cancel := context.WithTimeout(session.With(ctx), attemptTimeout)
	defer cancel()
	if a.Withdraw {
		resp, err := strifev1.NewGatewayServiceClient(s.ClientConn).CancelPayment(ctx, &strifev1.CancelPaymentRequest{Key: a.Payment.Key})
		return AnswerOf(resp.GetPayment(), true, err)
	}
	p, replayed, err := Pay(ctx, s.ClientConn, a.Payment, uint32(min(a.Number, 1<<31)))
	return AnswerOf(p, replayed, err)
}

// ParseAccount reads BANK/ACCOUNT.
func ParseAccount(text string) (*strifev1.Account, error) {
	bank, number, ok := strings.Cut(text, "/")
	if !ok || bank == "" || number == "" {
		return nil, fmt.Errorf("%q is not BANK/ACCOUNT, such as alpha/1001", text)
	}
	return &strifev1.Account{Bank: bank, Number: number}, nil
}

// AccountText is BANK/ACCOUNT; empty for none.
func AccountText(a *strifev1.Account) string {
	if a.GetBank() == "" {
		return ""
	}
	return a.GetBank() + "/" + a.GetNumber()
}

// Pay asks once for a payment.
func Pay(ctx context.Context, conn grpc.ClientConnInterface, p outbox.Payment, attempt uint32) (*strifev1.Payment, bool, error) {
	to, err := ParseAccount(p.To)
	if err != nil {
		return nil, false, rpc.InvalidField("to", "%v", err)
	}
	var header metadata.MD
	resp, err := strifev1.NewGatewayServiceClient(conn).Pay(ctx, &strifev1.PayRequest{
		Key: p.Key, To: to, Amount: &strifev1.Money{Minor: p.Minor, Currency: p.Currency}, Attempt: attempt,
	}, grpc.Header(&header))
	return resp.GetPayment(), len(header.Get("replayed")) > 0, err
}

// AnswerOf says what an answer of the gateway means for a payment.
func AnswerOf(p *strifev1.Payment, replayed bool, err error) outbox.Answer {
	if err == nil {
		return finished(p, replayed)
	}
	end := func(o outbox.Outcome) outbox.Answer {
		return outbox.Answer{Verdict: outbox.Ended, Result: outbox.Result{Outcome: o, Reason: Reason(err), Replayed: replayed}}
	}
	switch rpc.KindOf(err) {
	case rpc.Declined:
		return end(outbox.Declined)
	case rpc.NotFound, rpc.Invalid, rpc.Denied, rpc.Precondition:
		return end(outbox.Refused)
	case rpc.Unauthenticated:
		return outbox.Answer{Verdict: outbox.Login, Result: outbox.Result{Reason: Reason(err)}}
	case rpc.Conflict, rpc.Unavailable, rpc.Refused: // nothing happened
		return outbox.Answer{Verdict: outbox.Failed, After: rpc.RetryAfterOf(err), Result: outbox.Result{Reason: Reason(err)}}
	}
	return outbox.Answer{Verdict: outbox.Again, Result: outbox.Result{Reason: Reason(err)}}
}

func finished(p *strifev1.Payment, replayed bool) outbox.Answer {
	outcomes := map[strifev1.PaymentStatus]outbox.Outcome{
		strifev1.PaymentStatus_PAYMENT_STATUS_PAID:      outbox.Paid,
		strifev1.PaymentStatus_PAYMENT_STATUS_DECLINED:  outbox.Declined,
		strifev1.PaymentStatus_PAYMENT_STATUS_CANCELLED: outbox.Cancelled,
	}
	o, ok := outcomes[p.GetStatus()]
	if !ok {
		return outbox.Answer{Verdict: outbox.Again}
	}
	r := outbox.Result{Outcome: o, Payment: p.GetId(), Reason: p.GetReason(), Replayed: replayed}
	return outbox.Answer{Verdict: outbox.Ended, Result: r}
}

// Reason is what an error of a call says, without gRPC's own words.
func Reason(err error) string {
	if e, ok := errors.AsType[*rpc.Error](err); ok {
		return e.Message
	}
	if s, ok := status.FromError(err); ok && s.Code() != codes.Unknown {
		if s.Code() == codes.Unavailable && rpc.KindOf(err) == rpc.None {
			return "no connection"
		}
		return s.Message()
	}
	return err.Error()
}

// Session is what a login leaves, in a file that only its owner may read.
type Session struct {
	User     string `json:"user"`
	Token    string `json:"token"`
	Account  string `json:"account,omitempty"`  // BANK/ACCOUNT; an admin has none
	Currency string `json:"currency,omitempty"` // of the account
}

func sessionPath(home string) string { return filepath.Join(home, "session") }

// ErrLogin says that there is no session.
var ErrLogin = errors.New("a login is needed")

// ReadSession reads the session of a user's folder. The error is [ErrLogin] if
// there is none.
func ReadSession(home string) (s Session, err error) {
	text, err := os.ReadFile(sessionPath(home))
	if errors.Is(err, fs.ErrNotExist) {
		return s, ErrLogin
	}
	if err == nil {
		err = json.Unmarshal(text, &s)
	}
	if err != nil {
		return s, fmt.Errorf("%w: the session cannot be read: %w", ErrLogin, err)
	}
	return s, nil
}

// Write keeps a session.
func (s Session) Write(home string) error {
	if err := os.MkdirAll(home, 0o700); err != nil {
		return err
	}
	text, err := json.Marshal(s)
	if err != nil {
		return err
	}
	return atomicfile.WritePrivate(sessionPath(home), append(text, '\n'))
}

// ForgetSession removes the session of a user's folder.
func ForgetSession(home string) error {
	err := os.Remove(sessionPath(home))
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	return err
}

// With adds the session to the metadata of a call.
func (s Session) With(ctx context.Context) context.Context {
	return metadata.AppendToOutgoingContext(ctx, "authorization", "Bearer "+s.Token)
}

// sessionPoll is how often a client that waits for a login looks for a new
// session.
const sessionPoll = 250 * time.Millisecond

// AwaitSession returns once the folder holds another session than old, or the
// context has ended.
func AwaitSession(ctx context.Context, home string, old Session) {
	tick := time.NewTicker(sessionPoll)
	defer tick.Stop()
	for {
		if s, err := ReadSession(home); err == nil && s.Token != old.Token {
			return
		}
		select {
		case <-tick.C:
		case <-ctx.Done():
			return
		}
	}
}
