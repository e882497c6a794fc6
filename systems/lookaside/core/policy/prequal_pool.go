package policy

import (
	"cmp"
	"slices"
	"time"
)

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
