package load

import (
	"sync"

	"dyno/internal/record"
)

// FirstError keeps the first of the errors that the operations of all clients
// ended with, for [Summary.FirstError]. It is safe for concurrent use; the zero
// value is ready.
type FirstError struct {
	once sync.Once
	text string
}

// Note tells of an error, or of what was wrong with an answer.
func (f *FirstError) Note(text string) { f.once.Do(func() { f.text = text }) }

// String is the first one; empty when there was none.
func (f *FirstError) String() string {
	f.Note("") // so that it is not written any more
	return f.text
}

// Failures are those of the operations that the figures rest on: of a search, of
// those in the windows at the highest rate that was held, since it is no fault of
// a service to refuse what is too much for it.
func (s *Summary) Failures() record.Failures {
	if s.Knee != nil {
		return s.Window.Failures(s.FirstError)
	}
	return s.Counts.Failures(s.FirstError)
}
