package policy

import (
	"math"
	"math/rand/v2"
	"time"
)

// errorPenalty is how much of its time a server is taken to have lost to
// errors: A58's error_utilization_penalty, and its default.
const errorPenalty = 1.0

// maxRate bounds a weight, so that sums of them stay finite.
const maxRate = 1e12

// golden spreads the phases of servers evenly, however many come.
const golden = 0.6180339887498949

// WeightedRoundRobin goes round the servers like [RoundRobin], but passes over
// the ones of less weight in some rounds: the static stride scheduler of gRPC's
// weighted_round_robin (proposal A58), with a running remainder instead of a
// product, so that weights may change under way. The weight of a server is the
// rate that it could sustain if it were busy all the time,
//
//	QPS / (utilisation + errors per second / QPS × 1)
//
// as A58 has it. A server of which too little is known gets the mean of the
// others' in proportion to its capacity; with none known, weights are the
// capacities, and with equal ones this is round robin to the request.
//
// Weights are about speed, not about queues: a slow server is sent less, a
// server that happens to have a queue is not spared.
var WeightedRoundRobin = Maker{
	Name:    "weighted_round_robin",
	Summary: "each live server in turn, the faster ones more often, by reported utilisation and rate, else by capacity",
	Shares:  Weighted,
	New:     func() Policy { return &weightedRoundRobin{left: make(map[string]float64)} },
}

type weightedRoundRobin struct {
	cursor roundRobin
	left   map[string]float64 // by id: the part of a pick that is carried to the next round
	phase  float64            // of the server that comes next
	most   float64            // the highest weight, as of the beginning of the round
	unit   float64            // what a capacity of 1 weighs, likewise
	silent bool               // all of them are, likewise: no reason to pass over any
}

func (p *weightedRoundRobin) Pick(now time.Duration, servers []Server, rng *rand.Rand) int {
	// Whoever weighs most is picked in the round that begins within the first of
	// two.
	for range 2*len(servers) + 1 {
		last := p.cursor
		i := p.cursor.Pick(now, servers, rng)
		if !last.started || !last.before(&servers[i]) {
			p.begin(servers)
		}
		s := &servers[i]
		left, known := p.left[s.ID]
		if !known {
			p.phase += golden
			p.phase -= math.Floor(p.phase)
			left = p.phase
		}
		left += min(p.weight(s)/p.most, 1)
		if left < 1 {
			p.left[s.ID] = left
			continue
		}
		p.left[s.ID] = left - 1
		return i
	}
	panic("weighted_round_robin: two rounds brought no pick: the cursor skips servers")
}

// begin starts a round: it takes the measure of the weights, by which whoever
// has the highest is picked in each round.
func (p *weightedRoundRobin) begin(servers []Server) {
	var units, known float64
	p.silent = true
	for i := range servers {
		p.silent = p.silent && servers[i].Silent
		if r := rate(&servers[i]); r > 0 {
			units, known = units+r/servers[i].Capacity, known+1
		}
	}
	p.unit = 1
	if known > 0 {
		p.unit = units / known
	}
	p.most = 0
	for i := range servers {
		p.most = max(p.most, p.weight(&servers[i]))
	}
	if len(p.left) > 2*len(servers)+16 {
		p.forget(servers)
	}
}

// forget drops what is known of servers that are gone.
func (p *weightedRoundRobin) forget(servers []Server) {
	left := make(map[string]float64, len(servers))
	for i := range servers {
		if l, known := p.left[servers[i].ID]; known {
			left[servers[i].ID] = l
		}
	}
	p.left = left
}

func (p *weightedRoundRobin) weight(s *Server) float64 {
	switch r := rate(s); {
	case s.Silent && !p.silent:
		return 0
	case r > 0:
		return r
	default:
		return p.unit * s.Capacity
	}
}

// rate is A58's weight; 0 when it is not known.
func rate(s *Server) float64 {
	if s.Silent || s.QPS <= 0 || s.Utilization <= 0 {
		return 0
	}
	return min(s.QPS/(s.Utilization+s.ErrorRate/s.QPS*errorPenalty), maxRate)
}
