package record

import "fmt"

// Counts says what became of every operation of a trial, warm-up and drain
// included. All are numbers of operations.
type Counts struct {
	Offered int64 `json:"offered"` // what the load model asked for
	Sent    int64 `json:"sent"`    // what left the generator
	OK      int64 `json:"ok"`      // answered, and the answer was right
	Refused int64 `json:"refused"` // turned away on purpose; nothing happened
	Failed  int64 `json:"failed"`  // definitely did not happen, or the answer was wrong
	Unknown int64 `json:"unknown"` // may or may not have happened
}

// Add adds d to c.
func (c *Counts) Add(d Counts) {
	c.Offered += d.Offered
	c.Sent += d.Sent
	c.OK += d.OK
	c.Refused += d.Refused
	c.Failed += d.Failed
	c.Unknown += d.Unknown
}

// Tally counts one sent operation with its outcome.
func (c *Counts) Tally(o Outcome) {
	c.Sent++
	switch o {
	case OK:
		c.OK++
	case Refused:
		c.Refused++
	case Failed:
		c.Failed++
	default:
		c.Unknown++
	}
}

// Conform reports counts that do not add up: sent must be the sum of the four
// outcomes and must not exceed what was offered; none may be negative.
func (c Counts) Conform() error {
	if c.OK < 0 || c.Refused < 0 || c.Failed < 0 || c.Unknown < 0 {
		return fmt.Errorf("a count is negative: %+v", c)
	}
	if sum := c.OK + c.Refused + c.Failed + c.Unknown; sum != c.Sent {
		return fmt.Errorf("sent %d, but ok %d + refused %d + failed %d + unknown %d = %d", c.Sent, c.OK, c.Refused, c.Failed, c.Unknown, sum)
	}
	if c.Sent > c.Offered {
		return fmt.Errorf("sent %d, but only %d were offered", c.Sent, c.Offered)
	}
	return nil
}

// Outcome is what a client knows of an operation when it is over.
type Outcome uint8

// The outcomes. The zero value is Unknown: what nobody judged is not known.
const (
	Unknown Outcome = iota
	OK
	Refused
	Failed
)

// String returns the outcome's name in lower case.
func (o Outcome) String() string {
	switch o {
	case OK:
		return "ok"
	case Refused:
		return "refused"
	case Failed:
		return "failed"
	default:
		return "unknown"
	}
}

// Span is one operation as its client saw it. Begin and End are nanoseconds
// on one monotonic clock; Begin is the intended start.
type Span struct {
	Begin, End int64
	Client     int32
	Target     int32 // who served it, as an index the system chooses; -1 when nobody did
	Outcome    Outcome
}
