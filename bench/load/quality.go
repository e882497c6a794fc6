package load

import (
	"fmt"
	"sync"
	"time"

	"dyno/internal/record"
)

// When a measurement deserves a warning.
const (
	muchLag       = 0.05 // of the latency
	enoughOfOffer = 0.98
)

// Flags says what is wrong with the quality of an open loop's measurement; a
// closed loop has no rate to miss, and none.
//
//   - "lag": the pacer was late by more than 5 % of the latency that it
//     measured, each as its 99th percentile: the figures are partly its own;
//   - "rate": less than 98 % of what was offered was sent, since MaxInFlight
//     operations were under way: the server saw less than the load says;
//   - "unanswered": less than 98 % of what was offered was answered OK: the
//     latency leaves out the others, which are hardly the fastest.
//
// Of a search they concern the highest rate that was held, and there are more:
//
//   - "unsettled": probes or time ran out before the bracket was narrow enough;
//   - "below", "above": the knee is outside the rates that were to be tried;
//   - "generator": a rate was not held because the generator was late itself.
func (s *Summary) Flags() []record.Flag {
	var out []record.Flag
	if s.Knee != nil {
		out = s.Knee.flags()
	}
	if s.Schedule == nil {
		return out
	}
	flag := func(name, format string, args ...any) {
		out = append(out, record.Flag{Name: name, Detail: fmt.Sprintf(format, args...)})
	}
	lag, latency := s.Lag.Quantile(0.99), s.Latency.Quantile(0.99)
	if float64(lag) > muchLag*float64(latency) {
		flag("lag", "1 of 100 operations was sent %v late or more; 1 of 100 took %v or more with that", lag.Round(time.Microsecond),
			latency.Round(time.Microsecond))
	}
	if w := s.Window; float64(w.Sent) < enoughOfOffer*float64(w.Offered) {
		flag("rate", "of %d operations offered only %d were sent", w.Offered, w.Sent)
	}
	if w := s.Window; float64(w.OK) < enoughOfOffer*float64(w.Offered) {
		flag("unanswered", "of %d operations offered only %d were answered OK; the latency is of these", w.Offered, w.OK)
	}
	return out
}

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
