package client_test

import (
	"context"
	"errors"
	"net"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"
	"google.golang.org/grpc/test/bufconn"

	"dyno/internal/rpc"
	standbyv1 "dyno/proto/standby/v1"
	"dyno/systems/standby/client"
	"dyno/systems/standby/config"
)

type (
	item    = standbyv1.ActRequest_Item
	answer  = standbyv1.Answer
	refusal = standbyv1.Refusal
)

// fake is a server that answers as a test says.
type fake struct {
	standbyv1.UnimplementedAccountServiceServer
	lis *bufconn.Listener

	mu     sync.Mutex
	answer func(*item) any // *answer, *refusal, an error; nil: never
	items  []*item         // that came
	sizes  []int           // of messages on streams
	conns  []net.Conn
	losses []*standbyv1.Lost
	status *standbyv1.StatusResponse
}

// Accept implements net.Listener: kill ends what it returned.
func (f *fake) Accept() (net.Conn, error) {
	c, err := f.lis.Accept()
	f.mu.Lock()
	defer f.mu.Unlock()
	f.conns = append(f.conns, c)
	return c, err
}

func (f *fake) Close() error   { return f.lis.Close() }
func (f *fake) Addr() net.Addr { return f.lis.Addr() }

// kill ends it without a word.
func (f *fake) kill() {
	_ = f.lis.Close()
	f.mu.Lock()
	defer f.mu.Unlock()
	for _, c := range f.conns {
		if c != nil {
			_ = c.Close()
		}
	}
}

func (f *fake) script(answer func(*item) any) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.answer = answer
}

// came is what it was asked so far.
func (f *fake) came() []*item {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.items
}

func (f *fake) one(ctx context.Context, i *item) (any, error) {
	f.mu.Lock()
	f.items = append(f.items, i)
	answer := f.answer
	f.mu.Unlock()
	said := answer(i)
	switch said := said.(type) {
	case nil:
		<-ctx.Done()
		return nil, ctx.Err()
	case error:
		return nil, said
	}
	return said, nil
}

// unary answers a call of its own.
func (f *fake) unary(ctx context.Context, c *standbyv1.Caller, op standbyv1.Operation, account string, amount int64) (*answer, error) {
	said, err := f.one(ctx, &item{Caller: c, Operation: op, Account: account, Amount: amount})
	if no, ok := said.(*refusal); ok {
		code := codes.Unavailable
		switch no.GetReason() {
		case standbyv1.Refusal_REASON_LOST, standbyv1.Refusal_REASON_FORGOTTEN, standbyv1.Refusal_REASON_OVER:
			code = codes.FailedPrecondition
		case standbyv1.Refusal_REASON_INVALID:
			code = codes.InvalidArgument
		}
		st, err := status.New(code, no.GetMessage()).WithDetails(no)
		return nil, errors.Join(st.Err(), err)
	}
	if err != nil {
		return nil, err
	}
	return said.(*answer), nil
}

func (f *fake) Lookup(ctx context.Context, r *standbyv1.LookupRequest) (*standbyv1.LookupResponse, error) {
	a, err := f.unary(ctx, r.GetCaller(), standbyv1.Operation_OPERATION_LOOKUP, r.GetAccount(), 0)
	return &standbyv1.LookupResponse{Answer: a}, err
}

func (f *fake) Withdraw(ctx context.Context, r *standbyv1.WithdrawRequest) (*standbyv1.WithdrawResponse, error) {
	a, err := f.unary(ctx, r.GetCaller(), standbyv1.Operation_OPERATION_WITHDRAW, r.GetAccount(), r.GetAmount())
	return &standbyv1.WithdrawResponse{Answer: a}, err
}

func (f *fake) Deposit(ctx context.Context, r *standbyv1.DepositRequest) (*standbyv1.DepositResponse, error) {
	a, err := f.unary(ctx, r.GetCaller(), standbyv1.Operation_OPERATION_DEPOSIT, r.GetAccount(), r.GetAmount())
	return &standbyv1.DepositResponse{Answer: a}, err
}

