package figure

import (
	"math"
	"strconv"
	"strings"

	"gonum.org/v1/plot"
)

// span is the range of an axis with its ticks.
type span struct {
	lo, hi float64
	log    bool
	ticks  []plot.Tick
	note   string // why it is not logarithmic, where that was asked for
}

// headRoom is the share of the axis that stays free above the highest whisker.
const headRoom = 0.07

// Numbers nearer to zero than tiny are drawn as zero: ticks could not be told
// apart in float64. A logarithmic axis has at most so many decades; what lies
// below them stands at its foot.
const (
	tiny    = 1e-100
	decades = 15
)

// yspan finds the range that holds every value, whisker and theory mark of a
// chart. A logarithmic axis is for positive values; when there are none it
// becomes linear, with a note.
func yspan(c *Chart, fromZero bool) span {
	lo, hi, least := math.Inf(1), math.Inf(-1), math.Inf(1)
	take := func(v float64) {
		if math.Abs(v) < tiny {
			v = 0
		}
		lo, hi = min(lo, v), max(hi, v)
		if v > 0 {
			least = min(least, v)
		}
	}
	c.each(func(p *Point) {
		if p.Theory != nil {
			take(*p.Theory)
		}
		if p.drawn() {
			take(p.Lo)
			take(p.Hi)
			take(p.Y)
		}
	})
	switch {
	case math.IsInf(lo, 1):
		return linear(0, 1) // nothing was measured
	case c.Y.Log && hi > 0:
		return logarithmic(max(least, hi/math.Pow10(decades)), hi, fromZero, lo <= 0)
	}
	s := linear(bounds(lo, hi, fromZero))
	if c.Y.Log {
		s.note = "The y axis is linear, though a logarithmic one was asked for: no value is above 0."
	}
	return s
}

// bounds adds zero, unless the values would be squeezed into the top of the
// axis and the kind allows to leave it out, and head room.
func bounds(lo, hi float64, fromZero bool) (float64, float64) {
	const squeezed = 0.8 // the least value is this close to the greatest
	if fromZero || lo < 0 || lo < squeezed*hi {
		lo, hi = min(lo, 0), max(hi, 0)
	}
	if lo == hi {
		hi += max(1, math.Abs(hi)*0.1)
	}
	room := (hi - lo) * headRoom
	if hi > 0 {
		hi += room
	}
	if lo != 0 {
		lo -= room
	}
	return lo, hi
}

// linear puts ticks at multiples of 1, 2, 2.5 or 5 times a power of ten.
func linear(lo, hi float64) span {
	const most = 6 // intervals
	magnitude := math.Pow(10, math.Floor(math.Log10((hi-lo)/most)))
	step := magnitude * 10
	for _, m := range []float64{1, 2, 2.5, 5} {
		if (hi-lo)/(m*magnitude) <= most {
			step = m * magnitude
			break
		}
	}
	s := span{lo: lo, hi: hi}
	for i := math.Ceil(lo/step - 1e-9); i*step <= hi+1e-9*step; i++ {
		s.ticks = append(s.ticks, plot.Tick{Value: i * step, Label: tickLabel(i*step, step)})
	}
	return s
}

// logarithmic puts labelled ticks at the powers of ten, and at 2 and 5 when
// there are few of those. Bars begin at a power of ten below every value.
func logarithmic(least, greatest float64, bars, zeros bool) span {
	s := span{log: true, lo: least / 1.25, hi: greatest * 1.25}
	if zeros && !bars {
		s.lo /= 3 // so that what stands at the foot touches no value
	}
	first := math.Floor(math.Log10(s.lo))
	last := math.Ceil(math.Log10(s.hi))
	if bars {
		s.lo = math.Pow(10, first)
	}
	few, every := last-first <= 2, max(1, math.Ceil((last-first)/7))
	switch {
	case few && !bars: // reach the next labelled value on both sides
		s.lo, s.hi = nextBelow(s.lo), nextAbove(s.hi)
	case few && s.hi < 2*s.lo: // one label alone would not make a scale
		s.hi = 2 * s.lo
	}
	for e := first; e <= last; e++ {
		for m := 1.0; m < 10; m++ {
			v := m * math.Pow(10, e)
			if v < s.lo*(1-1e-9) || v > s.hi*(1+1e-9) {
				continue
			}
			t := plot.Tick{Value: v}
			if m == 1 && math.Mod(e-first, every) == 0 || few && (m == 2 || m == 5) {
				t.Label = tickLabel(v, v)
			}
			s.ticks = append(s.ticks, t)
		}
	}
	return s
}

func nextBelow(v float64) float64 {
	p := math.Pow(10, math.Floor(math.Log10(v)))
	switch {
	case v >= 5*p:
		return 5 * p
	case v >= 2*p:
		return 2 * p
	}
	return p
}

func nextAbove(v float64) float64 {
	p := math.Pow(10, math.Floor(math.Log10(v)))
	switch {
	case v <= p:
		return p
	case v <= 2*p:
		return 2 * p
	case v <= 5*p:
		return 5 * p
	}
	return 10 * p
}

// tickLabel writes a value with the digits that a step needs, and commas
// between thousands.
func tickLabel(v, step float64) string {
	switch {
	case v == 0:
		return "0"
	case math.Abs(v) >= 1e9 || step < 1e-4:
		power := func(x float64) int { return int(math.Floor(math.Log10(math.Abs(x)))) }
		return strconv.FormatFloat(v, 'g', max(3, power(v)-power(step)+2), 64)
	}
	digits := 0
	for digits < 6 && math.Abs(step-math.Round(step*math.Pow10(digits))/math.Pow10(digits)) > step*1e-6 {
		digits++
	}
	whole, rest, _ := strings.Cut(strconv.FormatFloat(v, 'f', digits, 64), ".")
	if rest != "" {
		rest = "." + rest
	}
	return thousands(whole) + rest
}

// plainNumber writes a value by itself, to three digits.
func plainNumber(v float64) string { return strconv.FormatFloat(v, 'g', 3, 64) }

func thousands(whole string) string {
	sign := ""
	if strings.HasPrefix(whole, "-") {
		sign, whole = "-", whole[1:]
	}
	if len(whole) < 5 {
		return sign + whole
	}
	for i := len(whole) - 3; i > 0; i -= 3 {
		whole = whole[:i] + "," + whole[i:]
	}
	return sign + whole
}

// norm is where a value stands on the axis, from 0 to 1; on a logarithmic one,
// what has no logarithm or lies below the axis stands at its foot.
func (s span) norm(v float64) float64 {
	if s.log {
		return math.Log(max(v, s.lo)/s.lo) / math.Log(s.hi/s.lo)
	}
	return (v - s.lo) / (s.hi - s.lo)
}

// apply sets up an axis of the plot. It runs from 0 to 1 whatever the scale:
// plot places the labels of logarithmic axes as if they were linear, and its
// scale panics at zero.
func (s span) apply(a *plot.Axis) {
	a.Min, a.Max = 0, 1
	ticks := make(plot.ConstantTicks, len(s.ticks))
	for i, t := range s.ticks {
		ticks[i] = plot.Tick{Value: s.norm(t.Value), Label: t.Label}
	}
	a.Tick.Marker = ticks
}
