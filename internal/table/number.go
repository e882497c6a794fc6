package table

import (
	"math"
	"strconv"
	"strings"

	"dyno/internal/stats"
)

// alone is how many significant digits a number without an interval gets.
const alone = 3

// Number writes a summary with the digits that its interval supports: two of
// the interval's width, or three if the number itself is small.
//
//	588 [571, 595]   interval of the median
//	588 (571 to 595) range of the blocks
//	588              one value
//
// An interval gets as many digits more as it takes to see on which side of the
// bounds it ends, if there are any.
func Number(s stats.Summary, bounds ...float64) string {
	if s.Kind == stats.Alone {
		return Value(s.Center)
	}
	d := digits(s)
	for more := d; more <= d+alone; more++ {
		if !hides(s, more, bounds) {
			d = more
			break
		}
	}
	center, lo, hi := fixed(s.Center, d), fixed(s.Lo, d), fixed(s.Hi, d)
	if s.Kind == stats.Range {
		return center + " (" + lo + " to " + hi + ")"
	}
	return center + " [" + lo + ", " + hi + "]"
}

// hides reports whether an end of an interval is written as a bound that it is not.
func hides(s stats.Summary, decimals int, bounds []float64) bool {
	for _, b := range bounds {
		for _, end := range []float64{s.Lo, s.Hi} {
			if end != b && fixed(end, decimals) == fixed(b, decimals) {
				return true
			}
		}
	}
	return false
}

// Value writes a number alone: whole numbers up to a million in full, others
// with three significant digits.
func Value(x float64) string {
	if x == math.Trunc(x) && math.Abs(x) < 1e6 {
		return fixed(x, 0)
	}
	return fixed(x, alone-1-magnitude(x))
}

// digits is how many decimals a summary is written with; negative ones round
// to tens, hundreds and so on.
func digits(s stats.Summary) int {
	width := s.Hi - s.Lo
	if width == 0 {
		if s.Center == math.Trunc(s.Center) {
			return 0
		}
		return alone - 1 - magnitude(s.Center)
	}
	d := 1 - magnitude(width)
	if s.Center != 0 { // but a wide interval needs no digits of a small number
		d = max(d, min(1-magnitude(s.Center), d+1))
	}
	return d
}

// magnitude is the power of ten of a number's first digit; 0 for 0.
func magnitude(x float64) int {
	if x == 0 {
		return 0
	}
	return int(math.Floor(math.Log10(math.Abs(x))))
}

// fixed writes a number with a number of decimals, from −9 to 9; beyond that
// in scientific notation.
func fixed(x float64, decimals int) string {
	const limit = 9
	if decimals > limit || decimals < -limit {
		return strconv.FormatFloat(x, 'g', alone, 64)
	}
	if decimals < 0 {
		p := math.Pow10(-decimals)
		x, decimals = math.Round(x/p)*p, 0
	}
	out := strconv.FormatFloat(x, 'f', decimals, 64)
	if strings.Trim(out, "-0.") == "" {
		return strings.TrimPrefix(out, "-") // no negative zero
	}
	return out
}
