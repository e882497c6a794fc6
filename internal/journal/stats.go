package journal

import (
	"math/bits"
	"time"
)

// Stats says what a journal has done since it was opened.
type Stats struct {
	Records  uint64 // written
	Bytes    uint64 // written for them, with headers and padding
	Batches  uint64
	Syncs    uint64     // of batches
	Segments uint64     // begun
	Sizes    [32]uint64 // batches by their number of records: at i those of [1<<i, 1<<(i+1))
	Waits    Waits      // of a [Journal]
}

// Waits says how long callers waited for their records to be durable.
type Waits struct {
	Count uint64
	Sum   time.Duration
	Max   time.Duration
}

func (s *Stats) batch(b *batch) {
	s.Records += uint64(b.count)
	s.Bytes += uint64(len(b.body))
	s.Batches++
	s.Sizes[bits.Len32(uint32(b.count))-1]++
}

// Stats returns what the log has done since it was opened.
func (l *Log) Stats() Stats {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.stats
}

// Stats returns what the journal has done since it was opened.
func (j *Journal) Stats() Stats {
	s := j.log.Stats()
	j.mu.Lock()
	defer j.mu.Unlock()
	s.Waits = j.waits
	return s
}

// add counts those who have waited for a group until now.
func (w *Waits) add(g *group, now time.Duration) {
	if g.waiters == 0 {
		return
	}
	w.Count += uint64(g.waiters)
	w.Sum += time.Duration(g.waiters)*now - g.begins
	w.Max = max(w.Max, now-g.oldest)
}
