package record

import (
	"fmt"
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
