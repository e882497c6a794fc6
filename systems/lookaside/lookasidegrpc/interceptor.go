package lookasidegrpc

import (
	"context"
	"sync/atomic"
	"time"

	"dyno/internal/backoff"

	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"

	"dyno/internal/rpc"
)

// unary makes what balances a call: it asks who is to serve, and does so again when
// that server breaks off. Every call that waits for its answer holds this frame: it is
// small, and what is rare has its own.
func (b *Builder) unary() grpc.UnaryClientInterceptor {
	return func(
		ctx context.Context, method string, req, reply any, cc *grpc.ClientConn, invoke grpc.UnaryInvoker, opts ...grpc.CallOption,
	) error {
		l := b.link(cc)
		if l == nil {
			return closed(cc)
		}
		var pause backoff.Backoff
		for retries := 0; ; retries++ {
			c, err := l.choose(ctx)
			if err != nil {
				return err
			}
			begin, cancel := time.Now(), c.bound(b.cfg.Attempt)
			err = invoke(c, method, req, reply, cc, opts...)
			cancel()
			traceOf(opts).add(c, begin, err)
			if err == nil {
				b.budget.answered()
				return nil
			}
			if !b.again(ctx, l, c, method, retries, err, &pause) {
				return err
			}
		}
	}
}

//go:noinline
func closed(cc *grpc.ClientConn) error {
	return rpc.Errorf(rpc.Unavailable, "%s is closed", cc.CanonicalTarget())
}

// bound gives an attempt its time, if that has a bound.
func (c *call) bound(length time.Duration) (cancel context.CancelFunc) {
	if length <= 0 {
		return func() {}
	}
	c.Context, cancel = context.WithTimeout(c.Context, length)
	return cancel
}

// again says whether a call is made once more, and waits before the third time.
func (b *Builder) again(
	ctx context.Context, l *link, c *call, method string, retries int, err error, pause *backoff.Backoff,
) bool {
	if !brokeOff(err) || ctx.Err() != nil || c.none() && rpc.KindOf(err) != rpc.None {
		return false
	}
	l.report(c)
	if !b.mayRetry(method, retries) {
		return false
	}
	b.retried.Add(1)
	if retries > 0 { // one bad server is the usual case; several in a row are a matter of time
		pause.Wait(ctx, nil)
	}
	return true
}

func (b *Builder) mayRetry(method string, retries int) bool {
	if retries >= b.cfg.Retries || b.cfg.Retry == nil || !b.cfg.Retry(method) {
		return false
	}
	if !b.budget.take() {
		b.broke.Add(1)
		return false
	}
	return true
}

// stream balances a stream, once: what it has exchanged cannot be made again.
func (b *Builder) stream(
	ctx context.Context, desc *grpc.StreamDesc, cc *grpc.ClientConn, method string, open grpc.Streamer, opts ...grpc.CallOption,
) (grpc.ClientStream, error) {
	l := b.link(cc)
	if l == nil {
		return nil, closed(cc)
	}
	c, err := l.choose(ctx)
	if err != nil {
		return nil, err
	}
	begin := time.Now()
	s, err := open(c, desc, cc, method, opts...)
	traceOf(opts).add(c, begin, err)
	if err != nil && brokeOff(err) && ctx.Err() == nil {
		l.report(c)
	}
	return s, err
}

// choose asks the balancer in mode Ask; else the picker will choose.
func (l *link) choose(ctx context.Context) (*call, error) {
	if l.builder.cfg.Mode != Ask {
		return &call{Context: ctx}, nil
	}
	p := l.asker.ask(ctx)
	switch {
	case p.err != nil && p.err == ctx.Err():
		return nil, status.FromContextError(p.err).Err()
	case p.err != nil:
		return nil, p.err
	case p.server == nil:
		l.builder.alone.Add(1)
	}
	return &call{Context: ctx, named: p.server}, nil
}

// report tells the balancer of the server that broke an attempt off, and avoids
// it here for a while.
func (l *link) report(c *call) {
	if s := c.used; s != nil {
		s.doubt(l.chooser)
		l.asker.report(s.Server)
	} else if c.named != nil {
		l.asker.report(*c.named)
	}
}

// brokeOff says that a server did not do the work: the connection failed, it
// took longer than an attempt may, or it said itself that it cannot serve.
func brokeOff(err error) bool {
	switch rpc.KindOf(err) {
	case rpc.None:
	case rpc.Unavailable:
		return true
	default:
		return false
	}
	switch status.Code(err) {
	case codes.Unavailable, codes.DeadlineExceeded, codes.Canceled:
		return true
	default:
		return false
	}
}

// traceOf finds the call's [Trace], if it has one.
func traceOf(opts []grpc.CallOption) *Trace {
	for _, o := range opts {
		if t, ok := o.(*Trace); ok {
			return t
		}
	}
	return nil
}

func (t *Trace) add(c *call, at time.Time, err error) {
	if t == nil {
		return
	}
	a := Attempt{At: at, Err: err}
	if c.used != nil {
		a.Server = c.used.Server
	} else if c.named != nil {
		a.Server = *c.named
	}
	t.Attempts = append(t.Attempts, a)
}

// answersPerRetry is how many answers earn a retry.
const answersPerRetry = 5

// budget bounds retries, so that clients of an overloaded service do not double
// its load: a bucket that starts full, pays for each retry, and is refilled by
// answers.
type budget struct {
	most  int64         // in fifths of a retry, as all counts here
	spent *atomic.Int64 // 0 to most
}

func newBudget(retries int) budget {
	return budget{most: int64(retries) * answersPerRetry, spent: new(atomic.Int64)}
}

// answered refills. It is cheap while the bucket is full, as it mostly is.
func (b budget) answered() {
	if n := b.spent.Load(); n > 0 {
		b.spent.CompareAndSwap(n, n-1) // lost to another one now and then
	}
}

// take pays for a retry, if there is enough.
func (b budget) take() bool {
	if b.spent.Add(answersPerRetry) <= b.most {
		return true
	}
	b.spent.Add(-answersPerRetry)
	return false
}
