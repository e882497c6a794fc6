package load

import (
	"strings"
	"testing"
	"time"

	"pgregory.net/rapid"
)

// The window is refused that a constant schedule can pass by, and no other.
func TestCheckWindow(t *testing.T) {
	for _, c := range []struct {
		rate   float64
		length time.Duration
		want   []string // nil: fine
	}{
		{0.1, 3 * time.Second, []string{"3s", "0.1 req/s", "0.3 requests", "to 10s", "to 0.334 req/s"}},
		{0.1, 10 * time.Second, nil},
		{0.1, 9999 * time.Millisecond, []string{"to 10s"}},
		{3, 300 * time.Millisecond, []string{"to 334ms"}},
		{3, 334 * time.Millisecond, nil},
		{1, time.Second, nil},
		{1e5, time.Second, nil},
		{0, time.Second, []string{"0 req/s"}},
	} {
		err := CheckWindow(c.rate, c.length)
		if (err == nil) != (c.want == nil) {
			t.Errorf("%v req/s for %v: %v", c.rate, c.length, err)
			continue
		}
		for _, w := range c.want {
			if !strings.Contains(err.Error(), w) {
				t.Errorf("%v req/s for %v: %q does not say %q", c.rate, c.length, err, w)
			}
		}
	}
}

// A window that is let pass has an operation of the constant schedule in it,
// wherever it begins.
func TestCheckedWindowsHoldAnOperation(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		s := Schedule{Arrivals: "constant", Rate: rapid.Float64Range(0.1, 50).Draw(t, "rate")}
		length := time.Duration(rapid.Int64Range(1, 20_000).Draw(t, "ms")) * time.Millisecond
		warmup := time.Duration(rapid.Int64Range(0, 20_000).Draw(t, "warmup")) * time.Millisecond
		if CheckWindow(s.Rate, length) != nil {
			return
		}
		for at := range s.Starts() {
			if at >= warmup+length+time.Microsecond { // what rounding to nanoseconds may add
				t.Fatalf("none in %v from %v at %v", length, warmup, s.Rate)
			}
			if at >= warmup {
				return
			}
		}
	})
}
