package history

import (
	"bufio"
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"

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

// Write writes operations as JSON, one per line, for a failure bundle.
func Write[I, O any](w io.Writer, ops []Op[I, O]) error {
	buffered := bufio.NewWriter(w)
	e := json.NewEncoder(buffered)
	for _, o := range ops {
		if err := e.Encode(o); err != nil {
			return fmt.Errorf("write %v: %w", o, err)
		}
	}
	return buffered.Flush()
}

// Read reads what [Write] wrote, at most maxOps operations; more are
// [ErrFull]. Other errors name the operation, counted from 1.
func Read[I, O any](r io.Reader, maxOps int) ([]Op[I, O], error) {
	d := json.NewDecoder(r)
	var ops []Op[I, O]
	for {
		var o Op[I, O]
		err := d.Decode(&o)
		switch {
		case errors.Is(err, io.EOF):
			return ops, nil
		case err != nil:
			return nil, fmt.Errorf("operation %d: %w", len(ops)+1, err)
		case len(ops) == maxOps:
			return nil, fmt.Errorf("%w: more than %d operations to read", ErrFull, maxOps)
		}
		ops = append(ops, o)
	}
}
