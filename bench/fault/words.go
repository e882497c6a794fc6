package fault

import (
	"regexp"
	"strconv"
	"strings"
	"time"
)

var death = regexp.MustCompile(`^(\S+) [a-z]+\.([a-z-]+):(\d+)$`)

// Tell says in words what goes wrong: a schedule, or WHO ROLE.POINT:COUNT, a death
// at a point of a protocol at the COUNT-th passing of each life. No text is "none", any
// other it leaves.
func Tell(text string) string {
	if text == "" {
		return "none"
	}
	if s, err := Parse(text); err == nil && len(s) > 0 {
		return s.Words()
	}
	if d := death.FindStringSubmatch(text); d != nil {
		return d[1] + " killed: " + strings.ReplaceAll(d[2], "-", " ") + ", passing " + d[3]
	}
	return text
}

// Words says a schedule as one tells it: "b2 killed at 200 ms, back at 500 ms".
func (s Schedule) Words() string {
	var parts []string
	for _, f := range s {
		parts = append(parts, f.Words())
	}
	return strings.Join(parts, "; ")
}

// told are what befalls a node or links, before whom it strikes and when; # is the
// value.
var told = map[Kind]string{
	Kill: "killed", Crash: "loses power", Stop: "stopped", Restart: "started again", Pause: "paused", Resume: "resumed",
	Cut: "cut", Drop: "# lost", Duplicate: "# doubled", Delay: "# of delay", Rate: "at most # bytes/s", Refuse: "connections refused",
	Reset: "connections reset", Heal: "all healed", FullDisk: "disk full", SlowDisk: "syncs # slower", FailSync: "syncs fail",
}

// Words says the fault as one tells it.
func (f Fault) Words() string {
	what := strings.Replace(told[f.Kind], "#", f.amount(), 1)
	if f.Kind.OnLinks() {
		what += " " + f.Links.words()
	} else {
		what = f.Node + " " + what + f.chance()
	}
	at, end := length(f.At), length(f.At+f.For)
	switch {
	case f.For == 0 && f.At == 0 && f.Kind.Lasts() && f.Kind.OnLinks():
		return what + " throughout"
	case f.For == 0:
		return what + " at " + at
	case f.Kind == Kill, f.Kind == Crash, f.Kind == Stop:
		return what + " at " + at + ", back at " + end
	}
	return what + " from " + at + " to " + end
}

// amount is the value of a kind that always has one.
func (f Fault) amount() string {
	has, _ := formOf(f.Kind)
	switch has.value {
	case chance:
		return percent(f.P)
	case bytes:
		return strconv.FormatInt(f.Rate, 10)
	}
	switch {
	case f.Tail:
		return length(f.Delay) + " and more, in the mean " + length(f.Jitter) + ","
	case f.Jitter != 0:
		return length(f.Delay) + " ± " + length(f.Jitter)
	}
	return length(f.Delay)
}

// chance is the value of a kind that may do without one.
func (f Fault) chance() string {
	has, _ := formOf(f.Kind)
	switch {
	case has.value == share && f.P != 0:
		return " but for " + percent(f.P) + " of what was not synced"
	case has.value == allShare && f.P != 1:
		return " in " + percent(f.P) + " of cases"
	}
	return ""
}

func (l Links) words() string {
	side := func(names []string) string {
		if len(names) == 0 {
			return "all others"
		}
		return strings.Join(names, ", ")
	}
	switch {
	case l.All():
		return "on all links"
	case l.OneWay:
		return "from " + side(l.A) + " to " + side(l.B)
	}
	return "between " + side(l.A) + " and " + side(l.B)
}

func percent(p float64) string { return strconv.FormatFloat(100*p, 'g', 4, 64) + " %" }

// length is a time with its unit apart: 200 ms, 1.5 s.
func length(d time.Duration) string {
	for _, u := range []struct {
		name string
		is   time.Duration
	}{{"s", time.Second}, {"ms", time.Millisecond}, {"µs", time.Microsecond}, {"ns", 1}} {
		if d >= u.is || d == 0 {
			return strconv.FormatFloat(float64(d)/float64(u.is), 'g', -1, 64) + " " + u.name
		}
	}
	return d.String()
}
