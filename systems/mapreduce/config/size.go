package config

import (
	"fmt"
	"math"
	"strconv"
	"strings"
)

// Size is a flag's number of bytes, written as 64MiB, 512KiB, 1GiB or 1000.
type Size int64

// units are those that people write, longest first.
var units = []struct {
	name  string
	bytes int64
}{
	{"KiB", 1 << 10},
	{"MiB", 1 << 20},
	{"GiB", 1 << 30},
	{"KB", 1e3},
	{"MB", 1e6},
	{"GB", 1e9},
	{"B", 1},
	{"", 1},
}

// String implements flag.Value.
func (s Size) String() string {
	for _, u := range []int{2, 1, 0} {
		if s != 0 && int64(s)%units[u].bytes == 0 {
			return strconv.FormatInt(int64(s)/units[u].bytes, 10) + units[u].name
		}
	}
	return strconv.FormatInt(int64(s), 10)
}

// Set implements flag.Value.
func (s *Size) Set(text string) error {
	for _, u := range units {
		digits, ok := strings.CutSuffix(text, u.name)
		if !ok {
			continue
		}
		n, err := strconv.ParseInt(digits, 10, 64)
		if err != nil || n < 1 || n > math.MaxInt64/u.bytes {
			break
		}
		*s = Size(n * u.bytes)
		return nil
	}
	return fmt.Errorf("%q is not a size such as 16MiB, 512KiB or 1000", text)
}

// Type is what help calls the flag's value.
func (s Size) Type() string { return "size" }
