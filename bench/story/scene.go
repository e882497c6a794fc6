package story

import (
	"cmp"
	"fmt"
	"slices"
	"time"

	"dyno/bench/inject"
	"dyno/bench/link"
	"dyno/internal/spacetime"
)

// Scene is what went on around the steps: between those who are asked, and with
// them.
type Scene struct {
	Messages []Message `json:"messages,omitempty"`
	Absences []Absence `json:"absences,omitempty"`
}

// Message goes one way.
type Message struct {
	From     string `json:"from"`
	To       string `json:"to"`
	Sent     int64  `json:"sent"` // ns, by the clock of the steps
	Received int64  `json:"received"`
	Bytes    int64  `json:"bytes,omitempty"`
	Text     string `json:"text,omitempty"`
	Inferred bool   `json:"inferred,omitempty"` // from answers: nobody saw it
	Broken   bool   `json:"broken,omitempty"`   // it is where the promise is broken
}

// Absence is a time in which somebody was killed, paused or cut off.
type Absence struct {
	Who   string `json:"who"`
	From  int64  `json:"from"`
	Until int64  `json:"until"` // spacetime's Never: to the end
	Text  string `json:"text"`
}

// SceneOf is what faults brought about and links saw, on the clock of the steps,
// whose zero is given; name is how the story calls a process.
func SceneOf(absences []inject.Absence, trace []link.Passage, zero time.Time, name func(process string) string) Scene {
	var s Scene
	for _, a := range absences {
		until := int64(spacetime.Never)
		if !a.Until.IsZero() {
			until = int64(a.Until.Sub(zero))
		}
		s.Absences = append(s.Absences, Absence{Who: name(a.Who), From: int64(a.From.Sub(zero)), Until: until, Text: a.What})
	}
	for _, p := range trace {
		at := int64(p.At.Sub(zero))
		m := Message{From: name(p.From), To: name(p.To), Sent: at, Received: at + int64(p.Delay), Bytes: int64(p.Bytes)}
		if p.Cut {
			m.Received = spacetime.Never
		}
		s.Messages = append(s.Messages, m)
	}
	return s
}

// Never is the end of what nobody saw end.
const Never = spacetime.Never

// maxSeen bounds the messages in a picture that were seen on their way.
const maxSeen = 8

// Around leaves of a scene what fell into the time of a story: that is all that a
// bundle needs to keep.
func (s Scene) Around(t Story) Scene {
	first, last := t.span()
	inside := func(m Message) bool { return m.Sent >= first && m.Sent <= last }
	s.Messages = slices.DeleteFunc(slices.Clone(s.Messages), func(m Message) bool { return !inside(m) })
	return s
}

// In puts a story into a scene: of that stays what fell into the time between its
// first step and its last one, and of messages from one to another between two
// moments of the story one arrow.
func (s Story) In(scene Scene) Story {
	if len(s.Steps) == 0 {
		return s
	}
	moments := s.moments()
	first, last := s.span()
	for _, a := range scene.Absences {
		a.From, a.Until = max(a.From, first), min(a.Until, last)
		if a.From < a.Until {
			s.Absences = append(s.Absences, a)
		}
	}
	if seen := bundle(scene.Messages, moments); len(seen) > 0 {
		s.Messages = append(slices.Clip(s.Messages), seen...)
		s.Notes = append(slices.Clip(s.Notes),
			"(Arrows with a size: bytes that a link saw between servers, all of an interval as one; what they mean it does not know.)")
	}
	return s
}

// moments are the beginnings and ends of the steps, in order.
func (s Story) moments() (all []int64) {
	for _, t := range s.Steps {
		all = append(all, t.Begin)
		if t.End != spacetime.Never {
			all = append(all, t.End)
		}
	}
	slices.Sort(all)
	return all
}

// span is the time of a story; of one without steps there is none.
func (s Story) span() (first, last int64) {
	all := s.moments()
	if len(all) == 0 {
		return 0, -1
	}
	return all[0], all[len(all)-1]
}

// bundle makes one of all messages from one to another between two moments.
func bundle(all []Message, moments []int64) []Message {
	type key struct {
		from, to string
		at       int
	}
	n := make(map[key]int)
	var out []Message
	slices.SortStableFunc(all, func(a, b Message) int { return cmp.Compare(a.Sent, b.Sent) })
	for _, m := range all {
		at, _ := slices.BinarySearch(moments, m.Sent)
		if at == 0 || at == len(moments) {
			continue
		}
		k := key{m.From, m.To, at}
		if i, known := n[k]; known {
			out[i].Received, out[i].Bytes = max(out[i].Received, m.Received), out[i].Bytes+m.Bytes
			continue
		}
		n[k] = len(out)
		out = append(out, m)
	}
	out = out[max(0, len(out)-maxSeen):]
	for i := range out {
		text := fmt.Sprintf("%d B", out[i].Bytes)
		if out[i].Received == spacetime.Never {
			text += ", cut off"
		}
		out[i].Text = cmp.Or(out[i].Text, text)
	}
	return out
}
