package record

import (
	"fmt"
	"math"
	"strconv"
	"strings"
)

// rateUnits are the times that a rate may be said of, in seconds.
var rateUnits = []struct {
	unit    string
	seconds float64
}{{"/s", 1}, {"/min", 60}, {"/m", 60}, {"/h", 3600}}

// ParseRate reads a rate as people write it: 200, 200/s, 1/min, 6/h. The result
// is per second, not negative.
func ParseRate(text string) (float64, error) {
	number, unit := SplitRate(text)
	x, err := strconv.ParseFloat(number, 64)
	if err != nil || math.IsNaN(x) || math.IsInf(x, 0) || x < 0 {
		return 0, fmt.Errorf("%q is not a rate, such as 200, 200/s, 1/min or 6/h", text)
	}
	return x / unit, nil
}

// SplitRate cuts the unit off a rate, and says how many seconds it has; one of a
// rate without a unit.
func SplitRate(text string) (number string, seconds float64) {
	text = strings.TrimSpace(text)
	for _, u := range rateUnits {
		if number, ok := strings.CutSuffix(text, u.unit); ok {
			return strings.TrimSpace(number), u.seconds
		}
	}
	return text, 1
}
