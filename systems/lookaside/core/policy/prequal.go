package policy

import (
	"cmp"
	"math/rand/v2"
	"slices"
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

// probePool is the probes that picks may use, oldest first.
type probePool struct{ probes []pooled }

// pooled is a probe in the pool.
type pooled struct {
	Probe
	at    time.Duration
	uses  int
	index int // in the servers of the present pick
}

// add puts a probe in; an older one of the same server goes, else the oldest if
// there is no room.
func (p *probePool) add(now time.Duration, probe Probe) {
	if p.probes == nil {
		p.probes = make([]pooled, 0, poolSize+1)
	}
	for k := range p.probes {
		if p.probes[k].ID == probe.ID {
			p.remove(k)
			break
		}
	}
	if p.probes = append(p.probes, pooled{Probe: probe, at: now}); len(p.probes) > poolSize {
		p.removeOldest()
	}
}

// forget removes probes that are too old, too many, or of servers that may not
// be picked, and finds the servers of the others.
func (p *probePool) forget(now time.Duration, servers []Server) {
	for k := len(p.probes) - 1; k >= 0; k-- {
		pr := &p.probes[k]
		i, found := slices.BinarySearchFunc(servers, pr, func(s Server, pr *pooled) int {
			return cmp.Or(cmp.Compare(s.Revision, pr.Revision), cmp.Compare(s.ID, pr.ID))
		})
		if !found || servers[i].Silent || now-pr.at >= probeLife {
			p.remove(k)
			continue
		}
		pr.index = i
	}
	for len(p.probes) > room(len(servers)) {
		p.removeOldest()
	}
}

// best is the hot-cold lexicographic choice.
func (p *probePool) best(threshold float64) int {
	best := 0
	for k := 1; k < len(p.probes); k++ {
		if p.probes[k].compare(&p.probes[best], threshold) < 0 {
			best = k
		}
	}
	return best
}

// compare orders probes from best to worst: cold before hot, the cold ones by
// latency, the hot ones by requests in flight.
func (a *pooled) compare(b *pooled, threshold float64) int {
	hot, other := a.InFlight > threshold, b.InFlight > threshold
	switch {
	case hot != other && other:
		return -1
	case hot != other:
		return 1
	case hot:
		return cmp.Compare(a.InFlight, b.InFlight)
	default:
		return cmp.Or(cmp.Compare(a.Latency, b.Latency), cmp.Compare(a.InFlight, b.InFlight))
	}
}

func (p *probePool) removeOldest() {
	if len(p.probes) > 0 {
		p.remove(0)
	}
}

func (p *probePool) removeWorst(threshold float64) {
	if len(p.probes) == 0 {
		return
	}
	worst := 0
	for k := 1; k < len(p.probes); k++ {
		if p.probes[k].compare(&p.probes[worst], threshold) > 0 {
			worst = k
		}
	}
	p.remove(worst)
}

func (p *probePool) remove(k int) { p.probes = slices.Delete(p.probes, k, k+1) }

// rifMemory is from how many of the latest probes the quantile of RIF is taken.
const rifMemory = 64

// rifs is the requests in flight that the latest probes found.
type rifs struct {
	ring   [rifMemory]float64 // in order of arrival
	next   int
	sorted []float64
}

func (r *rifs) add(x float64) {
	if r.sorted == nil {
		r.sorted = make([]float64, 0, rifMemory+1)
	}
	if len(r.sorted) == rifMemory {
		i, _ := slices.BinarySearch(r.sorted, r.ring[r.next])
		r.sorted = slices.Delete(r.sorted, i, i+1)
	}
	i, _ := slices.BinarySearch(r.sorted, x)
	r.sorted = slices.Insert(r.sorted, i, x)
	r.ring[r.next] = x
	r.next = (r.next + 1) % rifMemory
}

// quantile is the smallest number that at least that share does not exceed; 0
// of none.
func (r *rifs) quantile(q float64) float64 {
	if len(r.sorted) == 0 {
		return 0
	}
	return r.sorted[min(int(q*float64(len(r.sorted))), len(r.sorted)-1)]
}
