// Package lookasidegrpc makes grpc.NewClient("lookaside:///SERVICE") a channel
// that the look-aside balancer balances. The application calls its generated
// stub as it always did; nothing else of it knows:
//
//	b, err := lookasidegrpc.New(lookasidegrpc.Config{Mode: lookasidegrpc.Ask, Find: find})
//	conn, err := grpc.NewClient("lookaside:///compute", append(b.DialOptions(), creds)...)
//
// # Ask and list
//
// Both modes follow the balancer's list of servers (Watch) and keep a
// connection to each. In [List] the picker chooses from it, without asking
// anybody. In [Ask] an interceptor asks the balancer for every call, before gRPC
// picks a connection: a grpc-go picker must not block, and one that answers "not
// yet" is asked again by every waiting call whenever anything changes. The asks
// that gather while the last frame is under way share the next one
// (PickMany), so under load a frame carries many.
//
// # Guarantees
//
//   - A service without a balancer, or without servers, is UNAVAILABLE at once,
//     by name.
//   - While the balancer cannot be reached, calls use the last list it sent;
//     [Stats] counts them. It is looked for with backoff and jitter, and wherever
//     Find says it is now.
//   - A call that a server broke off (no connection, no answer within
//     Config.Attempt, UNAVAILABLE) is reported to the balancer and, where
//     Config.Retry allows it, made again elsewhere, within a budget. Nothing
//     else is retried.
//
// Nothing is registered in init: [New] registers the balancer's name with gRPC,
// and resolvers are given to a channel by [Builder.DialOptions].
package lookasidegrpc

import (
	"fmt"
	"sync"
	"sync/atomic"
	"time"

	"google.golang.org/grpc"
	"google.golang.org/grpc/balancer"
	"google.golang.org/grpc/resolver"
)

// Builder makes balanced channels. It is safe for concurrent use.
type Builder struct {
	cfg    Config
	budget budget

	alone, retried, broke atomic.Int64

	links sync.Map // *link by target
	last  atomic.Pointer[linked]
}

// linked is the channel that called last, and its link.
type linked struct {
	cc   *grpc.ClientConn
	link *link
}

// New makes a Builder, and tells gRPC the name of its balancing policy.
func New(cfg Config) (*Builder, error) {
	cfg, err := cfg.complete()
	if err != nil {
		return nil, err
	}
	register()
	return &Builder{cfg: cfg, budget: newBudget(cfg.Budget)}, nil
}

// register makes the policy known. gRPC's registry is not locked, and holds one
// builder for all: what differs by channel travels with the resolver's state.
var register = sync.OnceFunc(func() { balancer.Register(policyBuilder{}) })

// DialOptions are what a channel needs beside its credentials. A Builder makes
// one channel for each service.
func (b *Builder) DialOptions() []grpc.DialOption {
	return []grpc.DialOption{
		grpc.WithResolvers(b),
		grpc.WithDefaultServiceConfig(`{"loadBalancingConfig":[{"` + policyName + `":{}}]}`),
		grpc.WithChainUnaryInterceptor(b.unary()),
		grpc.WithChainStreamInterceptor(b.stream),
	}
}

// Stats returns the counts as of now.
func (b *Builder) Stats() Stats {
	return Stats{Alone: b.alone.Load(), Retried: b.retried.Load(), Broke: b.broke.Load()}
}

// Settle ends the reserves of all channels, and returns what came of them: calls
// from now on are asked for one by one. It may wait for an answer of the balancer.
func (b *Builder) Settle() Reserved {
	out := Reserved{Unused: make(map[Server]int64)}
	for _, l := range b.links.Range {
		r := l.(*link).asker.settle()
		out.Used, out.Age, out.Oldest = out.Used+r.used, out.Age+r.age, max(out.Oldest, r.oldest)
		for s, n := range r.unused {
			out.Unused[s] += n
		}
	}
	if out.Used > 0 {
		out.Age /= time.Duration(out.Used)
	}
	return out
}

// Scheme implements [resolver.Builder].
func (b *Builder) Scheme() string { return Scheme }

// Build implements [resolver.Builder]: it opens the link to a service's
// balancer, which lasts until the channel closes or falls idle.
func (b *Builder) Build(target resolver.Target, cc resolver.ClientConn, _ resolver.BuildOptions) (resolver.Resolver, error) {
	l := newLink(b, target.Endpoint(), cc)
	if _, taken := b.links.LoadOrStore(target.String(), l); taken {
		l.cancel()
		return nil, fmt.Errorf("%s has a channel already: a Builder makes one for each service", target)
	}
	l.start()
	return &channel{builder: b, target: target.String(), link: l}, nil
}

// link finds a channel's link. A channel that is idle, as each is at first, has
// none until it is woken.
func (b *Builder) link(cc *grpc.ClientConn) *link {
	if at := b.last.Load(); at != nil && at.cc == cc && at.link.ctx.Err() == nil {
		return at.link
	}
	return b.find(cc)
}

func (b *Builder) find(cc *grpc.ClientConn) *link {
	target := cc.CanonicalTarget()
	for range 2 {
		if l, ok := b.links.Load(target); ok {
			b.last.Store(&linked{cc, l.(*link)})
			return l.(*link)
		}
		cc.Connect()
	}
	return nil
}

// channel is the resolver of one channel.
type channel struct {
	builder *Builder
	target  string
	link    *link
}

// ResolveNow implements [resolver.Resolver]: the list is always followed.
func (c *channel) ResolveNow(resolver.ResolveNowOptions) {}

// Close implements [resolver.Resolver].
func (c *channel) Close() {
	c.builder.links.CompareAndDelete(c.target, c.link)
	c.link.close()
}
