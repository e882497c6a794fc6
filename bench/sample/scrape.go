package sample

import (
	"context"
	"fmt"
	"sync"
	"time"

	"dyno/internal/record"
)

const (
	// DefaultScrape is the time between two looks at what a service exports.
	DefaultScrape = time.Second
	scrapeTimeout = 5 * time.Second
)

// Source is some series that a service exports.
type Source struct {
	URL   string
	Names []string // of the series
	// Look is what each is now, and which are counters.
	Look func(context.Context) (values []float64, counters []bool, err error)
}

// Scraper reads named series that a service exports.
type Scraper struct {
	source    Source
	began     time.Time
	tracks    []track
	cumulates []bool // series by series: it is a counter
	lost      int    // looks that failed
	interval  time.Duration
	cancel    context.CancelFunc
	done      chan struct{}
	stop      func() *Scraped
}

// StartScraper looks for the first time, at once, and then at intervals (0:
// DefaultScrape) until Stop or the end of the context. A first look that fails is
// an error.
func StartScraper(ctx context.Context, source Source, interval time.Duration) (*Scraper, error) {
	s := &Scraper{
		source: source, began: time.Now(), interval: interval, done: make(chan struct{}), tracks: make([]track, len(source.Names)),
	}
	if s.interval == 0 {
		s.interval = DefaultScrape
	}
	if err := s.look(ctx); err != nil {
		return nil, fmt.Errorf("%s: %w", source.URL, err)
	}
	ctx, s.cancel = context.WithCancel(ctx)
	s.stop = sync.OnceValue(func() *Scraped {
		s.cancel()
		<-s.done
		s.note(context.WithoutCancel(ctx))
		return &Scraped{s}
	})
	go s.run(ctx)
	return s, nil
}

func (s *Scraper) run(ctx context.Context) {
	defer close(s.done)
	ticker := time.NewTicker(s.interval)
	defer ticker.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-ticker.C:
		}
		s.note(ctx)
		if len(s.tracks[0].at) >= maxPoints {
			for i := range s.tracks {
				s.tracks[i].thin()
			}
			s.interval *= 2
			ticker.Reset(s.interval)
		}
	}
}

// note looks again; a look that fails leaves a gap, over which is interpolated.
func (s *Scraper) note(ctx context.Context) {
	if err := s.look(ctx); err != nil && ctx.Err() == nil {
		s.lost++
	}
}

func (s *Scraper) look(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, scrapeTimeout)
	defer cancel()
	at := time.Since(s.began)
	values, counters, err := s.source.Look(ctx)
	if err != nil {
		return err
	}
	s.cumulates = counters
	for i, v := range values {
		s.tracks[i].add(at, v)
	}
	return nil
}

// Stop looks for the last time and returns all that was seen. Further calls
// return the same.
func (s *Scraper) Stop() *Scraped { return s.stop() }

// Scraped is what a [Scraper] saw. It does not change any more.
type Scraped struct{ s *Scraper }

// Lost is how many looks failed.
func (s *Scraped) Lost() int { return s.s.lost }

// Window sums up the series from begin to end: how much counters grew in a
// second, and what other series were on average. It interpolates between looks.
func (s *Scraped) Window(begin, end time.Time) (counters, gauges record.Vector) {
	b, e := begin.Sub(s.s.began), end.Sub(s.s.began)
	for i := range s.s.tracks {
		into, value := &gauges, s.s.tracks[i].mean(b, e)
		if s.s.cumulates[i] {
			into, value = &counters, s.s.tracks[i].risen(b, e)/(e-b).Seconds()
		}
		into.Labels, into.Values = append(into.Labels, s.s.source.Names[i]), append(into.Values, value)
	}
	return counters, gauges
}

// Series are the same step by step; a last step that would not be whole is left out.
func (s *Scraped) Series(begin, end time.Time, step time.Duration) record.Series {
	out := record.Series{Step: step.Seconds()}
	for i, name := range s.s.source.Names {
		line := record.Line{Name: name}
		for at := begin; !at.Add(step).After(end) && len(line.Values) < maxPoints; at = at.Add(step) {
			b, e := at.Sub(s.s.began), at.Add(step).Sub(s.s.began)
			if s.s.cumulates[i] {
				line.Values = append(line.Values, s.s.tracks[i].risen(b, e)/step.Seconds())
			} else {
				line.Values = append(line.Values, s.s.tracks[i].mean(b, e))
			}
		}
		out.Lines = append(out.Lines, line)
	}
	return out
}

// edges are the points of a track within a window, and its interpolated ends.
func (t *track) edges(begin, end time.Duration) (at []time.Duration, value []float64) {
	at, value = []time.Duration{begin}, []float64{t.when(begin)}
	for i, a := range t.at {
		if a > begin && a < end {
			at, value = append(at, a), append(value, t.value[i])
		}
	}
	return append(at, end), append(value, t.when(end))
}

// risen is how much a counter grew; one that is smaller than before began anew
// at 0, with its process.
func (t *track) risen(begin, end time.Duration) (sum float64) {
	_, values := t.edges(begin, end)
	for i := range values[1:] {
		if d := values[i+1] - values[i]; d >= 0 {
			sum += d
		} else {
			sum += values[i+1]
		}
	}
	return sum
}

// mean is that of the line between the points.
func (t *track) mean(begin, end time.Duration) (area float64) {
	at, values := t.edges(begin, end)
	for i := range at[1:] {
		area += (values[i] + values[i+1]) / 2 * float64(at[i+1]-at[i])
	}
	return area / float64(end-begin)
}
