package fault

import (
	"cmp"
	"fmt"
	"path"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"
)

// Bounds of a fault.
const (
	MaxTime = 10_000 * time.Hour // of every duration
	MinRate = 1000               // bytes per second
)

// Fault is one thing that goes wrong.
type Fault struct {
	At    time.Duration // since the start
	Kind  Kind
	Node  string        // whom it strikes, unless it strikes links
	Links Links         // what it strikes, if it strikes links
	P     float64       // a probability, or the share that survives a Crash
	Delay time.Duration // of Delay and SlowDisk
	// Jitter spreads a Delay: alike over Delay ± Jitter or, with a Tail, by an
	// exponential time of this mean that is added.
	Jitter time.Duration
	Tail   bool
	Rate   int64         // of Rate, in bytes per second
	For    time.Duration // how long it lasts; 0: until something else ends it
}

// Links is a set of links: those from A to B and, unless OneWay, back. An empty
// side stands for all that are not on the other; with two empty sides it is
// all links.
type Links struct {
	A, B   []string // names, or patterns of [path.Match]
	OneWay bool
}

// All says that no link is excepted.
func (l Links) All() bool { return len(l.A) == 0 && len(l.B) == 0 }

// Cover says whether what goes from one name to another is concerned.
func (l Links) Cover(from, to string) bool {
	return l.OnA(from) && l.OnB(to) || !l.OneWay && l.OnA(to) && l.OnB(from)
}

// OnA says that a name is on side A.
func (l Links) OnA(name string) bool { return within(l.A, l.B, name) }

// OnB says that a name is on side B.
func (l Links) OnB(name string) bool { return within(l.B, l.A, name) }

func within(side, other []string, name string) bool {
	if len(side) == 0 {
		return !matches(other, name)
	}
	return matches(side, name)
}

func matches(patterns []string, name string) bool {
	return slices.ContainsFunc(patterns, func(p string) bool {
		ok, _ := path.Match(p, name) // check has seen it
		return ok
	})
}

func (l Links) String() string {
	if l.All() {
		return ""
	}
	arrow := "<->"
	if l.OneWay {
		arrow = "->"
	}
	return side(l.A) + arrow + side(l.B)
}

func side(names []string) string {
	if len(names) == 0 {
		return "*"
	}
	return strings.Join(names, ",")
}

// String returns the fault as [Parse] reads it.
func (f Fault) String() string {
	text := string(f.Kind)
	if whom := f.Node + f.Links.String(); whom != "" {
		text += " " + whom
	}
	text += f.value() + "@" + f.At.String()
	if f.For != 0 {
		text += ".." + (f.At + f.For).String()
	}
	return text
}

func (f Fault) value() string {
	has, _ := formOf(f.Kind)
	switch {
	case has.value == delay && f.Tail:
		return "=" + f.Delay.String() + "~" + f.Jitter.String()
	case has.value == delay && f.Jitter != 0:
		return "=" + f.Delay.String() + "±" + f.Jitter.String()
	case has.value == delay, has.value == amount:
		return "=" + f.Delay.String()
	case has.value == bytes:
		return "=" + strconv.FormatInt(f.Rate, 10)
	case has.value == chance, has.value == share && f.P != 0, has.value == allShare && f.P != 1:
		return "=" + strconv.FormatFloat(f.P, 'g', -1, 64)
	}
	return ""
}

// Check refuses values out of range, and fields that the kind does not have.
func (f Fault) Check() error {
	has, err := formOf(f.Kind)
	if err != nil {
		return err
	}
	wrong := ""
	p, waits := has.value == chance || has.value == share || has.value == allShare, has.value == delay || has.value == amount
	switch {
	case min(f.At, f.Delay, f.Jitter, f.For) < 0 || max(f.At, f.Delay, f.Jitter, f.For, f.At+f.For) > MaxTime:
		wrong = "times must lie between 0 and " + MaxTime.String() + ", and an end after its beginning"
	case !(f.P >= 0 && f.P <= 1): // so that NaN is refused
		wrong = "a probability or share must lie between 0 and 1"
	case has.links == (f.Node != ""):
		wrong = "a node is missing or too many"
	case f.P != 0 && !p, f.Delay != 0 && !waits, (f.Jitter != 0 || f.Tail) && has.value != delay, f.For != 0 && !has.lasting:
		wrong = "this kind has no such value or end"
	case !f.Tail && f.Jitter > f.Delay:
		wrong = "a delay cannot be shortened by more than it is"
	case (f.Rate != 0) != (has.value == bytes), f.Rate != 0 && f.Rate < MinRate:
		wrong = fmt.Sprintf("a rate must be at least %d bytes per second", MinRate)
	case !has.links && (!f.Links.All() || f.Links.OneWay), f.Links.All() && f.Links.OneWay:
		wrong = "these links make no sense here"
	case slices.ContainsFunc(f.Links.A, func(name string) bool { return slices.Contains(f.Links.B, name) }):
		wrong = "somebody is on both sides"
	}
	if wrong != "" {
		return fmt.Errorf("fault %q: %s", f, wrong)
	}
	return f.checkNames()
}

