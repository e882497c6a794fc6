package fault

import (
	"fmt"
	"strconv"
	"strings"
	"time"

	"dyno/internal/size"
)

// Max bounds a schedule that is read from text, in faults.
const Max = 10_000

// Allowed says what a knob or flag that is a schedule accepts.
const Allowed = `faults such as "kill s2@2s; cut a-b@1s..3s; delay a->b=5ms±1ms@0s", or nothing`

// Canonical reads a schedule and writes it as it is stored, for a knob.
func Canonical(text string) (string, error) {
	s, err := Parse(text)
	return s.Line(), err
}

// Parse reads faults that are separated by semicolons or line ends, each of the
// form
//
//	WORD [WHOM][=VALUE]@START[..[END]]
//
// where [Kind] lists the words. What follows a # up to the end of its line is
// skipped. An error quotes the fault and the word that is wrong. No faults are
// no error.
func Parse(text string) (Schedule, error) {
	var out Schedule
	for line := range strings.Lines(text) {
		line, _, _ = strings.Cut(line, "#")
		for piece := range strings.SplitSeq(line, ";") {
			if piece = strings.TrimSpace(piece); piece == "" {
				continue
			}
			if len(out) == Max {
				return nil, fmt.Errorf("the schedule has more than %d faults", Max)
			}
			f, err := parse(piece)
			if err != nil {
				return nil, fmt.Errorf("%q: %w", piece, err)
			}
			out = append(out, f)
		}
	}
	return out, nil
}

func parse(text string) (Fault, error) {
	what, when, ok := strings.Cut(text, "@")
	if !ok {
		return Fault{}, fmt.Errorf("it has no time: end it with @ and a duration, such as @2s, or @2s..3s")
	}
	f, err := ParseNow(what)
	if err != nil {
		return f, err
	}
	begin, end, ends := strings.Cut(strings.TrimSpace(when), "..")
	if f.At, err = parseTime(begin); err != nil {
		return f, err
	}
	if ends && end != "" {
		until, err := parseTime(end)
		if err != nil {
			return f, err
		}
		if until <= f.At {
			return f, fmt.Errorf("it ends at %q, before it has begun", end)
		}
		f.For = until - f.At
	}
	return f, f.Check()
}

// ParseNow reads a fault without a time.
func ParseNow(text string) (Fault, error) {
	whole, value, given := strings.Cut(text, "=")
	words := strings.Fields(whole)
	if len(words) == 0 {
		return Fault{}, fmt.Errorf("it says nothing; begin with a word such as %s", Kill)
	}
	f := Fault{Kind: Kind(words[0])}
	has, err := formOf(f.Kind)
	switch {
	case err != nil:
		return f, err
	case len(words) > 2:
		return f, fmt.Errorf("%q is too much", strings.Join(words[2:], " "))
	case len(words) == 2 && has.links:
		f.Links, err = parseLinks(words[1])
	case len(words) == 2:
		f.Node = words[1]
	case !has.links:
		err = fmt.Errorf("%s whom? A node is missing", f.Kind)
	}
	if err == nil {
		err = f.parseValue(has.value, strings.TrimSpace(value), given)
	}
	if err == nil {
		err = f.Check()
	}
	return f, err
}

func parseLinks(word string) (Links, error) {
	a, b, both := strings.Cut(word, "<->")
	oneWay := false
	if !both {
		a, b, oneWay = strings.Cut(word, "->")
	}
	if !both && !oneWay { // neither arrow
		if strings.Count(word, "-") > 1 {
			return Links{}, fmt.Errorf("%q does not say where one name ends: write FROM<->TO", word)
		}
		a, b, _ = strings.Cut(word, "-")
	}
	if a == "" || b == "" {
		return Links{}, fmt.Errorf("%q does not say from whom to whom: write FROM->TO or FROM<->TO", word)
	}
	l := Links{A: parseSide(a), B: parseSide(b), OneWay: oneWay}
	if l.All() {
		l.OneWay = false
	}
	return l, nil
}

func parseSide(word string) []string {
	if word == "*" {
		return nil
	}
	return strings.Split(word, ",")
}

// parseValue reads what stands after the sign =.
func (f *Fault) parseValue(v value, word string, given bool) (err error) {
	switch {
	case v == nothing && given:
		return fmt.Errorf("%s takes no value, but is given %q", f.Kind, word)
	case v == allShare && !given:
		f.P = 1
	case v == share && !given, v == nothing:
	case !given:
		return fmt.Errorf("%s needs a value: add = and what it is", f.Kind)
	case v == delay:
		return f.parseDelay(word)
	case v == amount:
		f.Delay, err = parseTime(word)
	case v == bytes:
		f.Rate, err = size.Parse(word)
	default:
		if f.P, err = strconv.ParseFloat(word, 64); err != nil {
			err = fmt.Errorf("%q is not a number between 0 and 1", word)
		}
	}
	return err
}

func (f *Fault) parseDelay(word string) (err error) {
	base, jitter, spread := strings.Cut(word, "±")
	if !spread {
		base, jitter, f.Tail = strings.Cut(word, "~")
	}
	if f.Delay, err = parseTime(base); err == nil && (spread || f.Tail) {
		f.Jitter, err = parseTime(jitter)
	}
	return err
}

func parseTime(word string) (time.Duration, error) {
	d, err := time.ParseDuration(word)
	if err != nil {
		return 0, fmt.Errorf("%q is not a duration such as 300ms or 1m30s", word)
	}
	if d < 0 {
		return 0, fmt.Errorf("%q is negative", word)
	}
	return d, nil
}
