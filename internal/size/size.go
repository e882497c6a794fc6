// Package size reads numbers of bytes as people write them.
package size

import (
	"fmt"
	"math"
	"strconv"
	"strings"
)

// units are tried in this order: a suffix of another stands behind it.
var units = []struct {
	suffix string
	bytes  float64
}{
	{"KiB", 1 << 10},
	{"MiB", 1 << 20},
	{"GiB", 1 << 30},
	{"kB", 1e3},
	{"KB", 1e3},
	{"MB", 1e6},
	{"GB", 1e9},
	{"B", 1},
	{"", 1},
}

// Max bounds what can be read, in bytes.
const Max = 1e15

// Parse reads a number of bytes above 0, with or without a unit: 1.5MiB, 64kB,
// 1000. A fraction of a byte is rounded up.
func Parse(text string) (int64, error) {
	for _, u := range units {
		number, ok := strings.CutSuffix(text, u.suffix)
		if !ok {
			continue
		}
		x, err := strconv.ParseFloat(number, 64)
		if err != nil || !(x > 0 && x*u.bytes <= Max) {
			break
		}
		return int64(math.Ceil(x * u.bytes)), nil
	}
	return 0, fmt.Errorf("%q is not a number of bytes such as 500000, 64kB or 1MiB", text)
}
