package systems

import (
	"fmt"
	"math"
	"slices"
	"strconv"
	"strings"
	"time"

	"dyno/internal/record"
	"dyno/internal/size"
)

// Values are a trial's knobs: every knob of the system, in canonical text.
// The getters panic on a knob that the system does not declare or that is of
// another type: that is a bug in the system, never a user's mistake, because
// values are checked when they are read.
type Values record.Values

// Knob is something that a sweep may vary and a command line may set.
type Knob struct {
	Name    string // lower case, words joined by hyphens; also the flag's name
	Unit    string // "" for names and pure numbers; durations need none
	Default string
	Help    string // one line: what it does
	Type    Type

	// Breaks says that every level but the default stops, cuts or stalls something on
	// purpose: that nobody is answered meanwhile is no flaw of the measurement.
	Breaks bool
}

// Type says which texts a knob accepts.
type Type interface {
	// Parse checks a text and returns its canonical form. The error says what
	// is allowed.
	Parse(text string) (string, error)
	// Allowed describes the accepted texts in a few words.
	Allowed() string
}

// Int accepts whole numbers from Min to Max.
type Int struct{ Min, Max int }

// Parse implements [Type].
func (t Int) Parse(text string) (string, error) {
	n, err := strconv.Atoi(text)
	if err != nil || n < t.Min || n > t.Max {
		return "", fmt.Errorf("%q is not %s", text, t.Allowed())
	}
	return strconv.Itoa(n), nil
}

// Allowed implements [Type].
func (t Int) Allowed() string { return fmt.Sprintf("a whole number from %d to %d", t.Min, t.Max) }

// Size accepts whole numbers of a unit of bytes from Min to Max, and any size
// that is one: 4MiB is 4096 where the unit is KiB.
type Size struct {
	Unit     string
	Min, Max int
}

// Parse implements [Type].
func (t Size) Parse(text string) (string, error) {
	n, err := strconv.Atoi(text)
	if err != nil {
		unit := must(size.Parse("1" + t.Unit))
		var bytes int64
		if bytes, err = size.Parse(text); err == nil {
			n = int(bytes / unit)
			if bytes%unit != 0 {
				n = t.Min - 1 // is not one
			}
		}
	}
	if err != nil || n < t.Min || n > t.Max {
		return "", fmt.Errorf("%q is not %s", text, t.Allowed())
	}
	return strconv.Itoa(n), nil
}

// Allowed implements [Type].
func (t Size) Allowed() string {
	return fmt.Sprintf("a size of %d to %d %s, such as 16 or 16%s", t.Min, t.Max, t.Unit, t.Unit)
}

// Float accepts finite numbers from Min to Max.
type Float struct{ Min, Max float64 }

// Parse implements [Type].
func (t Float) Parse(text string) (string, error) {
	x, err := strconv.ParseFloat(text, 64)
	if err != nil || math.IsNaN(x) || x < t.Min || x > t.Max {
		return "", fmt.Errorf("%q is not %s", text, t.Allowed())
	}
	return strconv.FormatFloat(x, 'g', -1, 64), nil
}

// Allowed implements [Type].
func (t Float) Allowed() string { return fmt.Sprintf("a number from %g to %g", t.Min, t.Max) }

// Rate accepts rates from Min to Max per second, as [record.ParseRate] reads
// them; the canonical form is a number per second.
type Rate struct{ Min, Max float64 }

// Parse implements [Type].
func (t Rate) Parse(text string) (string, error) {
	x, err := record.ParseRate(text)
	if err != nil || x < t.Min || x > t.Max {
		return "", fmt.Errorf("%q is not %s", text, t.Allowed())
	}
	return strconv.FormatFloat(x, 'g', -1, 64), nil
}

// Allowed implements [Type].
func (t Rate) Allowed() string {
	return fmt.Sprintf("a rate such as 200, 200/s or 1/min, from %.3g/h to %g/s", t.Min*3600, t.Max)
}

