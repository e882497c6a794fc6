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

// unary balances one call: it asks who is to serve, and does so again when that
// server breaks off.
func (b *Builder) unary(
	ctx context.Context, method string, req, reply any, cc *grpc.ClientConn, invoke grpc.UnaryInvoker, opts ...grpc.CallOption,
) error {
	l := b.link(cc)
	if l == nil {
		return rpc.Errorf(rpc.Unavailable, "%s is closed", cc.CanonicalTarget())
	}
	attempt := func(c *call) error {
		if b.cfg.Attempt > 0 {
			var cancel context.CancelFunc
			c.Context, cancel = context.WithTimeout(ctx, b.cfg.Attempt)
			defer cancel()
		}
		return invoke(c, method, req, reply, cc, opts...)
	}
	trace := traceOf(opts)
	var pause backoff.Backoff
	for retries := 0; ; retries++ {
		if retries > 1 { // one bad server is the usual case; several in a row are a matter of time
			pause.Wait(ctx, nil)
		}
		c, err := l.choose(ctx)
		if err != nil {
			return err
		}
		begin := time.Now()
		err = attempt(c)
		trace.add(c, begin, err)
		if err == nil {
			b.budget.answered()
			return nil
		}
		if !brokeOff(err) || ctx.Err() != nil || c.none() && rpc.KindOf(err) != rpc.None {
			return err
		}
		l.report(c)
		if !b.mayRetry(method, retries) {
			return err
		}
		b.retried.Add(1)
	}
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
		return nil, rpc.Errorf(rpc.Unavailable, "%s is closed", cc.CanonicalTarget())
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
