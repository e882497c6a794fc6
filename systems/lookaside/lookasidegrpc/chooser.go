package lookasidegrpc

import (
	"math/rand/v2"
	"sync"
	"sync/atomic"
	"time"

	"google.golang.org/grpc/balancer"
)

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
