package service

import (
	"slices"
	"time"
)

const (
	latencyLoads = 64 // numbers of requests told apart; beyond, all count as the last
	latencyEach  = 7  // times kept of each: odd, so that there is a median
)

// Latencies knows how long requests took by how many the server had when they
// came: what a server answers to a probe (Prequal, NSDI 2024, section 4). A
// queue of 3 says little of a server unless one knows its speed, and the speed
// little unless one knows its queue; the two together are what a request must
// expect. Not safe for concurrent use; the zero value is ready.
type Latencies struct{ byLoad []latencyRing }

// latencyRing is the last times that were seen at one load.
type latencyRing struct {
	times [latencyEach]time.Duration
	count int // ever
}

// Add takes in that a request which found so many in the server, itself
// included, spent that long in it.
func (l *Latencies) Add(found int64, sojourn time.Duration) {
	k := loadOf(found)
	for len(l.byLoad) <= k {
		l.byLoad = append(l.byLoad, latencyRing{})
	}
	r := &l.byLoad[k]
	r.times[r.count%latencyEach] = sojourn
	r.count++
}

// Expect returns what a request must expect that finds so many, itself
// included: the median of the last times at that load, or at the nearest one of
// which something is known. It is 0 when nothing is.
func (l *Latencies) Expect(found int64) time.Duration {
	k := loadOf(found)
	for off := range latencyLoads {
		for _, i := range [...]int{k - off, k + off} {
			if i >= 0 && i < len(l.byLoad) && l.byLoad[i].count > 0 {
				return l.byLoad[i].median()
			}
		}
	}
	return 0
}

func loadOf(found int64) int { return int(min(max(found, 1), latencyLoads)) - 1 }

func (r *latencyRing) median() time.Duration {
	sorted := r.times
	n := min(r.count, latencyEach)
	slices.Sort(sorted[:n])
	return sorted[n/2]
}
