package link

import (
	"cmp"
	"slices"
	"sync"
	"sync/atomic"
	"time"
)

// Stats counts what a link did since it was made.
type Stats struct {
	From, To string

	Accepted int64 // connections
	Open     int64 // of them, now
	MaxOpen  int64 // at the same time

	Refused int64 // connections reset on arrival by the rule Refuse (those that failed with ECONNREFUSED never arrive) or at Options.MaxConns
	Dropped int64 // connections reset on arrival by the rule Drop
	Failed  int64 // connections reset because the target could not be reached
	Reset   int64 // connections ended by Reset

	Forward, Back PathStats
}

// PathStats counts the bytes of all connections that flowed one way.
type PathStats struct {
	Bytes  int64 // arrived
	Chunks int64 // arrived; a chunk is what one read returned

	HeldBytes, MaxHeldBytes   int64 // in the link now, and at most
	HeldChunks, MaxHeldChunks int64

	Resets int64 // connections whose one end was reset, which the link passed on this way
}

// way is one direction of a link, shared by the pipes of its connections.
type way struct {
	clock *clock
	path  atomic.Pointer[Path]

	bytes, chunks, resets atomic.Int64
	heldBytes, heldChunks gauge

	mu   sync.Mutex
	busy time.Duration // until when the bytes on their way out occupy it, if its rate is limited

	traced bool
	trace  []passed
}

// reset passes on to one side that the other has reset the connection.
func (w *way) reset(dst socket) {
	w.resets.Add(1)
	closeReset(dst)
}

// stats reads the counters.
func (w *way) stats() PathStats {
	return PathStats{
		Bytes: w.bytes.Load(), Chunks: w.chunks.Load(), Resets: w.resets.Load(),
		HeldBytes: w.heldBytes.now.Load(), MaxHeldBytes: w.heldBytes.most.Load(),
		HeldChunks: w.heldChunks.now.Load(), MaxHeldChunks: w.heldChunks.most.Load(),
	}
}

const rateSlack = 5 * time.Millisecond

// reserve assigns the way out to n bytes that are due, and returns when the
// last of them will have left. Time that a busy way lost by waking late is
// made up for, up to rateSlack; time in which it stood idle is not.
func (w *way) reserve(n int, due time.Duration, rate int64) time.Duration {
	w.mu.Lock()
	defer w.mu.Unlock()
	begin := max(w.busy, due, w.clock.now()-rateSlack)
	w.busy = begin + time.Duration(float64(n)/float64(rate)*float64(time.Second))
	return w.busy
}

// packet is how many bytes leave at once at a limited rate: a millisecond's
// worth, but no less than an Ethernet frame carries.
func packet(rate int64) int {
	return int(min(max(rate/1000, 1460), maxWrite))
}

// gauge is a level and its highest value.
type gauge struct{ now, most atomic.Int64 }

func (g *gauge) add(n int64) {
	level := g.now.Add(n)
	for {
		most := g.most.Load()
		if level <= most || g.most.CompareAndSwap(most, level) {
			return
		}
	}
}

// maxTrace bounds what is remembered of one way of a link: the first chunks.
const maxTrace = 1 << 16

// Passage is a chunk of bytes that came to a link: what one read of it returned,
// so that one message may be several, and several messages one.
type Passage struct {
	From, To string
	At       time.Time
	Delay    time.Duration // for which the link was to hold it
	Cut      bool          // it was held for as long as the link was cut
	Bytes    int
}

// passed is a passage as a way has it.
type passed struct {
	at, delay time.Duration
	cut       bool
	bytes     int32
}

// remember notes a chunk, if the link was made to.
func (w *way) remember(p passed) {
	if !w.traced {
		return
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	if len(w.trace) < maxTrace {
		w.trace = append(w.trace, p)
	}
}

func (w *way) passages(from, to string) []Passage {
	w.mu.Lock()
	defer w.mu.Unlock()
	out := make([]Passage, len(w.trace))
	for i, p := range w.trace {
		out[i] = Passage{From: from, To: to, At: w.clock.start.Add(p.at), Delay: p.delay, Cut: p.cut, Bytes: int(p.bytes)}
	}
	return out
}

// Trace is what came to the links, both ways, in order; nothing unless
// [Options].Trace was set.
func (n *Network) Trace() (all []Passage) {
	for _, l := range n.Links() {
		all = append(append(all, l.forward.passages(l.From(), l.To())...), l.back.passages(l.To(), l.From())...)
	}
	slices.SortFunc(all, func(a, b Passage) int { return cmp.Compare(a.At.UnixNano(), b.At.UnixNano()) })
	return all
}
