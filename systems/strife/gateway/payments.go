package gateway

import (
	"context"
	"time"

	"google.golang.org/grpc"
	"google.golang.org/grpc/metadata"

	"dyno/internal/rpc"
	v1 "dyno/proto/strife/v1"
	"dyno/systems/strife/core/coordinator"
	"dyno/systems/strife/core/tx"
	"dyno/systems/strife/failpoint"
	"dyno/systems/strife/security"
	"dyno/systems/strife/wire"
)

// Replayed is the header of answers that were given before.
const Replayed = "replayed"

const (
	retryAfter  = 100 * time.Millisecond // what was aborted
	defaultList = 100
	maxList     = 1000
)

// own is the account of a session's user; another one is not for it, whatever
// its role.
func own(s security.Session, asked *v1.Account) (tx.Account, error) {
	a := tx.Account{Bank: s.Bank, Name: s.Account}
	if asked.GetBank() == "" && asked.GetNumber() == "" {
		return a, nil
	}
	if asked.GetBank() != a.Bank || asked.GetNumber() != a.Name {
		return a, rpc.Errorf(rpc.Denied, "the account is not %s's", s.User)
	}
	return a, nil
}

// Pay implements v1.GatewayServiceServer.
func (g *gateway) Pay(ctx context.Context, req *v1.PayRequest) (*v1.PayResponse, error) {
	call := security.CallOf(ctx)
	call.Key, call.Attempt = security.KeyHash(call.Session.User, req.GetKey()), req.GetAttempt()
	from, err := own(call.Session, req.GetFrom())
	if err != nil {
		return nil, err
	}
	amount, err := wire.ToMoney("amount", req.GetAmount())
	if err != nil {
		return nil, err
	}
	call.Amount = amount.String()
	failpoint.Hit(failpoint.PayReceived)
	in := pay{keyHash: call.Key, attempt: call.Attempt}
	in.User, in.Key = call.Session.User, req.GetKey()
	in.Payment = tx.Payment{From: from, To: tx.Account{Bank: req.GetTo().GetBank(), Name: req.GetTo().GetNumber()}, Amount: amount}
	reply, err := g.reply(ctx, func(request uint64) coordinator.In {
		in.Request = request
		return in
	})
	if err != nil {
		return nil, err
	}
	if reply.Receipt.Status != coordinator.Paid {
		return nil, refusal(reply.Receipt)
	}
	return &v1.PayResponse{Payment: payment(reply.Receipt)}, nil
}

// reply asks the core about a key, and notes for log and caller what it says.
func (g *gateway) reply(ctx context.Context, ask func(request uint64) coordinator.In) (r coordinator.Reply, err error) {
	out, err := g.await(ctx, ask)
	if err != nil {
		return r, err
	}
	r = out.(coordinator.Reply)
	if r.Receipt.Tx != (tx.ID{}) {
		security.CallOf(ctx).Tx = r.Receipt.Tx.String()
	}
	if r.Replayed && r.Receipt.Status.Final() {
		err = grpc.SetHeader(ctx, metadata.Pairs(Replayed, "true"))
	}
	return r, err
}

// refusal is how a payment that is not paid is answered.
func refusal(r coordinator.Receipt) error {
	switch r.Status {
	case coordinator.Declined:
		if r.Reason == tx.NoAccount {
			return rpc.Errorf(rpc.NotFound, "declined: %v", r.Reason)
		}
		return rpc.Errorf(rpc.Declined, "declined: %v", r.Reason)
	case coordinator.Cancelled:
		return rpc.Errorf(rpc.Declined, "declined: the payment was cancelled")
	case coordinator.Unavailable:
		return &rpc.Error{Kind: rpc.Unavailable, Message: "not paid: " + r.Reason.String(), RetryAfter: retryAfter}
	case coordinator.Exhausted:
		return &rpc.Error{Kind: rpc.Refused, Message: "not paid: " + r.Reason.String(), RetryAfter: retryAfter}
	case coordinator.Invalid:
		return invalid(r.Reason)
	default:
		why := "aborted: " + r.Reason.String() + "; the same key may be tried again"
		return &rpc.Error{Kind: rpc.Conflict, Message: why, RetryAfter: retryAfter}
	}
}

// invalid blames the field.
func invalid(why tx.Reason) error {
	switch why {
	case tx.UnknownBank:
		return rpc.Errorf(rpc.NotFound, "to: %v", why)
	case tx.BadAmount:
		return rpc.InvalidField("amount", "%v", why)
	case tx.SameAccount, tx.BadAccount:
		return rpc.InvalidField("to", "%v", why)
	}
	return rpc.InvalidField("key", "%v", why)
}

