package load

import (
	"sync/atomic"

	"dyno/internal/record"
)

// maxChunk bounds what a worker takes from the budget at once: 32 KiB, large
// enough that workers rarely meet there.
const maxChunk = 1024

// budget is the room for spans that all workers share.
type budget struct {
	left  atomic.Int64
	chunk int64
}

func (b *budget) init(c Closed) {
	// The room that is taken but unused when one worker finds none left is at
	// most a 64th of all, or one span per client.
	b.chunk = max(1, min(maxChunk, int64(c.MaxSpans/c.Clients/64)))
	room := int64(c.MaxSpans)
	if c.Requests > 0 { // bounds the spans by itself; unused room must not end the run
		room = c.Requests + b.chunk*int64(c.Clients)
	}
	b.left.Store(room)
}

// take returns the size of the next chunk, 0 when nothing is left.
func (b *budget) take() int {
	left := b.left.Add(-b.chunk)
	return int(max(0, min(b.chunk, b.chunk+left)))
}

// spanLog keeps one worker's spans in chunks: nothing is copied while it runs.
type spanLog struct {
	full    [][]record.Span
	current []record.Span
}

// reserve makes room for one span. False: the budget is spent.
func (l *spanLog) reserve(b *budget) bool {
	if len(l.current) < cap(l.current) {
		return true
	}
	n := b.take()
	if n == 0 {
		return false
	}
	if len(l.current) > 0 {
		l.full = append(l.full, l.current)
	}
	l.current = make([]record.Span, 0, n)
	return true
}

func (l *spanLog) append(s record.Span) { l.current = append(l.current, s) }

func (l *spanLog) len() int {
	n := len(l.current)
	for _, c := range l.full {
		n += len(c)
	}
	return n
}

// moveTo appends all spans to dst and lets go of them.
func (l *spanLog) moveTo(dst []record.Span) []record.Span {
	for i, c := range l.full {
		dst = append(dst, c...)
		l.full[i] = nil
	}
	dst = append(dst, l.current...)
	*l = spanLog{}
	return dst
}
