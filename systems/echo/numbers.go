package echo

import "sync"

const (
	batch     = 512     // numbers that a client keeps for itself, so that clients rarely meet
	maxNumber = 1 << 30 // the highest that is ticked off: with 128 MiB, after some seven hours of a fast server
)

// numbers sums up the running numbers of responses: enough to tell whether
// they are 1 to Seen, each once, without listing them.
type numbers struct {
	Seen     int64  `json:"seen"`
	Distinct int64  `json:"distinct"` // those beyond are taken as different
	Beyond   int64  `json:"beyond"`   // above maxNumber
	Min      uint64 `json:"min"`
	Max      uint64 `json:"max"`
}

// tally ticks numbers off, a bit for each. It is safe for concurrent use; the
// zero value is ready.
type tally struct {
	mu sync.Mutex
	numbers
	bits []uint64
}

func (t *tally) add(all []uint64) {
	t.mu.Lock()
	defer t.mu.Unlock()
	for _, n := range all {
		t.tick(n)
	}
}

func (t *tally) tick(n uint64) {
	if t.Seen == 0 {
		t.Min = n
	}
	t.Seen++
	t.Min, t.Max = min(t.Min, n), max(t.Max, n)
	if n > maxNumber {
		t.Beyond++
		t.Distinct++
		return
	}
	word, bit := n/64, uint64(1)<<(n%64)
	if more := int(word) + 1 - len(t.bits); more > 0 {
		t.bits = append(t.bits, make([]uint64, more)...)
	}
	if t.bits[word]&bit == 0 {
		t.bits[word] |= bit
		t.Distinct++
	}
}
