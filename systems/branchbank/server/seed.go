package server

import (
	"context"
	"fmt"
	"strconv"
	"strings"

	"dyno/internal/replica"
	"dyno/proto/seed/bankservice"
	"dyno/systems/branchbank/core/branch"
)

// seedService is the course's service on the same engine.
type seedService struct {
	bankservice.UnimplementedBankServiceServer
	branch *Branch
}

func refused(format string, args ...any) *bankservice.ResponseMessage {
	return &bankservice.ResponseMessage{Message: fmt.Sprintf(format, args...)}
}

// do asks the core and puts its answer in the course's words.
func (s seedService) do(ctx context.Context, a branch.Ask) (*bankservice.ResponseMessage, error) {
	if a.Kind != branch.Query && a.Amount < 1 {
		return refused("an amount of %d: give 1 or more", a.Amount), nil
	}
	answer, err := s.branch.ask(ctx, a)
	switch {
	case err != nil:
		return nil, err
	case answer.Status != branch.Done:
		return refused("%s", answer.Reason), nil
	case a.Kind == branch.Query:
		return &bankservice.ResponseMessage{Message: strconv.FormatInt(answer.Balance, 10), Success: true}, nil
	}
	return &bankservice.ResponseMessage{Message: "success", Success: true}, nil
}

// events are those of MsgDelivery.
var events = map[string]branch.Kind{"query": branch.Query, "deposit": branch.Deposit, "withdraw": branch.Withdraw}

// MsgDelivery implements bankservice.BankServiceServer.
func (s seedService) MsgDelivery(ctx context.Context, req *bankservice.CustomerRequest) (*bankservice.ResponseMessage, error) {
	kind, ok := events[strings.ToLower(req.GetEvent())]
	if !ok {
		return refused("event %q is none of query, deposit, withdraw", req.GetEvent()), nil
	}
	return s.customer(ctx, kind, req)
}

func (s seedService) customer(ctx context.Context, kind branch.Kind, req *bankservice.CustomerRequest,
) (*bankservice.ResponseMessage, error) {
	return s.do(ctx, branch.Ask{Kind: kind, Amount: int64(req.GetAmount()), Request: req.GetRequestId()})
}

// Query implements bankservice.BankServiceServer.
func (s seedService) Query(ctx context.Context, _ *bankservice.BalanceQuery) (*bankservice.ResponseMessage, error) {
	return s.do(ctx, branch.Ask{Kind: branch.Query})
}

// Withdraw implements bankservice.BankServiceServer.
func (s seedService) Withdraw(ctx context.Context, req *bankservice.CustomerRequest) (*bankservice.ResponseMessage, error) {
	return s.customer(ctx, branch.Withdraw, req)
}

// Deposit implements bankservice.BankServiceServer.
func (s seedService) Deposit(ctx context.Context, req *bankservice.CustomerRequest) (*bankservice.ResponseMessage, error) {
	return s.customer(ctx, branch.Deposit, req)
}

// Propagate_Withdraw implements bankservice.BankServiceServer.
func (s seedService) Propagate_Withdraw(ctx context.Context, req *bankservice.BranchRequest) (*bankservice.ResponseMessage, error) {
	return s.propagate(ctx, branch.Withdraw, req)
}

// Propagate_Deposit implements bankservice.BankServiceServer.
func (s seedService) Propagate_Deposit(ctx context.Context, req *bankservice.BranchRequest) (*bankservice.ResponseMessage, error) {
	return s.propagate(ctx, branch.Deposit, req)
}

// propagate applies a write of another branch, or a term from outside if the
// caller does not say whose it is.
func (s seedService) propagate(ctx context.Context, kind branch.Kind, req *bankservice.BranchRequest,
) (*bankservice.ResponseMessage, error) {
	origin, seq, amount := ID(req.GetOrigin()), req.GetSequence(), int64(req.GetAmount())
	switch {
	case origin == 0 && seq == 0:
		return s.do(ctx, branch.Ask{Kind: kind, Amount: amount, External: true})
	case amount < 1:
		return refused("an amount of %d: give 1 or more", amount), nil
	case seq == 0 || s.branch.links[origin] == nil:
		return refused("write %d of branch %d: give an origin that is another branch of the group, and a sequence from 1", seq, origin), nil
	}
	var m branch.Message
	m.Kind, m.From, m.To = replica.Push, origin, s.branch.opt.Core.Self
	m.Writes = []replica.Write[branch.Body]{{Origin: origin, Seq: seq, Body: branch.Body{Kind: kind, Amount: amount}}}
	answer, err := s.branch.reply(ctx, m)
	if err != nil {
		return nil, err
	}
	resp := &bankservice.ResponseMessage{Message: "applied", Success: answer.Has >= seq, Applied: answer.Has}
	if !resp.Success {
		resp.Message = fmt.Sprintf("it waits for write %d of branch %d", answer.Has+1, origin)
	}
	return resp, nil
}
