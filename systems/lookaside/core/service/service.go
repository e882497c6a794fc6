// Package service is what a server of the look-aside system does with a
// request, without clock or network: [Meter] counts what is in the system, and
// [Hash] is the computation whose answer every client verifies. When a request
// would be done, the service-time model in bench/queue says.
package service

import (
	"crypto/sha256"
	"encoding/binary"
	"math"
	"math/bits"
	"slices"
	"time"
)

// Meter counts the requests in a server and integrates their number over time.
// Once the server is empty, the integral equals the sum of the times that the
// requests spent in it, to the nanosecond (Little's law without the limit):
// the server keeps the one, its clients the other, and the trial compares them.
//
// Times come from one clock. One that runs backwards (a caller that read the
// clock, then lost the race for the lock) is taken as the latest time seen,
// for both sides of the equation. A Meter is not safe for concurrent use; the
// zero value is ready.
type Meter struct {
	now   time.Duration
	stats Stats
}

// Visit is one request in the server.
type Visit struct {
	Arrived time.Duration // as Meter.Arrive returned it
	Service time.Duration // the service time it was given
	Finish  time.Duration // when the model meant it to leave; 0: there is no model
	Found   int64         // requests that were there when it came, itself included
}

// Stats is what a Meter counted.
type Stats struct {
	InFlight    int64
	MaxInFlight int64
	Completed   int64
	Abandoned   int64
	Area        time.Duration // integral of InFlight over time
	Busy        time.Duration // sum of the service times of completed requests
	Occupied    time.Duration // time with at least one request in flight
	Oversleep   time.Duration // how late completed requests left, summed
	Sojourn     time.Duration // sum of the times that completed requests spent here
}

// Arrive counts a request in and returns its time of arrival.
func (m *Meter) Arrive(now time.Duration) (arrived time.Duration) {
	m.advance(now)
	m.stats.InFlight++
	m.stats.MaxInFlight = max(m.stats.MaxInFlight, m.stats.InFlight)
	return m.now
}

// InFlight is the number of requests in the server.
func (m *Meter) InFlight() int64 { return m.stats.InFlight }

// Depart counts a request as completed and returns how long it was in the
// server.
func (m *Meter) Depart(now time.Duration, v Visit) (sojourn time.Duration) {
	m.leave(now)
	m.stats.Completed++
	m.stats.Busy = add(m.stats.Busy, v.Service)
	m.stats.Sojourn = add(m.stats.Sojourn, m.now-v.Arrived)
	if v.Finish > 0 {
		m.stats.Oversleep = add(m.stats.Oversleep, max(m.now-v.Finish, 0))
	}
	return m.now - v.Arrived
}

// Abandon counts a request as given up: cancelled by its client, or failed.
func (m *Meter) Abandon(now time.Duration, v Visit) (sojourn time.Duration) {
	m.leave(now)
	m.stats.Abandoned++
	return m.now - v.Arrived
}

// Stats returns the counts as of now.
func (m *Meter) Stats(now time.Duration) Stats {
	m.advance(now)
	return m.stats
}

func (m *Meter) leave(now time.Duration) {
	m.advance(now)
	if m.stats.InFlight == 0 {
		panic("service: more departures than arrivals")
	}
	m.stats.InFlight--
}

// advance integrates up to now.
func (m *Meter) advance(now time.Duration) {
	dt := max(now-m.now, 0)
	m.now += dt
	m.stats.Area = add(m.stats.Area, times(dt, m.stats.InFlight))
	if m.stats.InFlight > 0 {
		m.stats.Occupied = add(m.stats.Occupied, dt)
	}
}

// times and add stop at the longest Duration instead of wrapping round; both
// operands are 0 or more.
func times(d time.Duration, n int64) time.Duration {
	if hi, lo := bits.Mul64(uint64(d), uint64(n)); hi == 0 && lo <= math.MaxInt64 {
		return time.Duration(lo)
	}
	return math.MaxInt64
}

func add(a, b time.Duration) time.Duration {
	if a > math.MaxInt64-b {
		return math.MaxInt64
	}
	return a + b
}

// MaxRounds is the most that one request may ask for.
const MaxRounds = 1_000_000

// Hash is the computation that a request carries: SHA-256 over the eight bytes
// of the seed (big-endian), then over each digest again, rounds times in all.
// It returns the last digest's first eight bytes; with no round at all, the
// seed. It cannot be guessed or shortened, and costs some 100 ns a round.
func Hash(seed uint64, rounds uint32) uint64 {
	if rounds == 0 {
		return seed
	}
	var first [8]byte
	binary.BigEndian.PutUint64(first[:], seed)
	digest := sha256.Sum256(first[:])
	for range rounds - 1 {
		digest = sha256.Sum256(digest[:])
	}
	return binary.BigEndian.Uint64(digest[:])
}

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
