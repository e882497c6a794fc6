package server

import (
	"context"
	"errors"
	"io"
	"sync"

	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"

	"dyno/internal/rpc"
	standbyv1 "dyno/proto/standby/v1"
	"dyno/systems/standby/core"
)

// call is a unary request that waits for its reply.
type call chan *core.Reply

func (c call) receive(r *core.Reply) { c <- r }

var calls = sync.Pool{New: func() any { return make(call, 1) }}

// ask has the core answer a request.
func (s *server) ask(ctx context.Context, q *core.Request) (*standbyv1.Answer, error) {
	r, err := s.await(ctx, func(ref uint64) core.In {
		q.Ref = ref
		return q
	})
	if err != nil {
		return nil, err
	}
	if r.Outcome <= core.TooMuch {
		return answerOf(r), nil
	}
	return nil, refusalError(s.refusal(r))
}

// await tells the core something that it replies to.
func (s *server) await(ctx context.Context, in func(ref uint64) core.In) (*core.Reply, error) {
	c := calls.Get().(call)
	ref := s.expect(c)
	if err := s.step(in(ref)); err != nil {
		s.forget(ref)
		return nil, rpc.Errorf(rpc.Unavailable, "the server stops: %v", err)
	}
	select {
	case r := <-c:
		calls.Put(c)
		return r, nil
	case <-ctx.Done():
		s.forget(ref)
		return nil, status.FromContextError(ctx.Err()).Err()
	}
}

// Lookup implements standbyv1.AccountServiceServer.
func (s *server) Lookup(ctx context.Context, r *standbyv1.LookupRequest) (*standbyv1.LookupResponse, error) {
	a, err := s.ask(ctx, request(r.GetCaller(), core.Lookup, r.GetAccount(), 0))
	if err != nil {
		return nil, err
	}
	return &standbyv1.LookupResponse{Answer: a}, nil
}

// Withdraw implements standbyv1.AccountServiceServer.
func (s *server) Withdraw(ctx context.Context, r *standbyv1.WithdrawRequest) (*standbyv1.WithdrawResponse, error) {
	a, err := s.ask(ctx, request(r.GetCaller(), core.Withdraw, r.GetAccount(), r.GetAmount()))
	if err != nil {
		return nil, err
	}
	return &standbyv1.WithdrawResponse{Answer: a}, nil
}

// Deposit implements standbyv1.AccountServiceServer.
func (s *server) Deposit(ctx context.Context, r *standbyv1.DepositRequest) (*standbyv1.DepositResponse, error) {
	a, err := s.ask(ctx, request(r.GetCaller(), core.Deposit, r.GetAccount(), r.GetAmount()))
	if err != nil {
		return nil, err
	}
	return &standbyv1.DepositResponse{Answer: a}, nil
}

// request is what the core is asked.
func request(c *standbyv1.Caller, kind core.Kind, account string, amount int64) *core.Request {
	return &core.Request{
		Client: c.GetClient(), Number: c.GetNumber(), SeenEpoch: c.GetSeenEpoch(), SeenAction: c.GetSeenAction(), Promote: c.GetPromote(),
		Kind: kind, Account: account, Amount: amount,
	}
}

// Act implements standbyv1.AccountServiceServer.
func (s *server) Act(stream standbyv1.AccountService_ActServer) error {
	a := &acting{server: s, wake: make(chan struct{}, 1), asked: map[uint64]*standbyv1.ActRequest_Item{}}
	sent := make(chan error, 1)
	go func() { sent <- a.send(stream) }()
	err := s.untilClosed(func() error {
		m, err := stream.Recv()
		if err != nil {
			return err
		}
		return a.take(m.GetItems())
	})
	if errors.Is(err, io.EOF) {
		a.finish()
		return <-sent
	}
	a.end()
	return errors.Join(err, <-sent)
}

// maxAsked bounds the requests of one stream that wait for their answers.
const maxAsked = 4096

