package load

import (
	"bufio"
	"fmt"
	"io"
	"math"
	"strconv"
	"strings"
	"time"
)

// maxReplay bounds a [Replay]: 80 MB.
const maxReplay = 10_000_000

// Replay is when operations start, in order, since the first one of a recording.
type Replay []time.Duration

// ReadReplay reads arrival times, one a line: seconds ("0.25"), durations
// ("250ms") or points in time (RFC 3339), in order; what follows a blank or a
// comma in a line is ignored, as are empty lines and those that begin with #.
// The first one becomes 0.
func ReadReplay(r io.Reader) (Replay, error) {
	var out Replay
	var first time.Duration
	lines := bufio.NewScanner(r)
	for n := 1; lines.Scan(); n++ {
		word, _, _ := strings.Cut(strings.TrimSpace(strings.ReplaceAll(lines.Text(), ",", " ")), " ")
		if word == "" || strings.HasPrefix(word, "#") {
			continue
		}
		at, err := arrival(word)
		switch {
		case err != nil:
			return nil, fmt.Errorf("line %d: %w", n, err)
		case len(out) == maxReplay:
			return nil, fmt.Errorf("line %d: more than %d arrivals", n, maxReplay)
		case len(out) == 0:
			first = at
		case at-first < out[len(out)-1]:
			return nil, fmt.Errorf("line %d: %s is before the line above it: sort the file", n, word)
		}
		out = append(out, at-first)
	}
	if err := lines.Err(); err != nil {
		return nil, err
	}
	if len(out) == 0 {
		return nil, fmt.Errorf("no arrival in it: give one time a line")
	}
	return out, nil
}

// arrival is since whatever the recording counts from.
func arrival(word string) (time.Duration, error) {
	if s, err := strconv.ParseFloat(word, 64); err == nil && s >= 0 && s < math.MaxInt64/1e9 {
		return nanoseconds(s * 1e9), nil
	}
	if d, err := time.ParseDuration(word); err == nil && d >= 0 {
		return d, nil
	}
	if t, err := time.Parse(time.RFC3339Nano, word); err == nil {
		return time.Duration(t.UnixNano()), nil
	}
	return 0, fmt.Errorf("%q is no time of arrival: give seconds (0.25), a duration (250ms) or a date and time (RFC 3339)", word)
}

// Length is the time from the first arrival to just after the last one.
func (r Replay) Length() time.Duration { return r[len(r)-1] + 1 }

// starts are the arrivals from the window's begin on. What arrives first arrives
// during the warm-up too; after the last one nothing does.
func (r Replay) starts(warmup time.Duration) func(yield func(time.Duration) bool) {
	return func(yield func(time.Duration) bool) {
		for _, at := range r {
			if at >= warmup {
				break
			}
			if !yield(at) {
				return
			}
		}
		for _, at := range r {
			if !yield(add(warmup, at)) {
				return
			}
		}
	}
}
