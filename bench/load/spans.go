package load

import "sync/atomic"

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
	if c.Requests > 0 && c.Requests <= room { // all are kept, whoever has unused room
		room = c.Requests + b.chunk*int64(c.Clients)
	}
	b.left.Store(room)
}

// take returns the size of the next chunk, 0 when nothing is left.
func (b *budget) take() int {
	left := b.left.Add(-b.chunk)
	return int(max(0, min(b.chunk, b.chunk+left)))
}

// log keeps what one worker saw in chunks: nothing is copied while it runs.
type log[T any] struct {
	full    [][]T
	current []T
}

// room says whether append has room for one more.
func (l *log[T]) room() bool { return len(l.current) < cap(l.current) }

// grow makes room for n more, once there is none.
func (l *log[T]) grow(n int) {
	if len(l.current) > 0 {
		l.full = append(l.full, l.current)
	}
	l.current = make([]T, 0, n)
}

// clear forgets what is in the last chunk, to use it again.
func (l *log[T]) clear() { l.current = l.current[:0] }

func (l *log[T]) append(x T) { l.current = append(l.current, x) }

func (l *log[T]) len() int {
	n := len(l.current)
	for _, c := range l.full {
		n += len(c)
	}
	return n
}

// moveTo appends all to dst and lets go of it.
func (l *log[T]) moveTo(dst []T) []T {
	for i, c := range l.full {
		dst = append(dst, c...)
		l.full[i] = nil
	}
	dst = append(dst, l.current...)
	*l = log[T]{}
	return dst
}
