package story

import (
	"cmp"
	"io"
	"slices"

	"dyno/internal/record"
	"dyno/internal/spacetime"
)

// Story is a part of a history, small enough to be followed.
type Story struct {
	Title string   `json:"title"`
	Words []string `json:"words"` // a line each
	Steps []Step   `json:"steps,omitempty"`
	Scene

	First  []string         `json:"first,omitempty"`  // whose lines are the first, in this order
	Labels map[int64]string `json:"labels,omitempty"` // of moments that are no times, such as rounds
	Notes  []string         `json:"notes,omitempty"`  // how the picture is to be read, a line each
}

// Step is a request and its answer; At may be Who: something that it did alone.
type Step struct {
	Who     string         `json:"who"` // asked whom
	At      string         `json:"at"`
	Begin   int64          `json:"begin"` // ns
	End     int64          `json:"end"`   // spacetime's Never: nobody saw an answer
	Text    string         `json:"text"`
	Outcome record.Outcome `json:"outcome,omitempty"`
	Broken  bool           `json:"broken,omitempty"` // it is where the promise is broken
}

// Empty says that there is nothing to tell.
func (s Story) Empty() bool { return len(s.Words) == 0 }

// Tell draws the story, if there is one, and returns its words.
func (s Story) Tell(svg io.Writer) ([]string, error) {
	if len(s.Steps)+len(s.Messages) == 0 {
		return s.Words, nil
	}
	return s.Words, spacetime.Write(svg, s.diagram())
}

// diagram gives everybody a line: who asks above, who is asked below.
func (s Story) diagram() spacetime.Diagram {
	lines := s.lines()
	line := func(name string) int { return slices.Index(lines, name) }
	d := spacetime.Diagram{Title: s.Title, Words: append(slices.Clip(s.Words), s.Notes...), Processes: lines, Labels: s.Labels}
	for _, t := range s.Steps {
		d.Calls = append(d.Calls, spacetime.Call{
			From: line(t.Who), To: line(t.At), Begin: t.Begin, End: t.End, Text: t.Text, Outcome: t.Outcome, Broken: t.Broken,
		})
	}
	guessed := false
	for _, m := range s.Messages {
		d.Messages = append(d.Messages, spacetime.Message{
			From: line(m.From), To: line(m.To), Sent: m.Sent, Received: m.Received, Text: m.Text, Inferred: m.Inferred, Broken: m.Broken,
		})
		guessed = guessed || m.Inferred
	}
	if guessed {
		d.Words = append(d.Words, "(Dashed: inferred from what was answered; nobody saw these messages.)")
	}
	for _, a := range s.Absences {
		d.Absences = append(d.Absences, spacetime.Absence{Process: line(a.Who), From: a.From, Until: a.Until, Text: a.Text})
	}
	return d
}

// lines are the names of all who are in it, from top to bottom.
func (s Story) lines() []string {
	var above, below []string
	for _, t := range s.Steps {
		above, below = append(above, t.Who), append(below, t.At)
	}
	for _, m := range s.Messages {
		below = append(below, m.From, m.To)
	}
	for _, a := range s.Absences {
		below = append(below, a.Who)
	}
	slices.SortFunc(above, naturally)
	slices.SortFunc(below, naturally)
	var out []string
	for _, name := range slices.Concat(s.First, above, below) {
		if !slices.Contains(out, name) {
			out = append(out, name)
		}
	}
	return out
}

// naturally puts client 9 before client 10.
func naturally(a, b string) int { return cmp.Or(cmp.Compare(len(a), len(b)), cmp.Compare(a, b)) }
