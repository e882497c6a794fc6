package inject

import (
	"slices"
	"time"

	"dyno/bench/fault"
	"dyno/bench/link"
)

// Absence is a time in which somebody was not there for others.
type Absence struct {
	Who         string
	From, Until time.Time // Until zero: to the end
	What        string    // in a word or two
}

// away are the faults that make somebody absent.
var away = map[fault.Kind]string{fault.Kill: "killed", fault.Stop: "stopped", fault.Pause: "paused", fault.Cut: "cut off"}

// Absences are those that the faults have brought so far. Of a cut link it is the
// first side that is absent.
func (s *Strikes) Absences() (out []Absence) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for i, d := range s.done {
		f := d.Event.Fault
		what, known := away[f.Kind]
		if !known || d.Event.Ends {
			continue
		}
		var until time.Time
		if j := slices.IndexFunc(s.done[i:], func(e Strike) bool { return e.Event.Ends && e.Event.Fault.String() == f.String() }); j >= 0 {
			until = s.began.Add(s.done[i+j].At)
		}
		who := []string{f.Node}
		if f.Kind.OnLinks() {
			who = f.Links.A
		}
		for _, name := range who {
			out = append(out, Absence{name, s.began.Add(d.At), until, what})
		}
	}
	return out
}

// Trace is what passed over the links, where that is remembered.
func (f *Faults) Trace() []link.Passage {
	if f.network == nil {
		return nil
	}
	return f.network.Trace()
}
