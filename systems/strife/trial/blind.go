package trial

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"slices"
	"strings"

	"google.golang.org/grpc"

	ops "dyno/bench/history"
	"dyno/bench/story"
	"dyno/internal/record"
	strifev1 "dyno/proto/strife/v1"
	"dyno/systems"
	"dyno/systems/strife/check"
	"dyno/systems/strife/core/coordinator"
	"dyno/systems/strife/core/tx"
	"dyno/systems/strife/security"
	"dyno/systems/strife/site"
)

// blind says that another program stands in for a server: then there are no
// journals to be read, and the answers are all there is.
func blind(s systems.Setting) bool { return s.Stands("gateway") || s.Stands("bank") }

// login opens a session.
func (t *town) login(ctx context.Context, u site.MadeUser) (*grpc.ClientConn, context.Context, error) {
	me := security.Party{Role: security.Client, Name: u.User}
	conn, err := t.dir.Dialer(me, t.addresses("load")).Dial(security.TheGateway)
	if err != nil {
		return nil, nil, err
	}
	secret, err := os.ReadFile(u.PasswordFile)
	if err == nil {
		var resp *strifev1.LoginResponse
		resp, err = strifev1.NewGatewayServiceClient(conn).Login(ctx, &strifev1.LoginRequest{
			User: u.User, Password: strings.TrimSpace(string(secret)),
		}, grpc.WaitForReady(true))
		if err == nil {
			return conn, security.WithToken(ctx, resp.GetToken()), nil
		}
	}
	return nil, nil, errors.Join(err, conn.Close())
}

// balances asks every user for his balance, when all is over.
func (t *town) balances(ctx context.Context) (map[string]int64, error) {
	ctx, cancel := context.WithTimeout(ctx, settleTimeout)
	defer cancel()
	out := make(map[string]int64)
	for _, u := range t.made.Users {
		conn, ctx, err := t.login(ctx, u)
		if err != nil {
			return nil, fmt.Errorf("after the load %s cannot log in: %w", u.User, err)
		}
		resp, err := strifev1.NewGatewayServiceClient(conn).GetBalance(ctx, &strifev1.GetBalanceRequest{})
		if err := errors.Join(err, conn.Close()); err != nil {
			return nil, fmt.Errorf("after the load the balance of %s: %w", u.User, err)
		}
		out[tx.Account{Bank: u.Bank, Name: u.Account}.String()] = resp.GetBalance().GetMinor()
	}
	return out, nil
}

// judgeAnswers holds the balances that users have in the end against what they
// were told.
func (h *history) judgeAnswers() []record.Check {
	bank := ops.Bank{Initial: map[string]int64{}}
	var sum int64
	for account, n := range h.Balances {
		bank.Initial[account] = opening
		sum += n - opening
	}
	total := record.Pass("I1 conservation", int64(len(h.Balances)))
	if sum != 0 {
		total = record.Fail(total.Name, total.Examined, "all balances together are %d minor units more than they were", sum)
	}
	all := legs(h.Evidence.Calls)
	final := []ops.Replica{{Name: "at the end", Balances: h.Balances}}
	out := []record.Check{total, bank.Conserved(all, final).Check("I3 atomicity"), check.Told(h.Evidence.Calls)}
	if f := bank.Regular(all); f.Examined > 0 {
		out = append(out, f.Check("I10 fresh reads"))
	}
	return out
}

// legs are the calls as operations on accounts: a payment takes from one and gives
// to another.
func legs(calls []check.Call) (out []ops.BankOp) {
	for i, c := range calls {
		op := ops.BankOp{Seq: int32(i), Begin: int64(c.Begin), End: int64(c.End)}
		if c.Kind == check.CallBalance {
			if c.End != check.Never {
				op.Outcome, op.Output.Balance = record.OK, c.Posted
				op.Input = ops.BankInput{Kind: ops.Query, Account: c.Account.String()}
				out = append(out, op)
			}
			continue
		}
		p := c.Payment
		if c.Kind != check.CallPay {
			p = c.Receipt.Payment
		}
		if p == (tx.Payment{}) {
			continue // of what was cancelled before anybody heard of it
		}
		switch {
		case c.End == check.Never || !c.Receipt.Status.Final():
			op.Outcome = record.Unknown
		case c.Receipt.Status == coordinator.Paid:
			op.Outcome = record.OK
		default:
			op.Outcome = record.Failed
		}
		from, to := op, op
		from.Input = ops.BankInput{Kind: ops.Withdraw, Account: p.From.String(), Amount: p.Amount.Minor, Request: c.User + "/" + c.Key + "/from"}
		to.Input = ops.BankInput{Kind: ops.Deposit, Account: p.To.String(), Amount: p.Amount.Minor, Request: c.User + "/" + c.Key + "/to"}
		out = append(out, from, to)
	}
	return out
}

// Explain tells what broke a promise in the trial that left a bundle, by what
// users were told.
func Explain(bundle string, svg io.Writer) ([]string, error) {
	var h history
	if err := systems.ReadHistory(bundle, &h); err != nil {
		return nil, err
	}
	bank := ops.Bank{Initial: map[string]int64{}}
	told := ops.Told{Ops: legs(h.Evidence.Calls)}
	for account, n := range h.Balances {
		bank.Initial[account] = opening
		told.Replicas = append(told.Replicas, ops.Replica{Name: "account " + account, Balances: map[string]int64{account: n}})
	}
	slices.SortFunc(told.Replicas, func(a, b ops.Replica) int { return strings.Compare(a.Name, b.Name) })
	users := make(map[string]int32)
	user := func(o ops.BankOp) string { return h.Evidence.Calls[o.Seq].User }
	for i, o := range told.Ops {
		if _, known := users[user(o)]; !known {
			users[user(o)] = int32(len(users))
		}
		told.Ops[i].Client = users[user(o)]
	}
	told.Name = func(o ops.BankOp) string { return "user " + user(o) }
	told.Server = func(o ops.BankOp) string { return "account " + o.Input.Account }
	return story.Bank(bank, told).Tell(svg)
}