// acting is one stream of requests.
type acting struct {
	server *server
	wake   chan struct{}

	mu       sync.Mutex
	asked    map[uint64]*standbyv1.ActRequest_Item // by ref
	answers  []*standbyv1.ActResponse_Item
	finished bool // nothing more will be asked
	ended    bool
}

// take has the core answer requests.
func (a *acting) take(items []*standbyv1.ActRequest_Item) error {
	ins := make([]core.In, 0, len(items))
	for _, i := range items {
		ref := a.server.expect(a)
		a.mu.Lock()
		a.asked[ref] = i
		waiting := len(a.asked)
		a.mu.Unlock()
		if waiting > maxAsked {
			return rpc.Errorf(rpc.Refused, "%d requests of a stream wait for their answers", waiting)
		}
		q := request(i.GetCaller(), kinds[i.GetOperation()], i.GetAccount(), i.GetAmount())
		q.Ref = ref
		ins = append(ins, q)
	}
	if err := a.server.host.Steps(ins...); err != nil {
		return rpc.Errorf(rpc.Unavailable, "the server stops: %v", err)
	}
	return nil
}

var kinds = map[standbyv1.Operation]core.Kind{
	standbyv1.Operation_OPERATION_LOOKUP:   core.Lookup,
	standbyv1.Operation_OPERATION_WITHDRAW: core.Withdraw,
	standbyv1.Operation_OPERATION_DEPOSIT:  core.Deposit,
}

// receive implements receiver.
func (a *acting) receive(r *core.Reply) {
	a.mu.Lock()
	i := a.asked[r.Ref]
	delete(a.asked, r.Ref)
	if i != nil {
		answer := &standbyv1.ActResponse_Item{Client: i.GetCaller().GetClient(), Number: i.GetCaller().GetNumber()}
		if r.Outcome <= core.TooMuch {
			answer.Result = &standbyv1.ActResponse_Item_Answer{Answer: answerOf(r)}
		} else {
			answer.Result = &standbyv1.ActResponse_Item_Refusal{Refusal: a.server.refusal(r)}
		}
		a.answers = append(a.answers, answer)
	}
	a.mu.Unlock()
	signal(a.wake)
}

// send sends answers as they come, as many at once as there are.
func (a *acting) send(stream standbyv1.AccountService_ActServer) error {
	for range a.wake {
		a.mu.Lock()
		answers := a.answers
		a.answers = nil
		over := a.ended || a.finished && len(a.asked) == 0
		a.mu.Unlock()
		if len(answers) > 0 {
			if err := stream.Send(&standbyv1.ActResponse{Items: answers}); err != nil {
				return err
			}
		}
		if over {
			break
		}
	}
	return nil
}

// finish has the stream end when all is answered.
func (a *acting) finish() {
	a.mu.Lock()
	a.finished = true
	a.mu.Unlock()
	signal(a.wake)
}

// end gives up what is not answered.
func (a *acting) end() {
	a.mu.Lock()
	a.ended = true
	refs := a.asked
	a.asked = map[uint64]*standbyv1.ActRequest_Item{}
	a.mu.Unlock()
	for ref := range refs {
		a.server.forget(ref)
	}
	signal(a.wake)
}

// signal wakes who waits for it, or is about to.
func signal(wake chan struct{}) {
	select {
	case wake <- struct{}{}:
	default:
	}
}

// refusalError puts a refusal on the wire.
func refusalError(r *standbyv1.Refusal) error {
	code := codes.Unavailable
	switch r.GetReason() {
	case standbyv1.Refusal_REASON_INVALID:
		code = codes.InvalidArgument
	case standbyv1.Refusal_REASON_LOST, standbyv1.Refusal_REASON_FORGOTTEN, standbyv1.Refusal_REASON_OVER:
		code = codes.FailedPrecondition
	}
	st, err := status.New(code, r.GetMessage()).WithDetails(r)
	if err != nil {
		return status.Error(codes.Internal, err.Error())
	}
	return st.Err()
}
