package spacetime

import (
	"fmt"
	"math"
	"strings"
	"unicode/utf8"

	"dyno/internal/record"
)

// Never is the end of a call that nobody saw answered, and of an absence that
// nobody saw over.
const Never = math.MaxInt64

// MaxCalls bounds the calls and messages of a diagram that a person can read.
const MaxCalls = 40

// Diagram is a history to draw. Times are nanoseconds on one clock; the picture
// keeps their order, and writes the time since the first of them below.
type Diagram struct {
	Title     string
	Processes []string // from top to bottom
	Calls     []Call
	Messages  []Message
	Absences  []Absence
	Words     []string // below the picture, a line each

	// Labels name moments, such as rounds, below the picture; then it shows no
	// times. Nil: the time since the first moment stands at each.
	Labels map[int64]string
}

// Call is a request of one process to another one and the answer to it.
type Call struct {
	From, To   int // indices of Processes
	Begin, End int64
	Text       string // what was asked, and answered
	Outcome    record.Outcome
	Broken     bool // it is where the promise is broken
}

// Message goes one way.
type Message struct {
	From, To       int
	Sent, Received int64 // Never: it did not arrive
	Text           string
	Inferred       bool // nobody saw it: what was answered says that it must, or cannot, have arrived by then
	Broken         bool // it is where the promise is broken
}

// Absence is a time in which a process is killed, paused or cut off.
type Absence struct {
	Process     int
	From, Until int64
	Text        string
}

// check refuses what cannot be drawn.
func (d *Diagram) check() error {
	if n := len(d.Calls) + len(d.Messages); n == 0 || n > MaxCalls {
		return fmt.Errorf("%q: %d calls and messages, a diagram has 1 to %d: shrink the history first", d.Title, n, MaxCalls)
	}
	there := func(what string, ps ...int) error {
		for _, p := range ps {
			if p < 0 || p >= len(d.Processes) {
				return fmt.Errorf("%q: %s names process %d of %d", d.Title, what, p, len(d.Processes))
			}
		}
		return nil
	}
	for _, c := range d.Calls {
		if err := there("call "+c.Text, c.From, c.To); err != nil {
			return err
		}
		if c.End < c.Begin {
			return fmt.Errorf("%q: call %s ends before it begins", d.Title, c.Text)
		}
	}
	for _, m := range d.Messages {
		if err := there("message "+m.Text, m.From, m.To); err != nil {
			return err
		}
		if m.Received < m.Sent {
			return fmt.Errorf("%q: message %s arrives before it is sent", d.Title, m.Text)
		}
	}
	for _, a := range d.Absences {
		if err := there("absence "+a.Text, a.Process); err != nil {
			return err
		}
		if a.Until < a.From {
			return fmt.Errorf("%q: absence %s ends before it begins", d.Title, a.Text)
		}
	}
	return nil
}

// wrap cuts a text between words into lines of at most so many letters; a longer
// word has a line of its own.
func wrap(text string, letters int) (lines []string) {
	n := letters + 1 // of the last line, nearly: so the first word begins one
	for word := range strings.FieldsSeq(text) {
		size := utf8.RuneCountInString(word)
		if n += 1 + size; n > letters {
			lines, n = append(lines, word), size
			continue
		}
		lines[len(lines)-1] += " " + word
	}
	return lines
}