// Act answers the items of a message last first; an error ends the stream.
func (f *fake) Act(s standbyv1.AccountService_ActServer) error {
	for {
		m, err := s.Recv()
		if err != nil {
			return err
		}
		f.mu.Lock()
		f.sizes = append(f.sizes, len(m.GetItems()))
		f.mu.Unlock()
		out := &standbyv1.ActResponse{}
		for n := range m.GetItems() {
			i := m.GetItems()[len(m.GetItems())-1-n]
			said, err := f.one(s.Context(), i)
			if err != nil {
				return err
			}
			o := &standbyv1.ActResponse_Item{Client: i.GetCaller().GetClient(), Number: i.GetCaller().GetNumber()}
			switch said := said.(type) {
			case *answer:
				o.Result = &standbyv1.ActResponse_Item_Answer{Answer: said}
			case *refusal:
				o.Result = &standbyv1.ActResponse_Item_Refusal{Refusal: said}
			}
			out.Items = append(out.Items, o)
		}
		if err := s.Send(out); err != nil {
			return err
		}
	}
}

func (f *fake) AcceptLoss(context.Context, *standbyv1.AcceptLossRequest) (*standbyv1.AcceptLossResponse, error) {
	if f.losses == nil {
		return nil, rpc.Errorf(rpc.Unavailable, "not the primary")
	}
	return &standbyv1.AcceptLossResponse{Lost: f.losses}, nil
}

func (f *fake) Status(context.Context, *standbyv1.StatusRequest) (*standbyv1.StatusResponse, error) {
	return f.status, nil
}

// world is a bank of two fakes, in virtual time.
type world struct {
	*testing.T
	bank   *client.Bank
	s1, s2 *fake
}

// inWorld runs a test with unary calls, and on a stream.
func inWorld(t *testing.T, o client.Options, f func(w *world)) {
	t.Helper()
	for name, stream := range map[string]bool{"unary": false, "stream": true} {
		o.Stream = stream
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				w, end := newWorld(t, o)
				defer end()
				f(w)
			})
		})
	}
}

func newWorld(t *testing.T, o client.Options) (w *world, end func()) {
	never := func(*item) any { return nil }
	w = &world{T: t, s1: &fake{lis: bufconn.Listen(1 << 20), answer: never}, s2: &fake{lis: bufconn.Listen(1 << 20), answer: never}}
	ctx, cancel := context.WithCancel(context.Background())
	var serving sync.WaitGroup
	at := map[string]*fake{"127.0.0.1:1": w.s1, "127.0.0.1:2": w.s2}
	for _, f := range at {
		serving.Go(func() {
			_ = rpc.Serve(ctx, rpc.Options{Listener: f}, func(r grpc.ServiceRegistrar) { standbyv1.RegisterAccountServiceServer(r, f) })
		})
	}
	o.Hosts.S1, o.Hosts.S2 = "127.0.0.1:1", "127.0.0.1:2"
	o.Dial = []grpc.DialOption{grpc.WithContextDialer(func(ctx context.Context, addr string) (net.Conn, error) {
		return at[addr].lis.DialContext(ctx)
	})}
	var err error
	if w.bank, err = client.Dial(o); err != nil {
		t.Fatal(err)
	}
	return w, func() {
		w.bank.Close()
		cancel()
		serving.Wait()
	}
}

// witnessed are options of a bank with a witness.
var witnessed = client.Options{Hosts: config.Hosts{Witness: "127.0.0.1:3"}}

func done(balance int64, epoch, action uint64) *answer {
	return &answer{Outcome: standbyv1.Outcome_OUTCOME_DONE, Balance: balance, Epoch: epoch, Action: action}
}

func no(r standbyv1.Refusal_Reason) *refusal { return &refusal{Reason: r, Message: r.String()} }

var notPrimary = no(standbyv1.Refusal_REASON_NOT_PRIMARY)

func always(said any) func(*item) any { return func(*item) any { return said } }

// mustDeposit deposits 5 on account a.
func (w *world) mustDeposit(s *client.Session, want int64) {
	w.Helper()
	if got, err := s.Deposit(w.Context(), "a", 5); err != nil || got != want {
		w.Fatalf("deposit: %d, %v; want %d", got, err, want)
	}
}

// took is how much virtual time passes in f.
func took(f func()) time.Duration {
	began := time.Now()
	f()
	return time.Since(began)
}
