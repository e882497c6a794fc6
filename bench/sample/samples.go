package sample

import (
	"slices"
	"sort"
	"time"

	"dyno/internal/record"
)

// Samples are what a [Sampler] saw. They do not change any more and may be
// read concurrently. Their methods panic on a name that was not a target: a
// bug of the caller.
type Samples struct {
	began     time.Time
	histories map[string]*history
	uncertain time.Duration // by how much the clocks of other machines may be wrong
}

// Usage is what one process used in a window of time. A figure that this
// machine does not tell is NaN, which no observation accepts.
type Usage struct {
	CPUSeconds  float64 // user and system, all threads
	Cores       float64 // mean number of cores in use: CPUSeconds over the window's length
	MaxRSSBytes float64 // highest resident memory

	// Ended says that the process was gone before the window was over. The
	// figures hold up to its last sample: up to one interval is missing.
	Ended bool

	// Covered is the share of the window for which there are samples, 0 to 1;
	// below 1 when the sampler started late or stopped early. Where there are
	// none, a process counts as idle. After its end it is known to be.
	Covered float64
}

// Window sums up one process from begin to end. A window that is empty or runs
// backwards gives the zero Usage.
func (s *Samples) Window(name string, begin, end time.Time) Usage {
	h := s.history(name)
	b, e := begin.Sub(s.began), end.Sub(s.began)
	if e <= b {
		return Usage{}
	}
	u := Usage{
		CPUSeconds:  h.tracks[cpu].growth(b, e),
		MaxRSSBytes: h.tracks[rss].peak(b, e),
	}
	u.Cores = u.CPUSeconds / (e - b).Seconds()
	at := h.tracks[cpu].at
	first, last := at[0], at[len(at)-1] // Start insists on one sample
	if h.ended && last < e {
		u.Ended, last = true, e
	}
	u.Covered = max(0, float64(min(e, last)-max(b, first))/float64(e-b))
	return u
}

// Slack is how far from the ends of a window any process's readings of CPU time
// lay: between two of them it is interpolated, before the first and after the
// last taken as it was then.
func (s *Samples) Slack(begin, end time.Time) (slack time.Duration) {
	for _, h := range s.histories {
		at := h.tracks[cpu].at
		for _, edge := range []time.Duration{begin.Sub(s.began), end.Sub(s.began)} {
			i := sort.Search(len(at), func(i int) bool { return at[i] >= edge })
			if i < len(at) {
				slack = max(slack, at[i]-edge)
			}
			if i > 0 && (i < len(at) || !h.ended) {
				slack = max(slack, edge-at[i-1])
			}
		}
	}
	return slack + s.uncertain
}

// Missed is the CPU time that processes may have used between their last reading
// and their end, where that fell into a window: one core's for as long.
func (s *Samples) Missed(begin, end time.Time) (missed time.Duration) {
	for _, h := range s.histories {
		ends := h.unseen
		if at := h.tracks[cpu].at; h.ended {
			ends = append(slices.Clip(ends), span{at[len(at)-1], h.gone})
		}
		for _, e := range ends {
			if e.to >= begin.Sub(s.began) && e.from <= end.Sub(s.began) {
				missed += e.to - e.from
			}
		}
	}
	return missed
}

// SeriesCores is the mean number of cores that a process used in each step
// from begin to end. A last step that would not be whole is left out, as are
// steps beyond the number of samples that a sampler keeps.
func (s *Samples) SeriesCores(name string, begin, end time.Time, step time.Duration) record.Series {
	t := &s.history(name).tracks[cpu]
	series := record.Series{Step: step.Seconds()}
	if step <= 0 {
		return series
	}
	from := begin.Sub(s.began)
	steps := min(end.Sub(begin)/step, maxPoints)
	for range steps {
		series.Values = append(series.Values, t.growth(from, from+step)/step.Seconds())
		from += step
	}
	return series
}

func (s *Samples) history(name string) *history {
	h, ok := s.histories[name]
	if !ok {
		panic("no process " + name + " was sampled")
	}
	return h
}
