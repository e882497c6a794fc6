package client

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"sync/atomic"
	"time"

	"google.golang.org/grpc"

	"dyno/internal/rpc"
	standbyv1 "dyno/proto/standby/v1"
	"dyno/systems"
	"dyno/systems/standby/config"
)

// Defaults of [Options]. Asking the other server too early does no harm: it does
// not take over while it hears from the primary.
const (
	DefaultAttempt        = 200 * time.Millisecond
	DefaultBound          = 10 * time.Second
	maxPause              = 40 * time.Millisecond // between two rounds of attempts
	roundsBeforeTheSilent = 8                     // attempts at one server before another that gave no answer is asked again
)

// names are those of the servers, in the order of the file.
var names = [2]string{config.S1, config.S2}

// Options say how to reach the bank. Hosts must be set.
type Options struct {
	Hosts config.Hosts

	// Attempt is how long a server may take to answer before the other one is
	// asked. 0: DefaultAttempt.
	Attempt time.Duration
	// Bound is how long a request is tried before it ends with an
	// [UnansweredError]. 0: DefaultBound.
	Bound time.Duration
	// Stream makes all sessions share one stream per server.
	Stream bool
	// File is the name of the hosts' file, for what errors tell operators to type.
	File string
	// Dial are further options of both connections.
	Dial []grpc.DialOption
}

// Bank is the two servers as one. It is safe for concurrent use.
type Bank struct {
	opt     Options
	witness bool
	conns   [2]*grpc.ClientConn
	askers  [2]asker
	primary atomic.Int32 // who answered last: an index of names
}

// asker sends a request to one server. The error is refused when the server
// said so; after any other the request may have been done.
type asker interface {
	ask(context.Context, *standbyv1.ActRequest_Item) (*standbyv1.Answer, error)
	close()
}

// Dial makes a bank of two servers, which need not be there yet.
func Dial(o Options) (*Bank, error) {
	b := &Bank{opt: o, witness: o.Hosts.Witness != ""}
	b.opt.Bound = cmp.Or(o.Bound, DefaultBound)
	b.opt.Attempt = cmp.Or(o.Attempt, DefaultAttempt)
	if b.opt.Bound < 0 || b.opt.Attempt < 0 {
		return nil, errors.New("client: Attempt and Bound must not be negative")
	}
	for i, addr := range []string{o.Hosts.S1, o.Hosts.S2} {
		conn, err := rpc.Dial(addr, o.Dial...)
		if err != nil {
			b.Close()
			return nil, systems.Usagef("%s at %q: %w", names[i], addr, err)
		}
		conn.Connect() // so that the standby can be asked at once when it is needed
		b.conns[i] = conn
		if o.Stream {
			b.askers[i] = newStream(standbyv1.NewAccountServiceClient(conn), b.opt.Attempt)
		} else {
			b.askers[i] = unary{standbyv1.NewAccountServiceClient(conn), b.opt.Attempt}
		}
	}
	return b, nil
}

// Close ends the connections; requests under way get no answer.
func (b *Bank) Close() {
	for i, conn := range b.conns {
		if conn != nil {
			b.askers[i].close()
			_ = conn.Close() // fails when it is closed already
		}
	}
}

// Session makes a client with a name of its own, drawn at random.
func (b *Bank) Session() *Session {
	id := rand.Uint64()
	for id == 0 {
		id = rand.Uint64()
	}
	return &Session{bank: b, client: id}
}

// Status is what a server says of itself.
type Status struct {
	Name   string // s1 or s2, in the hosts' file
	Addr   string
	Status *standbyv1.StatusResponse
	Err    error // there is no answer, and why
}

// Status asks both servers.
func (b *Bank) Status(ctx context.Context) [2]Status {
	var out [2]Status
	done := make(chan struct{})
	for i, addr := range []string{b.opt.Hosts.S1, b.opt.Hosts.S2} {
		go func() {
			defer func() { done <- struct{}{} }()
			ctx, cancel := context.WithTimeout(ctx, b.opt.Attempt)
			defer cancel()
			s, err := standbyv1.NewAccountServiceClient(b.conns[i]).Status(ctx, &standbyv1.StatusRequest{}, grpc.WaitForReady(true))
			out[i] = Status{names[i], addr, s, err}
		}()
	}
	<-done
	<-done
	return out
}

// AcceptLoss has whichever server is the primary serve those again who have seen
// actions that are lost, and returns which these are.
func (b *Bank) AcceptLoss(ctx context.Context) ([]*standbyv1.Lost, error) {
	var errs []error
	for i, conn := range b.conns {
		ctx, cancel := context.WithTimeout(ctx, b.opt.Bound)
		answer, err := standbyv1.NewAccountServiceClient(conn).AcceptLoss(ctx, &standbyv1.AcceptLossRequest{})
		cancel()
		if err == nil {
			return answer.GetLost(), nil
		}
		errs = append(errs, fmt.Errorf("%s: %s", names[i], Reason(err)))
	}
	return nil, errors.Join(errs...)
}

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

// maxBound is as long as anybody waits for a bank.
const maxBound = time.Hour

// Bind declares the flags that say how to reach the bank; what it returns is
// called once they are parsed, and dials.
func Bind(fs systems.FlagSet) func() (*Bank, error) {
	o := &Options{}
	fs.StringVar(&o.File, "config", config.DefaultFile, "`FILE` with the servers' addresses, such as "+config.HostsExample)
	fs.DurationVar(&o.Attempt, "attempt", DefaultAttempt, "how long a server may take to answer before the other one is asked")
	fs.DurationVar(&o.Bound, "bound", DefaultBound, "how long a request is tried")
	return func() (bank *Bank, err error) {
		if o.Attempt <= 0 || o.Bound <= 0 || o.Bound > maxBound {
			return nil, systems.Usagef("--attempt %v --bound %v: give times above 0s, and a bound of %v at most", o.Attempt, o.Bound, maxBound)
		}
		if o.Hosts, err = config.ReadHosts(o.File); err != nil {
			return nil, err
		}
		return Dial(*o)
	}
}
