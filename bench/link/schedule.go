package link

import (
	"fmt"
	"path"
	"slices"
	"strconv"
	"strings"
	"time"
)

// Verb says what a [Step] does.
type Verb string

// The verbs. The first four concern the bytes that flow from From to To, on
// whatever link: forward on From->To, back on To->From. Drop, Refuse and Reset
// concern the connections that From opens to To. Heal does both.
const (
	Cut    Verb = "cut"    // hold the bytes
	Heal   Verb = "heal"   // undo Cut and Refuse
	Delay  Verb = "delay"  // set Delay and Jitter
	Rate   Verb = "rate"   // set Rate
	Drop   Verb = "drop"   // set the probability that a new connection is reset
	Refuse Verb = "refuse" // make new connections fail
	Reset  Verb = "reset"  // end the connections there are
)

var verbs = []Verb{Cut, Heal, Delay, Rate, Drop, Refuse, Reset}

// Step is one change to a network at one time.
type Step struct {
	At   time.Duration // after the start of the schedule
	Verb Verb

	// From and To are names or patterns of [path.Match], such as * or s*.
	From, To string
	Both     bool // and the same from To to From

	Delay  time.Duration // of Delay
	Jitter Jitter        // of Delay
	Rate   int64         // of Rate, in bytes per second; 0: no limit
	Drop   float64       // of Drop
}

// Schedule is a list of steps, in any order of time. Its text form is that of
// [ParseSchedule].
type Schedule []Step

func (s Step) check() error {
	if s.At < 0 {
		return fmt.Errorf("the time %v is negative", s.At)
	}
	if !slices.Contains(verbs, s.Verb) {
		return fmt.Errorf("unknown word %q; use one of %v", s.Verb, verbs)
	}
	for _, p := range []string{s.From, s.To} {
		if err := checkPattern(p); err != nil {
			return err
		}
	}
	path := Path{Delay: s.Delay, Jitter: s.Jitter, Rate: s.Rate}
	if err := path.check(); err != nil {
		return err
	}
	return checkDrop(s.Drop)
}

// checkPattern accepts what can match a name and survives being parsed again.
func checkPattern(p string) error {
	if p == "" || strings.ContainsAny(p, " \t\n,;@<>") {
		return fmt.Errorf("%q is no name or pattern of a side", p)
	}
	if _, err := path.Match(p, ""); err != nil {
		return fmt.Errorf("pattern %q: %w", p, err)
	}
	return nil
}

// flows says whether the step concerns what goes from one side to the other.
func (s Step) flows(from, to string) bool {
	return matches(s.From, from) && matches(s.To, to) || s.Both && matches(s.From, to) && matches(s.To, from)
}

func matches(pattern, name string) bool {
	ok, _ := path.Match(pattern, name) // checkPattern has seen it
	return ok
}

// concerns says whether the step changes anything about a link.
func (s Step) concerns(l *Link) bool {
	forward, back := s.flows(l.From(), l.To()), s.flows(l.To(), l.From())
	switch s.Verb {
	case Drop, Refuse, Reset:
		return forward
	default:
		return forward || back
	}
}

// apply carries the step out on a link that it concerns.
func (s Step) apply(l *Link) error {
	if s.Verb == Reset {
		l.Reset()
		return nil
	}
	return l.Update(func(r *Rules) {
		if s.flows(l.From(), l.To()) {
			s.change(&r.Forward)
			s.admission(r)
		}
		if s.flows(l.To(), l.From()) {
			s.change(&r.Back)
		}
	})
}

// change applies the step to the bytes of one way.
func (s Step) change(p *Path) {
	switch s.Verb {
	case Cut:
		p.Cut = true
	case Heal:
		p.Cut = false
	case Delay:
		p.Delay, p.Jitter = s.Delay, s.Jitter
	case Rate:
		p.Rate = s.Rate
	}
}

// admission applies the step to new connections.
func (s Step) admission(r *Rules) {
	switch s.Verb {
	case Heal:
		r.Refuse = false
	case Refuse:
		r.Refuse = true
	case Drop:
		r.Drop = s.Drop
	}
}

func (s Step) pattern() string {
	if s.Both {
		return s.From + "<->" + s.To
	}
	return s.From + "->" + s.To
}

// String writes the step as [ParseSchedule] reads it.
func (s Step) String() string {
	var b strings.Builder
	fmt.Fprintf(&b, "%s %s", s.Verb, s.pattern())
	switch s.Verb {
	case Delay:
		fmt.Fprintf(&b, " %v", s.Delay)
		if s.Jitter.Size > 0 {
			fmt.Fprintf(&b, " jitter %v", s.Jitter.Size)
			if s.Jitter.Exponential {
				b.WriteString(" exponential")
			}
		}
	case Rate:
		fmt.Fprintf(&b, " %d", s.Rate)
	case Drop:
		b.WriteString(" " + strconv.FormatFloat(s.Drop, 'g', -1, 64))
	}
	fmt.Fprintf(&b, "@%v", s.At)
	return b.String()
}

// String writes the schedule as [ParseSchedule] reads it.
func (s Schedule) String() string {
	steps := make([]string, len(s))
	for i, step := range s {
		steps[i] = step.String()
	}
	return strings.Join(steps, ", ")
}

// MarshalText writes what String does, for JSON and YAML.
func (s Schedule) MarshalText() ([]byte, error) { return []byte(s.String()), nil }

// UnmarshalText reads what [ParseSchedule] does.
func (s *Schedule) UnmarshalText(text []byte) (err error) {
	*s, err = ParseSchedule(string(text))
	return err
}