// Bounded repeats are large programs: compiled when they are needed, not in every
// role's process.
var (
	nodeName = sync.OnceValue(func() *regexp.Regexp { return regexp.MustCompile(`^[A-Za-z0-9_][A-Za-z0-9_.:-]{0,99}$`) })
	pattern  = sync.OnceValue(func() *regexp.Regexp {
		return regexp.MustCompile(`^[A-Za-z0-9_*?\[][A-Za-z0-9_.:*?\[\]^-]{0,99}$`)
	})
)

// CheckName refuses what cannot name a process or a side of a link.
func CheckName(name string) error {
	if !nodeName().MatchString(name) {
		return fmt.Errorf("%q cannot name a node: use up to 100 letters, digits, dots, colons, hyphens and underscores", name)
	}
	return nil
}

func (f Fault) checkNames() error {
	if f.Node != "" {
		if err := CheckName(f.Node); err != nil {
			return fmt.Errorf("fault %q: %w", f, err)
		}
	}
	for _, p := range slices.Concat(f.Links.A, f.Links.B) {
		if _, err := path.Match(p, ""); err != nil || !pattern().MatchString(p) {
			return fmt.Errorf("fault %q: %q is no name or pattern of a side", f, p)
		}
	}
	return nil
}

// Names lists the nodes and sides that a fault speaks of.
func (f Fault) Names() []string {
	names := slices.Concat(f.Links.A, f.Links.B)
	if f.Node != "" {
		names = append(names, f.Node)
	}
	return names
}

// Schedule is a list of faults.
type Schedule []Fault

// String returns the faults as [Parse] reads them, one per line.
func (s Schedule) String() string {
	var b strings.Builder
	for _, f := range s {
		b.WriteString(f.String() + "\n")
	}
	return b.String()
}

// Line returns the faults as [Parse] reads them, on one line.
func (s Schedule) Line() string {
	return strings.ReplaceAll(strings.TrimSuffix(s.String(), "\n"), "\n", "; ")
}

// Sorted returns a copy in the order of time; equals stay as they are.
func (s Schedule) Sorted() Schedule {
	out := slices.Clone(s)
	slices.SortStableFunc(out, func(a, b Fault) int { return cmp.Compare(a.At, b.At) })
	return out
}

// MarshalText writes what Line does, for JSON and YAML.
func (s Schedule) MarshalText() ([]byte, error) { return []byte(s.Line()), nil }

// Event is a moment of a schedule: a fault begins, or ends.
type Event struct {
	At    time.Duration
	Fault Fault
	Ends  bool
}

// String is the fault, marked at its end.
func (e Event) String() string {
	if e.Ends {
		return "over: " + e.Fault.String()
	}
	return e.Fault.String()
}

// Events are what a host has to do, in the order of time. Of two moments at the
// same time ends come first: what follows upon a fault meets none.
func (s Schedule) Events() []Event {
	var out []Event
	for _, f := range s {
		out = append(out, Event{At: f.At, Fault: f})
		if f.For > 0 {
			out = append(out, Event{At: f.At + f.For, Fault: f, Ends: true})
		}
	}
	slices.SortStableFunc(out, func(a, b Event) int {
		if a.Ends != b.Ends && a.At == b.At {
			if a.Ends {
				return -1
			}
			return 1
		}
		return cmp.Compare(a.At, b.At)
	})
	return out
}
