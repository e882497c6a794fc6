package load

import (
	"errors"
	"fmt"
	"iter"
	"math"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"

	"dyno/internal/record"
)

// maxLegs bounds a [Profile].
const maxLegs = 1000

// Leg is a stretch of time in which a rate grows or falls evenly, or stays.
type Leg struct {
	From float64       `json:"from_rps"` // operations per second, 0 to MaxRate
	To   float64       `json:"to_rps"`
	For  time.Duration `json:"for_ns"` // 0: its share of what others leave of the window
}

// Profile is a rate over time: ramps, steps, spikes and pauses, one after the
// other. After the last one its rate goes on.
type Profile []Leg

var legForm = sync.OnceValue(func() *regexp.Regexp {
	return regexp.MustCompile(`^(\S+?)(?:\s*\.\.\s*(\S+))?(?:\s+(?:over|for)\s+(\S+))?$`)
})

// ParseProfile reads legs that are joined by commas: "100..5000/s over 2m",
// "100/s for 10s, 2000/s for 1s, 100/s". Rates are per second unless they say
// /min or /h.
func ParseProfile(text string) (Profile, error) {
	var p Profile
	for part := range strings.SplitSeq(text, ",") {
		leg, err := parseLeg(strings.TrimSpace(part))
		if err != nil {
			return nil, err
		}
		p = append(p, leg)
	}
	if err := p.check(); err != nil {
		return nil, err
	}
	return p, nil
}

func parseLeg(text string) (leg Leg, err error) {
	m := legForm().FindStringSubmatch(text)
	if m == nil {
		return leg, fmt.Errorf("%q is no part of a ramp, such as 100..5000/s over 2m, or 200/s for 10s", text)
	}
	from, to := m[1], m[2]
	if to == "" {
		to = from
	} else if number, seconds := record.SplitRate(from); number == from && seconds == 1 {
		number, _ = record.SplitRate(to)
		from += strings.TrimPrefix(to, number) // 1..5/min: the unit is that of both
	}
	if leg.From, err = record.ParseRate(from); err != nil {
		return leg, err
	}
	if leg.To, err = record.ParseRate(to); err != nil {
		return leg, err
	}
	if m[3] == "" {
		return leg, nil
	}
	if leg.For, err = time.ParseDuration(m[3]); err != nil || leg.For <= 0 {
		return leg, fmt.Errorf("%q: %q is not a time above 0, such as 30s or 2m", text, m[3])
	}
	return leg, nil
}

func (p Profile) check() error {
	if len(p) > maxLegs {
		return fmt.Errorf("a ramp has at most %d parts, not %d", maxLegs, len(p))
	}
	for _, l := range p {
		if !(l.From >= 0 && l.To >= 0) || max(l.From, l.To) > MaxRate || l.For < 0 {
			return fmt.Errorf("a ramp's rates are from 0 to %g per second, and its times not negative: %+v", float64(MaxRate), l)
		}
	}
	if p.peak() == 0 {
		return errors.New("a ramp without any rate above 0 offers nothing")
	}
	return nil
}

func (p Profile) peak() (most float64) {
	for _, l := range p {
		most = max(most, l.From, l.To)
	}
	return most
}

// String is the profile as [ParseProfile] reads it.
func (p Profile) String() string {
	number := func(x float64) string { return strconv.FormatFloat(x, 'g', -1, 64) }
	parts := make([]string, len(p))
	for i, l := range p {
		parts[i] = number(l.From)
		if l.To != l.From {
			parts[i] += ".." + number(l.To)
		}
		parts[i] += "/s"
		if l.For > 0 {
			parts[i] += " over " + l.For.String()
		}
	}
	return strings.Join(parts, ", ")
}

// Length is the time that the profile asks for; 0 when it takes what there is.
func (p Profile) Length() (sum time.Duration) {
	for _, l := range p {
		sum += l.For
	}
	return sum
}

// Complete says whether every leg has its time.
func (p Profile) Complete() bool {
	return !slices.ContainsFunc(p, func(l Leg) bool { return l.For == 0 })
}

// Fit lays the profile into a window: legs that do not say how long they take
// share what the others leave, and the first rate holds during the warm-up.
func (p Profile) Fit(warmup, length time.Duration) (Profile, error) {
	if err := p.check(); err != nil {
		return nil, err
	}
	rest := length - p.Length()
	if rest < 0 {
		return nil, fmt.Errorf("the ramp %v takes %v, the window %v: give a length of %v, or shorten the ramp", p, p.Length(), length, p.Length())
	}
	var open time.Duration // legs
	for _, l := range p {
		if l.For == 0 {
			open++
		}
	}
	fitted := slices.Concat(Profile{{From: p[0].From, To: p[0].From, For: warmup}}, p)
	for i := range fitted[1:] {
		if l := &fitted[i+1]; l.For == 0 {
			if l.For = rest / open; l.For == 0 {
				return nil, fmt.Errorf("the ramp %v leaves no time of the window, %v, for the parts that do not say how long they take", p, length)
			}
		}
	}
	return fitted, nil
}

// starts are the times at which the area under the rate, the number of
// operations, reaches given numbers (a change of the scale of time, by which
// arrivals at rate 1 become those at any rate).
func (p Profile) starts(areas iter.Seq[float64]) iter.Seq[time.Duration] {
	return func(yield func(time.Duration) bool) {
		leg, before := 0, 0.0        // before: area before the leg
		var since time.Duration      // when the leg began
		end, last := Leg{}, len(p)-1 // end: the last rate, for ever
		end.From, end.To = p[last].To, p[last].To
		for area := range areas {
			for leg <= last && area-before >= p[leg].area() {
				before += p[leg].area()
				since += p[leg].For
				leg++
			}
			l := end
			if leg <= last {
				l = p[leg]
			}
			if !yield(add(since, l.reach(area-before))) {
				return
			}
		}
	}
}

func (l Leg) area() float64 { return (l.From + l.To) / 2 * l.For.Seconds() }

// reach is when the area since the leg's begin has grown to a number: the root
// of From·t + slope·t²/2 = area, in the form that loses no digits.
func (l Leg) reach(area float64) time.Duration {
	slope := 0.0
	if l.For > 0 {
		slope = (l.To - l.From) / l.For.Seconds()
	}
	if area == 0 && l.From > 0 {
		return 0
	}
	root := math.Sqrt(max(0, l.From*l.From+2*slope*area))
	if l.From+root == 0 {
		if area == 0 && slope > 0 {
			return 0
		}
		return math.MaxInt64 // a rate of 0 reaches nothing
	}
	return nanoseconds(2 * area / (l.From + root) * 1e9)
}

// add stops at the longest Duration.
func add(a, b time.Duration) time.Duration {
	if a > math.MaxInt64-b {
		return math.MaxInt64
	}
	return a + b
}
