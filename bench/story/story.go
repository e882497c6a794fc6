package story

import (
	"io"
	"slices"

	"dyno/internal/record"
	"dyno/internal/spacetime"
)

// Story is a part of a history, small enough to be followed.
type Story struct {
	Title string
	Words []string // a line each
	Steps []Step
}

// Step is a request and its answer.
type Step struct {
	Who, At    string // who asked whom
	Begin, End int64  // ns; spacetime's Never: nobody saw an answer
	Text       string
	Outcome    record.Outcome
	Broken     bool // it is where the promise is broken
}

// Tell draws the story, if there is one, and returns its words.
func (s Story) Tell(svg io.Writer) ([]string, error) {
	if len(s.Steps) == 0 {
		return s.Words, nil
	}
	return s.Words, spacetime.Write(svg, s.diagram())
}

// diagram gives everybody a line: who asks above, who is asked below.
func (s Story) diagram() spacetime.Diagram {
	var above, below []string
	for _, t := range s.Steps {
		above, below = append(above, t.Who), append(below, t.At)
	}
	slices.Sort(above)
	slices.Sort(below)
	d := spacetime.Diagram{Title: s.Title, Words: s.Words, Processes: append(slices.Compact(above), slices.Compact(below)...)}
	for _, t := range s.Steps {
		d.Calls = append(d.Calls, spacetime.Call{
			From: slices.Index(d.Processes, t.Who), To: slices.Index(d.Processes, t.At),
			Begin: t.Begin, End: t.End, Text: t.Text, Outcome: t.Outcome, Broken: t.Broken,
		})
	}
	return d
}