// Duration accepts Go durations from Min to Max.
type Duration struct{ Min, Max time.Duration }

// Parse implements [Type].
func (t Duration) Parse(text string) (string, error) {
	d, err := time.ParseDuration(text)
	if err != nil || d < t.Min || d > t.Max {
		return "", fmt.Errorf("%q is not %s", text, t.Allowed())
	}
	return d.String(), nil
}

// Allowed implements [Type].
func (t Duration) Allowed() string { return fmt.Sprintf("a duration from %v to %v", t.Min, t.Max) }

// Choice accepts one of a few words.
type Choice []string

// Parse implements [Type].
func (t Choice) Parse(text string) (string, error) {
	if slices.Contains(t, text) {
		return text, nil
	}
	return "", &ChoiceError{Word: text, Allowed: t}
}

// Allowed implements [Type].
func (t Choice) Allowed() string { return "one of " + strings.Join(t, ", ") }

// Switch accepts on and off. As a flag it is turned on by its name alone.
type Switch struct{}

var switched = Choice{"off", "on"}

// Parse implements [Type].
func (Switch) Parse(text string) (string, error) { return switched.Parse(text) }

// Allowed implements [Type].
func (Switch) Allowed() string { return "on or off" }

// ChoiceError is a word that is not among those allowed. The command line names
// the nearest one.
type ChoiceError struct {
	Word    string
	Allowed []string
	See     string // what shows them all, such as "dyno list", in place of more than fit into a line
}

// Long says that the allowed words do not fit into a line, and are shown elsewhere.
func (e *ChoiceError) Long() bool { return e.See != "" && len(e.Allowed) > 12 }

func (e *ChoiceError) Error() string {
	if e.Long() {
		return fmt.Sprintf("%q is not one of %d that `%s` shows", e.Word, len(e.Allowed), e.See)
	}
	allowed := slices.Clone(e.Allowed)
	for i, a := range allowed {
		if a == "" || strings.Contains(a, ",") { // in a list they could not be told from its commas
			allowed[i] = strconv.Quote(a)
		}
	}
	return fmt.Sprintf("%q is not one of %s", e.Word, strings.Join(allowed, ", "))
}

// Text accepts one line of up to MaxText bytes.
type Text struct {
	What  string                                     // what it accepts, in a few words
	Check func(string) (canonical string, err error) // nil: any line is its own canonical form
}

// MaxText bounds a [Text], in bytes.
const MaxText = 16 << 10

// Parse implements [Type].
func (t Text) Parse(text string) (string, error) {
	text = strings.TrimSpace(text)
	if len(text) > MaxText || strings.ContainsAny(text, "\r\n") {
		return "", fmt.Errorf("%.40q… is not %s on one line of up to %d bytes", text, t.What, MaxText)
	}
	if t.Check == nil {
		return text, nil
	}
	c, err := t.Check(text)
	if err != nil {
		return "", fmt.Errorf("%q is not %s: %w", text, t.What, err)
	}
	return c, nil
}

// Allowed implements [Type].
func (t Text) Allowed() string { return t.What }

// Floats accepts a comma-separated list of numbers from Min to Max; the empty
// text is the empty list.
type Floats struct{ Min, Max float64 }

// Parse implements [Type].
func (t Floats) Parse(text string) (string, error) {
	if text == "" {
		return "", nil
	}
	parts := strings.Split(text, ",")
	for i, p := range parts {
		c, err := Float(t).Parse(strings.TrimSpace(p))
		if err != nil {
			return "", fmt.Errorf("%q is not %s", text, t.Allowed())
		}
		parts[i] = c
	}
	return strings.Join(parts, ","), nil
}

// Allowed implements [Type].
func (t Floats) Allowed() string {
	return fmt.Sprintf("a list such as 1,0.5 of numbers from %g to %g", t.Min, t.Max)
}
