package client

import (
	"context"
	"time"

	standbyv1 "dyno/proto/standby/v1"
)

// unary sends each request in a call of its own.
type unary struct {
	client  standbyv1.AccountServiceClient
	attempt time.Duration
}

func (u unary) ask(ctx context.Context, i *standbyv1.ActRequest_Item) (*standbyv1.Answer, error) {
	ctx, cancel := context.WithTimeout(ctx, u.attempt)
	defer cancel()
	var resp interface{ GetAnswer() *standbyv1.Answer }
	var err error
	switch i.GetOperation() {
	case standbyv1.Operation_OPERATION_WITHDRAW:
		resp, err = u.client.Withdraw(ctx, &standbyv1.WithdrawRequest{Caller: i.GetCaller(), Account: i.GetAccount(), Amount: i.GetAmount()})
	case standbyv1.Operation_OPERATION_DEPOSIT:
		resp, err = u.client.Deposit(ctx, &standbyv1.DepositRequest{Caller: i.GetCaller(), Account: i.GetAccount(), Amount: i.GetAmount()})
	default:
		resp, err = u.client.Lookup(ctx, &standbyv1.LookupRequest{Caller: i.GetCaller(), Account: i.GetAccount()})
	}
	if err != nil {
		return nil, refusal(err)
	}
	return resp.GetAnswer(), nil
}

func (unary) close() {}
