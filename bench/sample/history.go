package sample

import (
	"errors"
	"math"
	"sort"
	"time"
)

// figure is what a sample holds.
type figure int

// The figures. CPU only ever grows, memory is a level.
const (
	cpu     figure = iota // seconds, user and system
	rss                   // bytes
	figures               // how many there are
)

// reading is one sample; NaN stands for what is not told on this machine.
type reading [figures]float64

// probe reads one process. An error means that the process is gone.
type probe func() (reading, error)

// source opens the probe of a process; it fails at the first reading.
type source func(pid int) probe

// clock reads the CPU time of a process, in seconds, at next to no cost. ok is
// false when there is no such clock, or no such process.
type clock func() (seconds float64, ok bool)

// errReplaced is the end of a process whose id another one has got.
var errReplaced = errors.New("its process id belongs to another process now")

// history is what was seen of one target: a process, or one after another.
type history struct {
	name    string
	open    source
	clocks  func(pid int) clock
	current func() int
	pid     int
	read    probe
	clock   clock
	tracks  [figures]track
	before  float64       // CPU time that earlier lives have used
	unseen  []span        // from the last reading of an earlier life to its end
	seen    time.Duration // the last look, whether or not it was there
	ended   bool
	gone    time.Duration // when that was noticed
	err     error         // why no more is seen
}

// span is a stretch of time.
type span struct{ from, to time.Duration }

func newHistory(t Target, open source, clocks func(pid int) clock) *history {
	h := &history{name: t.Name, open: open, clocks: clocks, current: t.Current, pid: t.PID}
	if t.Spawns {
		h.clocks = func(pid int) clock { return family(pid, clocks) }
	}
	if g := t.group; g != nil {
		h.open, h.clocks = func(int) probe { return g.probe }, func(int) clock { return g.clock }
	}
	if h.current == nil {
		h.current = func() int { return t.PID }
	}
	h.pid = h.current()
	h.read, h.clock = h.open(h.pid), h.clocks(h.pid)
	return h
}

// look turns to the target as it is now, and says when that is.
func (h *history) look(began time.Time) time.Duration {
	at := time.Since(began)
	if pid := h.current(); pid != h.pid {
		h.begin(pid, at)
	}
	h.seen = at
	return at
}

// readClock adds a reading of the CPU clock alone.
func (h *history) readClock(began time.Time) {
	at := h.look(began)
	if h.ended {
		return
	}
	s, ok := h.clock()
	if s += h.before; ok && s >= h.tracks[cpu].latest() {
		h.tracks[cpu].add(at, s)
	}
}

// sample adds a reading, or notes that the process has ended.
func (h *history) sample(began time.Time) {
	at := h.look(began)
	if h.ended {
		return
	}
	r, err := h.read()
	if s, ok := h.clock(); err == nil && ok {
		r[cpu] = s // finer than ticks
	}
	r[cpu] += h.before
	if err == nil && r[cpu] < h.tracks[cpu].latest() {
		err = errReplaced // CPU time never shrinks
	}
	if err != nil {
		h.ended, h.gone, h.err = true, at, err
		return
	}
	for f, v := range r {
		if !math.IsNaN(v) {
			h.tracks[f].add(at, v)
		}
	}
}

// begin turns to another life of the target. What a life used after its last
// sample is not known; from its end until the last look there was none.
func (h *history) begin(pid int, at time.Duration) {
	if times := h.tracks[cpu].at; len(times) > 0 {
		end := at
		if h.ended {
			end = h.gone
		}
		h.unseen = append(h.unseen, span{times[len(times)-1], end})
	}
	h.before = h.tracks[cpu].latest()
	h.tracks[cpu].extend(h.seen, h.before)
	if h.ended {
		h.tracks[rss].extend(h.gone, 0)
		h.tracks[rss].extend(h.seen, 0)
	}
	h.pid, h.read, h.clock, h.ended, h.err = pid, h.open(pid), h.clocks(pid), false, nil
}

func (h *history) thin() {
	for f := range h.tracks {
		h.tracks[f].thin()
	}
}

// track is one figure over time, in the order of time.
type track struct {
	at    []time.Duration // since the sampler began
	value []float64
}

func (t *track) add(at time.Duration, v float64) {
	t.at = append(t.at, at)
	t.value = append(t.value, v)
}

// extend adds a point unless there is a later one, or none at all.
func (t *track) extend(at time.Duration, v float64) {
	if n := len(t.at); n > 0 && at > t.at[n-1] {
		t.add(at, v)
	}
}

// latest is the last value, 0 if there is none.
func (t *track) latest() float64 {
	if len(t.value) == 0 {
		return 0
	}
	return t.value[len(t.value)-1]
}

// thin drops every second point, but neither the first nor the last.
func (t *track) thin() {
	n := 0
	for i := range t.at {
		if i%2 == 0 || i == len(t.at)-1 {
			t.at[n], t.value[n] = t.at[i], t.value[i]
			n++
		}
	}
	t.at, t.value = t.at[:n], t.value[:n]
}

// when interpolates linearly; before the first point and after the last one it
// is the value there. NaN for a track without points.
func (t *track) when(d time.Duration) float64 {
	n := len(t.at)
	if n == 0 {
		return math.NaN()
	}
	i := sort.Search(n, func(i int) bool { return t.at[i] >= d }) // the first point not before d
	switch {
	case i == 0:
		return t.value[0]
	case i == n:
		return t.value[n-1]
	}
	share := float64(d-t.at[i-1]) / float64(t.at[i]-t.at[i-1])
	return t.value[i-1] + share*(t.value[i]-t.value[i-1])
}

// growth is how much the figure rose in a window.
func (t *track) growth(begin, end time.Duration) float64 { return t.when(end) - t.when(begin) }

// peak is the highest value in a window, its interpolated borders included.
func (t *track) peak(begin, end time.Duration) float64 {
	top := math.Max(t.when(begin), t.when(end))
	first := sort.Search(len(t.at), func(i int) bool { return t.at[i] >= begin })
	for i := first; i < len(t.at) && t.at[i] <= end; i++ {
		top = math.Max(top, t.value[i])
	}
	return top
}
