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
func Number(s stats.Summary) string {
	if s.Kind == stats.Alone {
		return Value(s.Center)
	}
	d := digits(s)
	center, lo, hi := fixed(s.Center, d), fixed(s.Lo, d), fixed(s.Hi, d)
	if s.Kind == stats.Range {
		return center + " (" + lo + " to " + hi + ")"
	}
	return center + " [" + lo + ", " + hi + "]"
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
