package deposit

import (
	"errors"
	"sync"
	"time"
)

// ErrNoReceipt is the error of a write that a server has done, while nobody else
// said that it has it too.
var ErrNoReceipt = errors.New("the replica did not say that it has the write")

func isNoReceipt(err error) bool { return errors.Is(err, ErrNoReceipt) }

// Gaps that are kept: those of some length, so many.
const (
	leastGap = 20 * time.Millisecond
	mostGaps = 10_000
)

// silence finds the times without an acknowledged write.
type silence struct {
	mu   sync.Mutex
	last int64
	gaps []Gap
}

func (s *silence) end() {
	s.mu.Lock()
	defer s.mu.Unlock()
	now := time.Now().UnixNano()
	if s.last != 0 && now-s.last >= int64(leastGap) && len(s.gaps) < mostGaps {
		s.gaps = append(s.gaps, Gap{s.last, now})
	}
	s.last = now
}
