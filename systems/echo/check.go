package echo

import (
	"sync"

	"dyno/internal/record"
)

// answers is what a client process saw in all responses to its requests.
type answers struct {
	Altered int64   `json:"altered"` // responses whose payload was not the request's
	Numbers numbers `json:"numbers"`
}

// gather is what all callers saw, once they are done.
func gather(callers []*caller, t *tally) answers {
	var a answers
	for _, c := range callers {
		if c == nil {
			continue // a slot that was never used
		}
		a.Altered += c.altered
		t.add(c.numbers)
		c.numbers = nil
	}
	a.Numbers = t.numbers
	return a
}

// checkPayload: every response carries the payload of its request.
func checkPayload(a answers) record.Check {
	if a.Altered > 0 {
		return record.Fail("payload", a.Numbers.Seen, "%d of %d responses carry another payload than their request", a.Altered, a.Numbers.Seen)
	}
	return record.Pass("payload", a.Numbers.Seen)
}

// checkNumbers: the server numbered its answers 1 to N, each once. Answers
// that got lost on the way leave gaps, which prove nothing; a number given
// twice, or one that no answer accounts for, is a fault.
func checkNumbers(n numbers, c record.Counts) record.Check {
	const name = "numbers"
	switch most := n.Seen + c.Unknown; {
	case n.Distinct != n.Seen:
		return record.Fail(name, n.Seen, "%d responses carry only %d different numbers", n.Seen, n.Distinct)
	case n.Seen == 0:
		return record.Doubt(name, 0, "there was no response")
	case n.Min == 0 || n.Max > uint64(most):
		return record.Fail(name, n.Seen, "numbers run from %d to %d, but at most %d requests can have been answered", n.Min, n.Max, most)
	case n.Beyond > 0:
		return record.Doubt(name, n.Seen, "%d of %d numbers are above %d, up to which they are ticked off: measure for a shorter time",
			n.Beyond, n.Seen, maxNumber)
	case n.Max != uint64(n.Seen):
		return record.Doubt(name, n.Seen, "numbers run up to %d for %d responses; %d requests have an unknown end", n.Max, n.Seen, c.Unknown)
	}
	// As many different numbers as there are from 1 to Max.
	return record.Pass(name, n.Seen)
}

// checkAnswered: the server answered the requests that its clients count as
// OK, and no others.
func checkAnswered(answered uint64, c record.Counts) record.Check {
	const name = "answered"
	switch n := int64(answered); {
	case n == c.OK:
		return record.Pass(name, c.OK)
	case n > c.OK && n <= c.OK+c.Unknown:
		return record.Doubt(name, c.Sent, "the server answered %d requests, the clients have %d answers and %d unknown ends", n, c.OK, c.Unknown)
	default:
		return record.Fail(name, c.Sent, "the server answered %d requests, the clients have %d answers and %d unknown ends", n, c.OK, c.Unknown)
	}
}

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
