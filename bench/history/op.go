package history

import (
	"fmt"
	"math"
	"time"

	"dyno/internal/record"
)

// Never is the End of an operation that was still open when the record was
// taken, and the Until of every operation whose outcome is unknown.
const Never = math.MaxInt64

// Op is one operation as its client saw it. I is what was asked, O what was
// answered. Begin and End are nanoseconds on one monotonic clock shared by all
// clients; Begin is read before the request is sent, End after the answer has
// arrived, so the effect of a known operation lies between the two.
//
// Outcome says what the client knows: OK and Refused are answers; Failed means
// that the operation definitely did not happen and never will (a wrong answer
// is recorded as OK, since it is for a checker to find); Unknown means that it
// may take effect at any time after Begin, also after End, or never.
type Op[I, O any] struct {
	Client  int32
	Seq     int32 // position among the client's own operations, from 0
	Begin   int64
	End     int64
	Outcome record.Outcome
	Input   I
	Output  O // only of a known outcome
}

// Until is the last instant at which the operation may take effect: End, or
// [Never] when the outcome is unknown.
func (o Op[I, O]) Until() int64 {
	if known(o.Outcome) {
		return o.End
	}
	return Never
}

// String describes the operation on one line.
func (o Op[I, O]) String() string {
	end := "…"
	if o.End != Never {
		end = time.Duration(o.End).String()
	}
	text := fmt.Sprintf("client %d #%d [%v, %s] %v", o.Client, o.Seq, time.Duration(o.Begin), end, o.Input)
	if answered(o.Outcome) {
		return fmt.Sprintf("%s: %s %v", text, o.Outcome, o.Output)
	}
	return fmt.Sprintf("%s: %s", text, o.Outcome)
}

// known says whether the client knows what became of an operation. A number
// that is no outcome counts as unknown, as in record.Counts.
func known(o record.Outcome) bool {
	return o == record.OK || o == record.Refused || o == record.Failed
}

// answered says whether an operation of this outcome has an output.
func answered(o record.Outcome) bool { return o == record.OK || o == record.Refused }

func (o Op[I, O]) conform() error {
	if o.End < o.Begin {
		return fmt.Errorf("%v ends before it begins: read Begin and End from one monotonic clock", o)
	}
	return nil
}
