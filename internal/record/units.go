package record

import (
	"fmt"
	"math"
	"strconv"
	"strings"
	"time"
)

// Duration converts to the standard library's type.
func (s Seconds) Duration() time.Duration { return time.Duration(float64(s) * float64(time.Second)) }

// String formats like a Go duration, "1.5s".
func (s Seconds) String() string { return s.Duration().String() }

// ToSeconds converts from the standard library's type.
func ToSeconds(d time.Duration) Seconds { return Seconds(d.Seconds()) }

// UnmarshalYAML reads a Go duration ("300ms", "1m30s"). JSON holds the bare
// number, which is why this is not UnmarshalText.
func (s *Seconds) UnmarshalYAML(decode func(any) error) error {
	var text string
	if err := decode(&text); err != nil {
		return err
	}
	d, err := time.ParseDuration(text)
	if err != nil {
		return fmt.Errorf("%q is not a duration such as 300ms or 1m30s", text)
	}
	if d < 0 {
		return fmt.Errorf("%q is negative", text)
	}
	*s = ToSeconds(d)
	return nil
}

// MarshalYAML is the inverse of UnmarshalYAML.
func (s Seconds) MarshalYAML() (any, error) { return s.String(), nil }

// Share is a part of a whole, 0 to 1. Files and flags write it in per cent,
// with the sign ("0.1%"), so that nobody has to guess which of the two a bare
// number is; JSON holds the number from 0 to 1.
type Share float64

// String formats in per cent, to three digits.
func (s Share) String() string { return strconv.FormatFloat(float64(s)*100, 'g', 3, 64) + " %" }

// Set reads a percentage. It makes *Share a flag.Value.
func (s *Share) Set(text string) error {
	number, ok := strings.CutSuffix(strings.TrimSpace(text), "%")
	x, err := strconv.ParseFloat(strings.TrimSpace(number), 64)
	if !ok || err != nil || math.IsNaN(x) || x < 0 || x > 100 {
		return fmt.Errorf("%q is not a percentage from 0%% to 100%%, such as 0.1%%", text)
	}
	*s = Share(x / 100)
	return nil
}

// UnmarshalYAML reads a percentage.
func (s *Share) UnmarshalYAML(decode func(any) error) error {
	var text string
	if err := decode(&text); err != nil {
		return err
	}
	return s.Set(text)
}

// MarshalYAML is the inverse of UnmarshalYAML.
func (s Share) MarshalYAML() (any, error) {
	return strconv.FormatFloat(float64(s)*100, 'g', -1, 64) + "%", nil
}
