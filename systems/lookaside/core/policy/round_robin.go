package policy

import (
	"cmp"
	"math/rand/v2"
	"sort"
	"time"
)

// RoundRobin goes round the servers in registration order with one cursor for
// all clients. After any number of picks from the same servers the counts
// differ by at most 1.
//
// The cursor is a place in the registration order (the revision and name of
// the server picked last), not an index: the next pick is the first server
// behind that place. So a change of membership neither resets the round nor
// skips or repeats anyone, even when the server at the cursor is the one that
// left; and a server that joins, being the youngest, is served at the end of
// the round under way.
var RoundRobin = Maker{
	Name:    "round_robin",
	Summary: "each live server in turn, one cursor for all clients",
	Shares:  Even,
	New:     func() Policy { return &roundRobin{} },
}

type roundRobin struct {
	started  bool
	revision int64
	id       string
}

func (p *roundRobin) Pick(_ time.Duration, servers []Server, _ *rand.Rand) int {
	i := 0
	if p.started {
		i = sort.Search(len(servers), func(i int) bool { return p.before(&servers[i]) })
	}
	if i == len(servers) {
		i = 0 // a new round
	}
	p.started, p.revision, p.id = true, servers[i].Revision, servers[i].ID
	return i
}

// before reports whether the cursor stands before s in registration order.
func (p *roundRobin) before(s *Server) bool {
	return cmp.Or(cmp.Compare(p.revision, s.Revision), cmp.Compare(p.id, s.ID)) < 0
}
