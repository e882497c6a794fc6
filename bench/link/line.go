package link

import "time"

const (
	firstBuffer = 32 << 10 // bytes that a line allocates at first
	maxRead     = 64 << 10 // bytes of one chunk
	maxWrite    = 64 << 10 // bytes that leave at once
	maxChunks   = 32 << 10 // chunks that one line holds
)

// line holds bytes, in order, until each is due. It is a ring that grows up to
// its limit, and a queue that says which bytes are due when. It knows no
// clock; times are those of the caller's.
//
// One goroutine may fill what room returned while another uses what front
// returned; all calls need a common lock.
type line struct {
	limit int // bytes

	ring []byte
	head int // index of the first byte
	size int // bytes held

	chunks []chunk // of which the first ones have left already
	first  int
	last   time.Duration // when the youngest byte is due
}

type chunk struct {
	due time.Duration
	n   int // bytes, at least 1
}

// held is the number of chunks in the line.
func (l *line) held() int { return len(l.chunks) - l.first }

// room returns where the next bytes may be put, nil if the line is full.
func (l *line) room() []byte {
	if l.size == l.limit || l.held() == maxChunks {
		return nil
	}
	if l.size == 0 {
		l.head = 0 // nobody uses the bytes: keep them in one piece
	}
	if l.size == len(l.ring) {
		l.grow()
	}
	end := len(l.ring)
	tail := l.head + l.size
	if tail >= end {
		tail, end = tail-end, l.head
	}
	return l.ring[tail:min(end, tail+maxRead)]
}

// grow doubles the ring. Bytes that front returned before stay valid: they
// are in the old one.
func (l *line) grow() {
	ring := make([]byte, min(max(2*len(l.ring), firstBuffer), l.limit))
	n := copy(ring, l.ring[l.head:])
	copy(ring[n:], l.ring[:l.head])
	l.ring, l.head = ring, 0
}

// push appends the n ≥ 1 bytes that were put into the room. They are due at
// the given time, but not before those that came earlier.
func (l *line) push(n int, due time.Duration) {
	l.last = max(l.last, due)
	l.size += n
	if len(l.chunks) == cap(l.chunks) && l.first > len(l.chunks)/2 {
		l.chunks = l.chunks[:copy(l.chunks, l.chunks[l.first:])]
		l.first = 0
	}
	l.chunks = append(l.chunks, chunk{l.last, n})
}

// due says when the first byte is due; false if the line is empty.
func (l *line) due() (time.Duration, bool) {
	if l.held() == 0 {
		return 0, false
	}
	return l.chunks[l.first].due, true
}

// front returns up to limit bytes that are due, as far as they are in one
// piece. They stay in the line until advance.
func (l *line) front(now time.Duration, limit int) []byte {
	limit = min(limit, len(l.ring)-l.head)
	n := 0
	for _, c := range l.chunks[l.first:] {
		if c.due > now || n >= limit {
			break
		}
		n += c.n
	}
	return l.ring[l.head : l.head+min(n, limit)]
}

// advance removes the first n bytes.
func (l *line) advance(n int) {
	l.size -= n
	if l.head += n; l.head >= len(l.ring) {
		l.head -= len(l.ring)
	}
	for n > 0 {
		c := &l.chunks[l.first]
		k := min(n, c.n)
		n -= k
		if c.n -= k; c.n == 0 {
			l.first++
		}
	}
	if l.held() == 0 {
		l.chunks, l.first = l.chunks[:0], 0
	}
}
