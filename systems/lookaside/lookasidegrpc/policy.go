package lookasidegrpc

import (
	"cmp"
	"slices"
	"sync"

	"google.golang.org/grpc/attributes"
	"google.golang.org/grpc/balancer"
	"google.golang.org/grpc/connectivity"
	"google.golang.org/grpc/resolver"

	"dyno/internal/rpc"
	lookasidev1 "dyno/proto/lookaside/v1"
)

// policyName is what gRPC knows the policy by.
const policyName = "dyno_lookaside"

// What the resolver hands to the policy, as attributes: of the whole state, and
// of each endpoint.
type (
	linkKey  struct{}
	entryKey struct{}

	// entry is an endpoint by value: attributes are compared.
	entry struct {
		Server
		capacity float64
		revision int64
		avoid    bool
	}
)

func withLink(l *link) *attributes.Attributes { return attributes.New(linkKey{}, l) }

func withEntry(e *lookasidev1.Endpoint) *attributes.Attributes {
	return attributes.New(entryKey{}, entry{
		Server:   Server{ID: e.GetId(), Instance: e.GetInstance(), Address: e.GetAddress()},
		capacity: e.GetCapacity(), revision: e.GetRevision(), avoid: e.GetAvoid(),
	})
}

type policyBuilder struct{}

// Name implements [balancer.Builder].
func (policyBuilder) Name() string { return policyName }

// Build implements [balancer.Builder].
func (policyBuilder) Build(cc balancer.ClientConn, _ balancer.BuildOptions) balancer.Balancer {
	p := &policy{cc: cc, servers: make(map[Server]*peer)}
	p.err = balancer.ErrNoSubConnAvailable
	return p
}

// policy keeps a connection to every server on the list, and to those that the
// balancer names before its list does.
type policy struct {
	cc balancer.ClientConn

	mu      sync.Mutex // picks that name unknown servers come from anywhere
	link    *link
	servers map[Server]*peer
	err     error // what calls are told while there is no server
	closed  bool
}

// UpdateClientConnState implements [balancer.Balancer].
func (p *policy) UpdateClientConnState(s balancer.ClientConnState) error {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.link, _ = s.ResolverState.Attributes.Value(linkKey{}).(*link)
	listed := make(map[Server]bool, len(s.ResolverState.Endpoints))
	for _, e := range s.ResolverState.Endpoints {
		if e, ok := e.Attributes.Value(entryKey{}).(entry); ok {
			listed[e.Server] = true
			p.admit(e)
		}
	}
	for key, s := range p.servers {
		if !listed[key] {
			delete(p.servers, key)
			s.conn.Shutdown() // once its calls are done
		}
	}
	p.err = rpc.Errorf(rpc.Unavailable, "no server is registered for service %q", p.link.service)
	p.publish()
	return nil
}

// admit adds a server or notes what is new about it; mu is held.
func (p *policy) admit(e entry) {
	if s := p.servers[e.Server]; s != nil {
		s.learn(e)
		return
	}
	s := &peer{Server: e.Server}
	s.learn(e)
	s.state.Store(int32(connectivity.Idle))
	//lint:ignore SA1019 it is given one address, as it will have to be; there is no other way to make a connection
	conn, err := p.cc.NewSubConn([]resolver.Address{{Addr: e.Address}}, balancer.NewSubConnOptions{
		StateListener: func(st balancer.SubConnState) { p.changed(s, st) },
	})
	if err != nil {
		return // the channel is closing
	}
	s.conn = conn
	p.servers[e.Server] = s
	conn.Connect()
}

// adopt connects to a server that the balancer has named and that the list does
// not have, yet or any more: then the next list removes it.
func (p *policy) adopt(named Server) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.closed || p.servers[named] != nil {
		return
	}
	p.admit(entry{Server: named, capacity: 1})
	p.publish()
}

// changed notes the state of a connection.
func (p *policy) changed(s *peer, st balancer.SubConnState) {
	if st.ConnectivityState == connectivity.Idle {
		s.conn.Connect() // each server is to be there when it is picked
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	if st.ConnectionError != nil {
		s.lastErr.Store(&st.ConnectionError)
	}
	// A server that could not be reached stays so until it can: callers that
	// wait for each attempt in between would wait for nothing.
	was := connectivity.State(s.state.Load())
	if was == connectivity.TransientFailure && st.ConnectivityState != connectivity.Ready {
		return
	}
	s.state.Store(int32(st.ConnectivityState))
	if p.servers[s.Server] == s && !p.closed {
		p.publish()
	}
}

// publish hands gRPC a picker for what there is now; mu is held.
func (p *policy) publish() {
	k := &picker{policy: p, link: p.link, err: p.err, byServer: make(map[Server]*peer, len(p.servers))}
	state := connectivity.TransientFailure
	for key, s := range p.servers {
		k.byServer[key] = s
		switch connectivity.State(s.state.Load()) {
		case connectivity.Ready:
			k.ready = append(k.ready, s)
			state = connectivity.Ready
		case connectivity.Connecting, connectivity.Idle:
			k.connecting = true
			if state != connectivity.Ready {
				state = connectivity.Connecting
			}
		default:
			k.lastErr = s.lastErr.Load()
		}
	}
	if p.err == balancer.ErrNoSubConnAvailable {
		state = connectivity.Connecting
	}
	slices.SortFunc(k.ready, func(a, b *peer) int { return cmp.Or(cmp.Compare(a.revision, b.revision), cmp.Compare(a.ID, b.ID)) })
	k.good = slices.DeleteFunc(slices.Clone(k.ready), func(s *peer) bool { return s.avoid })
	p.cc.UpdateState(balancer.State{ConnectivityState: state, Picker: k})
}

// ResolverError implements [balancer.Balancer]: without servers, calls are told.
func (p *policy) ResolverError(err error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.err = err
	p.publish()
}

// UpdateSubConnState implements [balancer.Balancer]; StateListener is used.
func (p *policy) UpdateSubConnState(balancer.SubConn, balancer.SubConnState) {}

// ExitIdle implements [balancer.Balancer]: connections are never idle.
func (p *policy) ExitIdle() {}

// Close implements [balancer.Balancer].
func (p *policy) Close() {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.closed = true
	for _, s := range p.servers {
		s.conn.Shutdown()
	}
}
