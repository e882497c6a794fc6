package trial

import (
	"io"

	"dyno/bench/story"
)

// Explain tells what broke a promise in the trial that left a bundle.
func Explain(bundle string, svg io.Writer) ([]string, error) {
	x, err := reopen(bundle)
	if err != nil {
		return nil, err
	}
	return x.history.Story().In(x.found.Scene).In(x.found.away()).Tell(svg)
}

// away is what befell the servers, for a story.
func (f *found) away() (s story.Scene) {
	for _, a := range f.Struck {
		if a.Ends || a.Node == "" {
			continue
		}
		until := int64(story.Never)
		for _, e := range f.Struck {
			if e.Ends && e.Node == a.Node && e.Kind == a.Kind && e.At >= a.At {
				until = min(until, e.At)
			}
		}
		s.Absences = append(s.Absences, story.Absence{Who: a.Node, From: a.At, Until: until, Text: a.Kind})
	}
	return s
}
