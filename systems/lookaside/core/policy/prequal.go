package policy

import (
	"math/rand/v2"
	"time"
)

// The parameters of Prequal, with the paper's values.
const (
	probesPerPick = 3               // r_probe
	removedEach   = 1               // r_remove: probes removed per pick, besides those used up
	poolSize      = 16              // m, at most half of the servers
	probeLife     = 1 * time.Second // age at which a probe says nothing any more
	hotQuantile   = 0.84            // Q_RIF: 2^(-1/4)
	netGrowth     = 1.0             // δ: how much faster probes come than they are used up
	fewestProbes  = 2               // in the pool; with fewer the pick is random
)

// Prequal picks from a pool of servers that were probed just before (B.
// Wydrowski and others, Load is not what you should balance: Introducing
// Prequal, NSDI 2024, arXiv 2312.10172). Each pick has 3 servers probed, drawn
// at random; their answers, requests in flight (RIF) and the latency to expect
// at that many, serve later picks. The rule is hot-cold lexicographic: a probe
// is hot if its RIF is above the 0.84 quantile of those seen lately. If all are
// hot, the one with the lowest RIF is picked; otherwise, among the cold, the one
// with the lowest latency. So queues are kept from growing long, and among
// short ones the faster server is preferred.
//
// A probe leaves the pool after 1 s, after so many uses (reuses), when a
// newer one of the same server or the 17th comes, and with each pick one
// leaves, the oldest and the worst in turn, lest the pool fill with those that
// nobody wants. A pick adds 1 to the RIF of its probe. With fewer than 2 probes
// in the pool the pick is random.
//
// Two things differ from the paper. The pool belongs to the balancer and serves
// all clients. And since the pool holds one probe of a server at most, it is
// limited to half of the servers: the paper's has 16 of hundreds.
var Prequal = Maker{
	Name:    "prequal",
	Summary: "of those just probed, the fastest whose queue is not among the longest",
	Shares:  Probed,
	New:     func() Policy { return &prequal{} },
}

type prequal struct {
	pool    probePool
	recent  rifs
	worst   bool // the next removal is that of the worst, not of the oldest
	targets [probesPerPick]int
}

func (p *prequal) Pick(now time.Duration, servers []Server, rng *rand.Rand) int {
	p.pool.forget(now, servers)
	if len(p.pool.probes) < fewestProbes {
		return rng.IntN(len(servers))
	}
	threshold := p.recent.quantile(hotQuantile)
	k := p.pool.best(threshold)
	picked := &p.pool.probes[k]
	i := picked.index
	picked.InFlight++
	picked.uses++
	if picked.uses >= int(reuses(len(servers))+rng.Float64()) { // rounded at random, so that fractions count
		p.pool.remove(k)
	}
	for range removedEach {
		if p.worst {
			p.pool.removeWorst(threshold)
		} else {
			p.pool.removeOldest()
		}
		p.worst = !p.worst
	}
	return i
}

// reuses is how often a probe may serve: the paper's
// (1+δ) / ((1 − m/n)·r_probe − r_remove), and at least once.
func reuses(servers int) float64 {
	m := float64(room(servers))
	return max(1, (1+netGrowth)/max((1-m/float64(servers))*probesPerPick-removedEach, 1e-3))
}

// room is how many probes the pool may hold.
func room(servers int) int { return min(poolSize, max(servers/2, fewestProbes)) }

// Probes implements [Prober].
func (p *prequal) Probes(servers []Server, rng *rand.Rand) []int {
	n := min(probesPerPick, len(servers))
	for k := range n {
		p.targets[k] = rng.IntN(len(servers) - k)
	}
	// The k-th draw is a rank among those that were not drawn before.
	for k := 1; k < n; k++ {
		drawn := p.targets[:k]
		insert(drawn)
		for _, d := range drawn {
			if p.targets[k] >= d {
				p.targets[k]++
			}
		}
	}
	return p.targets[:n]
}

// insert moves the last of otherwise sorted numbers to its place.
func insert(xs []int) {
	for i := len(xs) - 1; i > 0 && xs[i] < xs[i-1]; i-- {
		xs[i], xs[i-1] = xs[i-1], xs[i]
	}
}

// Probed implements [Prober].
func (p *prequal) Probed(now time.Duration, probe Probe) {
	p.recent.add(probe.InFlight)
	p.pool.add(now, probe)
}
