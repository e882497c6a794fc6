package link

import (
	"cmp"
	"slices"
	"time"
)

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
