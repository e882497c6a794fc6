package link

import (
	"errors"
	"fmt"
	"math"
	"slices"
	"strconv"
	"strings"
	"time"
)

// MaxSteps bounds a schedule that is read from text.
const MaxSteps = 10_000

// ParseSchedule reads steps that are separated by commas, semicolons or line
// ends, each of the form
//
//	cut    WHO @TIME
//	heal   WHO @TIME
//	delay  WHO DURATION [jitter DURATION [uniform|exponential]] @TIME
//	rate   WHO BYTES @TIME                    per second: 500000, 64kB, 1.5MB, 1MiB; 0 is no limit
//	drop   WHO PROBABILITY @TIME
//	refuse WHO @TIME
//	reset  WHO @TIME
//
// WHO is FROM->TO, or FROM<->TO for both ways, which may be written FROM-TO if
// no name contains a hyphen. FROM and TO are names or patterns such as * or
// s*. Durations and times are Go's: 300ms, 1m30s. An error quotes the step and
// the word that is wrong. No steps are no error.
func ParseSchedule(text string) (Schedule, error) {
	var schedule Schedule
	for piece := range strings.FieldsFuncSeq(text, func(r rune) bool { return r == ',' || r == ';' || r == '\n' }) {
		piece = strings.TrimSpace(piece)
		if piece == "" {
			continue
		}
		if len(schedule) == MaxSteps {
			return nil, fmt.Errorf("the schedule has more than %d steps", MaxSteps)
		}
		command, at, ok := cutLast(piece, "@")
		if !ok {
			return nil, fmt.Errorf("step %q has no time: end it with @ and a duration, such as @2s", piece)
		}
		s, err := parseCommand(command)
		if err == nil {
			s.At, err = parseDuration(strings.TrimSpace(at))
		}
		if err == nil {
			err = s.check()
		}
		if err != nil {
			return nil, fmt.Errorf("step %q: %w", piece, err)
		}
		schedule = append(schedule, s)
	}
	return schedule, nil
}

// ParseCommand reads one step without a time, for [Network.Do].
func ParseCommand(text string) (Step, error) {
	s, err := parseCommand(text)
	if err == nil {
		err = s.check()
	}
	if err != nil {
		return Step{}, fmt.Errorf("command %q: %w", strings.TrimSpace(text), err)
	}
	return s, nil
}

func cutLast(s, sep string) (before, after string, found bool) {
	i := strings.LastIndex(s, sep)
	if i < 0 {
		return s, "", false
	}
	return s[:i], s[i+len(sep):], true
}

func parseCommand(text string) (Step, error) {
	words := strings.Fields(text)
	if len(words) == 0 {
		return Step{}, fmt.Errorf("says nothing; begin with one of %v", verbs)
	}
	s := Step{Verb: Verb(words[0])}
	if !slices.Contains(verbs, s.Verb) {
		return s, fmt.Errorf("unknown word %q; begin with one of %v", words[0], verbs)
	}
	if len(words) < 2 {
		return s, fmt.Errorf("%s whom? Add FROM->TO or FROM<->TO", s.Verb)
	}
	if err := s.parseWho(words[1]); err != nil {
		return s, err
	}
	rest, err := s.parseArguments(words[2:])
	if err == nil && len(rest) > 0 {
		err = fmt.Errorf("unexpected word %q after %q", rest[0], strings.Join(words[:len(words)-len(rest)], " "))
	}
	return s, err
}

// parseWho reads the pattern.
func (s *Step) parseWho(word string) error {
	var ok bool
	switch {
	case strings.Contains(word, "<->"):
		s.From, s.To, ok = strings.Cut(word, "<->")
		s.Both = true
	case strings.Contains(word, "->"):
		s.From, s.To, ok = strings.Cut(word, "->")
	case strings.Count(word, "-") == 1:
		s.From, s.To, ok = strings.Cut(word, "-")
		s.Both = true
	case strings.Count(word, "-") > 1:
		return fmt.Errorf("%q does not say where one name ends: write FROM<->TO", word)
	}
	if !ok || s.From == "" || s.To == "" {
		return fmt.Errorf("%q does not say from whom to whom: write FROM->TO or FROM<->TO", word)
	}
	return errors.Join(checkPattern(s.From), checkPattern(s.To))
}

// parseArguments reads what the verb needs and returns the words after it.
func (s *Step) parseArguments(words []string) (rest []string, err error) {
	switch s.Verb {
	case Delay, Rate, Drop:
	default:
		return words, nil
	}
	if len(words) == 0 {
		return nil, fmt.Errorf("%s needs a value after %s", s.Verb, s.pattern())
	}
	switch s.Verb {
	case Delay:
		if s.Delay, err = parseDuration(words[0]); err == nil {
			return s.parseJitter(words[1:])
		}
	case Rate:
		s.Rate, err = parseBytes(words[0])
	case Drop:
		if s.Drop, err = strconv.ParseFloat(words[0], 64); err != nil {
			err = fmt.Errorf("%q is not a probability between 0 and 1", words[0])
		}
	}
	return words[1:], err
}

// parseJitter reads "jitter DURATION [uniform|exponential]", if it is there.
func (s *Step) parseJitter(words []string) (rest []string, err error) {
	if len(words) == 0 || words[0] != "jitter" {
		return words, nil
	}
	if len(words) == 1 {
		return nil, errors.New("jitter needs a duration, such as 1ms")
	}
	if s.Jitter.Size, err = parseDuration(words[1]); err != nil {
		return nil, err
	}
	rest = words[2:]
	if len(rest) > 0 && (rest[0] == "uniform" || rest[0] == "exponential") {
		s.Jitter.Exponential = rest[0] == "exponential"
		rest = rest[1:]
	}
	return rest, nil
}

func parseDuration(word string) (time.Duration, error) {
	d, err := time.ParseDuration(word)
	if err != nil {
		return 0, fmt.Errorf("%q is not a duration such as 300ms or 1m30s", word)
	}
	if d < 0 {
		return 0, fmt.Errorf("%q is negative", word)
	}
	return d, nil
}

// byteUnits are tried in this order: a suffix of another stands behind it.
var byteUnits = []struct {
	suffix string
	bytes  float64
}{{"KiB", 1 << 10}, {"MiB", 1 << 20}, {"GiB", 1 << 30}, {"kB", 1e3}, {"MB", 1e6}, {"GB", 1e9}, {"B", 1}, {"", 1}}

// parseBytes reads a number of bytes with or without a unit.
func parseBytes(word string) (int64, error) {
	for _, u := range byteUnits {
		number, ok := strings.CutSuffix(word, u.suffix)
		if !ok {
			continue
		}
		x, err := strconv.ParseFloat(number, 64)
		if err != nil || math.IsNaN(x) || x < 0 || x*u.bytes > 1e15 {
			break
		}
		return int64(math.Ceil(x * u.bytes)), nil // so that next to nothing is not 0, which is no limit
	}
	return 0, fmt.Errorf("%q is not a rate in bytes per second, such as 500000, 64kB or 1MiB", word)
}
