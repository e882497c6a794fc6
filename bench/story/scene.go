package story

import (
	"cmp"
	"fmt"
	"slices"

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

// maxSeen bounds the messages in a picture that were seen on their way.
const maxSeen = 8

// In puts a story into a scene: of that stays what fell into the time between its
// first step and its last one, and of messages from one to another between two
// moments of the story one arrow.
func (s Story) In(scene Scene) Story {
	if len(s.Steps) == 0 {
		return s
	}
	var moments []int64
	for _, t := range s.Steps {
		moments = append(moments, t.Begin)
		if t.End != spacetime.Never {
			moments = append(moments, t.End)
		}
	}
	slices.Sort(moments)
	first, last := moments[0], moments[len(moments)-1]
	for _, a := range scene.Absences {
		a.From, a.Until = max(a.From, first), min(a.Until, last)
		if a.From < a.Until {
			s.Absences = append(s.Absences, a)
		}
	}
	s.Messages = append(slices.Clip(s.Messages), bundle(scene.Messages, moments)...)
	return s
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
		out[i].Text = cmp.Or(out[i].Text, fmt.Sprintf("%d B", out[i].Bytes))
	}
	return out
}
