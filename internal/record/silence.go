package record

import (
	"fmt"
	"time"
)

// Silence is a stretch of a window in which nobody was answered, longer than the
// load explains. Times are since the window's begin.
type Silence struct {
	From   time.Duration `json:"from_ns"`
	To     time.Duration `json:"to_ns"`
	Window time.Duration `json:"window_ns"`
}

// String says it for a person.
func (s *Silence) String() string {
	const ms = time.Millisecond
	return fmt.Sprintf("no request was answered from %v to %v of a window of %v", s.From.Round(ms), s.To.Round(ms), s.Window.Round(ms))
}

// FlagSilence adds the flag "silence" where the evidence has one, for a trial in which
// nothing was broken on purpose.
func (o *Observation) FlagSilence() {
	if o.Evidence != nil && o.Evidence.Silence != nil {
		o.Flag("silence", "%v", o.Evidence.Silence)
	}
}
