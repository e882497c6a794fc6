package task

// arena holds bytes that are freed all at once. It grows by chunks, so that
// nothing is copied, and reset keeps them for the next use.
type arena struct {
	chunks [][]byte // those up to last are in use
	last   int      // the one being filled
	used   int      // of it
	bytes  int64    // of all chunks
}

const (
	arenaFirst = 64 << 10
	arenaChunk = 1 << 20
)

// place is where something lies in an arena: the chunk in the upper half, the
// offset in the lower one.
type place uint64

const nowhere = ^place(0)

// take returns room for n bytes, with whatever they held before.
func (a *arena) take(n int) (place, []byte) {
	if len(a.chunks) == 0 || a.used+n > len(a.chunks[a.last]) {
		a.grow(n)
	}
	at := a.used
	a.used += n
	return place(a.last)<<32 | place(at), a.chunks[a.last][at : at+n]
}

// needs returns by how many bytes take(n) would grow the arena.
func (a *arena) needs(n int) int64 {
	if len(a.chunks) > 0 && a.used+n <= len(a.chunks[a.last]) {
		return 0
	}
	if a.last+1 < len(a.chunks) && n <= len(a.chunks[a.last+1]) {
		return 0
	}
	return int64(max(n, a.next()))
}

// next is the size of a new chunk: they double up to a limit, so that a small
// task costs little.
func (a *arena) next() int { return int(min(max(a.bytes, arenaFirst), arenaChunk)) }

// grow goes to the next chunk, or adds one. What is larger than a chunk gets
// one of its own.
func (a *arena) grow(n int) {
	a.used = 0
	if a.last+1 < len(a.chunks) && n <= len(a.chunks[a.last+1]) {
		a.last++
		return
	}
	chunk := make([]byte, max(n, a.next()))
	a.bytes += int64(len(chunk))
	a.chunks = append(a.chunks, chunk)
	a.last = len(a.chunks) - 1
}

// at returns the bytes from a place to the end of its chunk.
func (a *arena) at(p place) []byte { return a.chunks[p>>32][uint32(p):] }

// reset frees everything. Chunks of unusual size are given up.
func (a *arena) reset() {
	kept := a.chunks[:0]
	a.bytes = 0
	for _, c := range a.chunks {
		if len(c) <= arenaChunk {
			kept = append(kept, c)
			a.bytes += int64(len(c))
		}
	}
	clear(a.chunks[len(kept):])
	a.chunks, a.last, a.used = kept, 0, 0
}