var statuses = map[coordinator.Status]v1.PaymentStatus{
	coordinator.Pending:   v1.PaymentStatus_PAYMENT_STATUS_PENDING,
	coordinator.Paid:      v1.PaymentStatus_PAYMENT_STATUS_PAID,
	coordinator.Declined:  v1.PaymentStatus_PAYMENT_STATUS_DECLINED,
	coordinator.Cancelled: v1.PaymentStatus_PAYMENT_STATUS_CANCELLED,
}

// payment writes a receipt: the same receipt is always the same message.
func payment(r coordinator.Receipt) *v1.Payment {
	p := &v1.Payment{Key: r.Key, Status: statuses[r.Status]}
	if r.Reason != tx.NoReason {
		p.Reason = r.Reason.String()
	}
	if r.Tx != (tx.ID{}) {
		p.Id = r.Tx.String()
	}
	if r.Payment != (tx.Payment{}) {
		p.From, p.To = account(r.Payment.From), account(r.Payment.To)
		p.Amount = wire.Money(r.Payment.Amount)
	}
	return p
}

func account(a tx.Account) *v1.Account { return &v1.Account{Bank: a.Bank, Number: a.Name} }

// GetPayment implements v1.GatewayServiceServer.
func (g *gateway) GetPayment(ctx context.Context, req *v1.GetPaymentRequest) (*v1.GetPaymentResponse, error) {
	call := security.CallOf(ctx)
	call.Key = security.KeyHash(call.Session.User, req.GetKey())
	r, err := g.reply(ctx, func(request uint64) coordinator.In {
		return coordinator.Lookup{Request: request, User: call.Session.User, Key: req.GetKey()}
	})
	if err != nil {
		return nil, err
	}
	if r.Receipt.Status == coordinator.Unknown {
		return nil, rpc.Errorf(rpc.NotFound, "no payment has that key, or it is forgotten")
	}
	return &v1.GetPaymentResponse{Payment: payment(r.Receipt)}, nil
}

// CancelPayment implements v1.GatewayServiceServer.
func (g *gateway) CancelPayment(ctx context.Context, req *v1.CancelPaymentRequest) (*v1.CancelPaymentResponse, error) {
	call := security.CallOf(ctx)
	call.Key = security.KeyHash(call.Session.User, req.GetKey())
	r, err := g.reply(ctx, func(request uint64) coordinator.In {
		return coordinator.Cancel{Request: request, User: call.Session.User, Key: req.GetKey()}
	})
	if err != nil {
		return nil, err
	}
	if !r.Receipt.Status.Final() {
		return nil, refusal(r.Receipt)
	}
	return &v1.CancelPaymentResponse{Payment: payment(r.Receipt)}, nil
}

// ListPayments implements v1.GatewayServiceServer.
func (g *gateway) ListPayments(ctx context.Context, req *v1.ListPaymentsRequest) (*v1.ListPaymentsResponse, error) {
	most := int(req.GetLimit())
	if most == 0 {
		most = defaultList
	}
	if most > maxList {
		return nil, rpc.InvalidField("limit", "%d; at most %d", most, maxList)
	}
	out, err := g.await(ctx, func(request uint64) coordinator.In {
		return coordinator.List{Request: request, User: security.CallOf(ctx).Session.User, Most: most}
	})
	if err != nil {
		return nil, err
	}
	resp := &v1.ListPaymentsResponse{}
	for _, r := range out.(coordinator.Listing).Receipts {
		resp.Payments = append(resp.Payments, payment(r))
	}
	return resp, nil
}

// GetBalance implements v1.GatewayServiceServer: it asks the bank, and names the
// payments that the answer must reflect.
func (g *gateway) GetBalance(ctx context.Context, req *v1.GetBalanceRequest) (*v1.GetBalanceResponse, error) {
	a, err := own(security.CallOf(ctx).Session, req.GetAccount())
	if err != nil {
		return nil, err
	}
	l := g.banks[a.Bank]
	if l == nil {
		return nil, rpc.Errorf(rpc.NotFound, "there is no bank %s any more", a.Bank)
	}
	out, err := g.await(ctx, func(request uint64) coordinator.In { return coordinator.Balance{Request: request, Account: a} })
	if err != nil {
		return nil, err
	}
	ask := &v1.ReadBalanceRequest{Bank: a.Bank, Account: a.Name}
	for _, id := range out.(tx.Balance).After {
		ask.After = append(ask.After, wire.ID(id))
	}
	found, err := l.client().ReadBalance(ctx, ask)
	if err != nil {
		return nil, bankError(a.Bank, err)
	}
	available := &v1.Money{Minor: found.GetPosted().GetMinor() - found.GetHeld().GetMinor(), Currency: found.GetPosted().GetCurrency()}
	return &v1.GetBalanceResponse{Account: account(a), Balance: found.GetPosted(), Available: available}, nil
}
