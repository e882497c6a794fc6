package lookasidegrpc

import (
	"context"
	"math"
	"math/rand/v2"
	"sync"
	"sync/atomic"
	"time"

	"google.golang.org/grpc/balancer"
	"google.golang.org/grpc/connectivity"
)

// peer is a server with its connection.
type peer struct {
	Server
	conn     balancer.SubConn
	revision int64 // under the policy's mu, as avoid
	avoid    bool
	capacity atomic.Uint64 // math.Float64bits
	state    atomic.Int32  // connectivity.State
	lastErr  atomic.Pointer[error]
	inFlight atomic.Int64 // calls of this client, where they are counted
	suspect  atomic.Int64 // until when this client avoids it, in nanoseconds of Unix time
}

// learn notes what the list says of a server; the policy's mu is held.
func (s *peer) learn(e entry) {
	s.revision, s.avoid = e.revision, e.avoid
	s.capacity.Store(math.Float64bits(e.capacity))
}

// load is the number of this client's calls, relative to the server's speed.
func (s *peer) load() float64 {
	return float64(s.inFlight.Load()+1) / math.Float64frombits(s.capacity.Load())
}

// call is what the interceptor and the picker of one attempt tell each other. It is
// the attempt's context, for one that held it would be one more to make for each.
type call struct {
	context.Context
	named *Server // whom the balancer chose; nil: choose here
	used  *peer   // who was picked
}

// none says that there was no server to make the call at.
func (c *call) none() bool { return c.named == nil && c.used == nil }

type callKey struct{}

// Value implements [context.Context].
func (c *call) Value(key any) any {
	if _, own := key.(callKey); own {
		return c
	}
	return c.Context.Value(key)
}

// callOf finds an attempt's call; nil for a call that passed no interceptor.
func callOf(ctx context.Context) *call {
	c, _ := ctx.Value(callKey{}).(*call)
	return c
}

// picker is a snapshot of the servers.
type picker struct {
	policy     *policy
	link       *link
	byServer   map[Server]*peer
	ready      []*peer // in the order of registration
	good       []*peer // those of ready that the balancer does not advise against
	connecting bool
	err        error  // without any server
	lastErr    *error // of a server that cannot be reached
}

// Pick implements [balancer.Picker]. It never blocks.
func (p *picker) Pick(info balancer.PickInfo) (balancer.PickResult, error) {
	c := callOf(info.Ctx)
	if c != nil && c.named != nil {
		return p.named(c)
	}
	switch {
	case len(p.ready) > 0:
	case p.connecting:
		return balancer.PickResult{}, balancer.ErrNoSubConnAvailable
	case len(p.byServer) == 0:
		return balancer.PickResult{}, p.err
	default:
		return balancer.PickResult{}, unreachable("any server", p.lastErr)
	}
	among := p.good
	if len(among) == 0 {
		among = p.ready
	}
	s, done := p.link.chooser.choose(among)
	if c != nil {
		c.used = s
	}
	return balancer.PickResult{SubConn: s.conn, Done: done}, nil
}

// named takes the server that the balancer chose.
func (p *picker) named(c *call) (balancer.PickResult, error) {
	s := p.byServer[*c.named]
	if s == nil {
		p.policy.adopt(*c.named)
		return balancer.PickResult{}, balancer.ErrNoSubConnAvailable
	}
	c.used = s
	switch connectivity.State(s.state.Load()) {
	case connectivity.Ready:
		return balancer.PickResult{SubConn: s.conn}, nil
	case connectivity.TransientFailure:
		return balancer.PickResult{}, unreachable("server "+s.ID, s.lastErr.Load())
	default:
		return balancer.PickResult{}, balancer.ErrNoSubConnAvailable
	}
}

// unreachable says that there is no connection.
func unreachable(who string, err *error) error {
	if err == nil {
		return unreachableError{who + " cannot be reached"}
	}
	return unreachableError{who + " cannot be reached: " + (*err).Error()}
}

// unreachableError has no status of its own: gRPC makes it UNAVAILABLE, or lets
// a call wait that said WaitForReady.
type unreachableError struct{ text string }

func (e unreachableError) Error() string { return e.text }

// suspicion is how long a client that chooses by itself avoids a server that
// broke off.
const suspicion = time.Second

// doubt avoids a server for a while.
func (s *peer) doubt(c *chooser) {
	s.suspect.Store(time.Now().Add(suspicion).UnixNano())
	c.doubtful.Store(s.suspect.Load())
}

// chooser is how a client chooses by itself. It outlives pickers, so that a
// change of the list does not reset it.
type chooser struct {
	two      bool // power of two choices; else round robin
	cursor   atomic.Uint64
	doubtful atomic.Int64 // until when some server is suspect, in nanoseconds of Unix time

	mu   sync.Mutex // guards rand
	rand *rand.Rand
}

func newChooser(cfg Config) *chooser {
	c := &chooser{two: cfg.Choose == PowerOfTwo, rand: rand.New(rand.NewPCG(cfg.Seed, 0x63_68_6f_6f_73_65))}
	c.cursor.Store(c.rand.Uint64() >> 1)
	return c
}

// choose takes one of the servers, of which there is at least one. The function
// that it returns, if any, is called when the call is over.
func (c *chooser) choose(among []*peer) (*peer, func(balancer.DoneInfo)) {
	if until := c.doubtful.Load(); until != 0 && time.Now().UnixNano() < until {
		among = trusted(among)
	}
	if !c.two {
		return among[c.cursor.Add(1)%uint64(len(among))], nil
	}
	s := c.lighter(among)
	s.inFlight.Add(1)
	return s, func(balancer.DoneInfo) { s.inFlight.Add(-1) }
}

// lighter is the less loaded of two different servers at random; of equals, the
// first drawn.
func (c *chooser) lighter(among []*peer) *peer {
	if len(among) == 1 {
		return among[0]
	}
	c.mu.Lock()
	i, j := c.rand.IntN(len(among)), c.rand.IntN(len(among)-1)
	c.mu.Unlock()
	if j >= i {
		j++
	}
	a, b := among[i], among[j]
	if b.load() < a.load() {
		return b
	}
	return a
}

// trusted leaves out the servers that are suspect, unless all are.
func trusted(among []*peer) []*peer {
	now := time.Now().UnixNano()
	out := make([]*peer, 0, len(among))
	for _, s := range among {
		if s.suspect.Load() < now {
			out = append(out, s)
		}
	}
	if len(out) == 0 {
		return among
	}
	return out
}
