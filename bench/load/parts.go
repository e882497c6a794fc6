package load

import (
	"sync"
	"time"

	"dyno/internal/record"
)

// Parts gathers how long parts of operations took, such as messages in streams:
// in a histogram, and in sums by other code, against which the histogram is held.
// It is safe for concurrent use.
type Parts struct {
	begin, end time.Time
	shards     [16]shard
}

// shard is that of some of the clients, so that they rarely wait for each other.
type shard struct {
	mu      sync.Mutex
	times   *record.Histogram
	witness running
	_       [64]byte
}

// NewParts gathers those that end in a window.
func NewParts(begin, end time.Time) *Parts { return &Parts{begin: begin, end: end} }

// Record takes in a part that a client saw end.
func (p *Parts) Record(client int, took time.Duration, end time.Time) {
	if end.Before(p.begin) || end.After(p.end) {
		return
	}
	s := &p.shards[client%len(p.shards)]
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.times == nil {
		s.times = record.NewHistogram()
	}
	s.times.Record(took)
	s.witness.add(int64(took))
}

// Sum is what was gathered, when all are done.
func (p *Parts) Sum() (*record.Histogram, record.SpanDigest) {
	times := record.NewHistogram()
	var all running
	for i := range p.shards {
		s := &p.shards[i]
		if s.times == nil {
			continue
		}
		times.Merge(s.times)
		if w := s.witness; all.count == 0 {
			all = w
		} else {
			all = running{all.count + w.count, all.sum + w.sum, min(all.least, w.least), max(all.most, w.most)}
		}
	}
	return times, all.digest()
}
