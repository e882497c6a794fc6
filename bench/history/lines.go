package history

import (
	"bytes"
	"encoding/json"
	"fmt"

	"dyno/internal/record"
)

// line is an operation as JSON: the outcome by its name, times in nanoseconds.
type line[I, O any] struct {
	Client  int32  `json:"client"`
	Seq     int32  `json:"seq"`
	Begin   int64  `json:"begin_ns"`
	End     int64  `json:"end_ns,omitempty"`
	Open    bool   `json:"open,omitempty"` // never ended
	Outcome string `json:"outcome"`
	Input   I      `json:"in"`
	Output  *O     `json:"out,omitempty"` // only of an answered operation
}

// MarshalJSON encodes the operation as one object.
func (o Op[I, O]) MarshalJSON() ([]byte, error) {
	l := line[I, O]{Client: o.Client, Seq: o.Seq, Begin: o.Begin, End: o.End, Outcome: o.Outcome.String(), Input: o.Input}
	if o.End == Never {
		l.End, l.Open = 0, true
	}
	if answered(o.Outcome) {
		l.Output = &o.Output
	}
	return json.Marshal(l)
}

// UnmarshalJSON is the inverse of MarshalJSON. A field or an outcome that it
// does not know is an error.
func (o *Op[I, O]) UnmarshalJSON(b []byte) error {
	var l line[I, O]
	d := json.NewDecoder(bytes.NewReader(b))
	d.DisallowUnknownFields()
	if err := d.Decode(&l); err != nil {
		return err
	}
	outcome, err := parseOutcome(l.Outcome)
	if err != nil {
		return err
	}
	if (l.Output != nil) != answered(outcome) {
		return fmt.Errorf("outcome %s with output %t: exactly answered operations (ok, refused) have one", outcome, l.Output != nil)
	}
	*o = Op[I, O]{Client: l.Client, Seq: l.Seq, Begin: l.Begin, End: l.End, Outcome: outcome, Input: l.Input}
	if l.Open {
		o.End = Never
	}
	if l.Output != nil {
		o.Output = *l.Output
	}
	return o.conform()
}

func parseOutcome(text string) (record.Outcome, error) {
	for _, o := range []record.Outcome{record.Unknown, record.OK, record.Refused, record.Failed} {
		if text == o.String() {
			return o, nil
		}
	}
	return 0, fmt.Errorf("outcome %q is none of unknown, ok, refused, failed", text)
}
