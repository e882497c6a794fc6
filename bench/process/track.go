package process

import "sort"

// maxPoints bounds the memory of a track: at witnessEvery it lasts for 20 s,
// then every second point is dropped and the next ones lie twice as far apart.
const maxPoints = 4096

// point is a reading of a clock that only ever grows. The reading happened
// between two moments, nanoseconds since 1970.
type point struct{ after, before, cpu int64 }

// track is what was read of one clock, in the order of time. Its methods give
// bounds that hold whatever happened between two readings.
type track struct {
	points []point
	every  int // only one reading in so many is kept; 0: all
	seen   int
	over   bool // the last point is the end: the clock stands still from there
}

// add keeps a reading, unless the track has grown coarse.
func (t *track) add(p point) {
	t.seen++
	if t.every > 1 && t.seen%t.every != 0 {
		return
	}
	if t.points = append(t.points, p); len(t.points) < maxPoints {
		return
	}
	kept := t.points[:0]
	for i, p := range t.points {
		if i%2 == 0 || i == len(t.points)-1 {
			kept = append(kept, p)
		}
	}
	t.points, t.every = kept, 2*max(t.every, 1)
}

// close adds the reading at the clock's end.
func (t *track) close(p point) { t.points, t.over = append(t.points, p), true }

// last is the newest point; the zero one of an empty track.
func (t *track) last() point {
	if len(t.points) == 0 {
		return point{}
	}
	return t.points[len(t.points)-1]
}

// least is what the clock showed at least at a moment; 0 before its first point.
func (t *track) least(at int64) int64 {
	i := sort.Search(len(t.points), func(i int) bool { return t.points[i].before > at })
	if i == 0 {
		return 0
	}
	return t.points[i-1].cpu
}

// most is what it showed at most. ok is false after the last point, unless the
// clock stands still: who knows.
func (t *track) most(at int64) (cpu int64, ok bool) {
	i := sort.Search(len(t.points), func(i int) bool { return t.points[i].after >= at })
	if i == len(t.points) {
		return t.last().cpu, t.over
	}
	return t.points[i].cpu, true
}

// when interpolates.
func (t *track) when(at int64) float64 {
	i := sort.Search(len(t.points), func(i int) bool { return t.points[i].after >= at })
	switch {
	case i == len(t.points):
		return float64(t.last().cpu)
	case i == 0:
		return float64(t.points[0].cpu)
	}
	a, b := t.points[i-1], t.points[i]
	if b.after == a.after {
		return float64(b.cpu)
	}
	return float64(a.cpu) + float64(b.cpu-a.cpu)*float64(at-a.after)/float64(b.after-a.after)
}

// window is what the clock ran in a window at least and at most, when its ends
// are known to within slack.
func (t *track) window(begin, end, slack int64) (least, most int64, covered bool) {
	begun, ok := t.most(begin + slack)
	ended, ok2 := t.most(end + slack)
	least = max(t.least(end-slack)-begun, 0)
	most = max(ended-t.least(begin-slack), least)
	return least, most, ok && ok2
}
