package history

import (
	"fmt"

	"dyno/internal/record"
)

// RegisterKind is what is done to a register.
type RegisterKind string

// The kinds.
const (
	Get  RegisterKind = "get"  // answers the value
	Put  RegisterKind = "put"  // answers nothing
	Swap RegisterKind = "swap" // compare and swap: OK swapped; Refused did not, and answers the value it found
)

// RegisterInput asks something of one register of a store.
type RegisterInput struct {
	Key    string
	Kind   RegisterKind
	Value  int // to be written
	Expect int // what Swap compares with
}

// String describes the request.
func (in RegisterInput) String() string {
	switch in.Kind {
	case Get:
		return "get " + in.Key
	case Swap:
		return fmt.Sprintf("swap %s from %v to %v", in.Key, in.Expect, in.Value)
	default:
		return fmt.Sprintf("%s %s = %v", in.Kind, in.Key, in.Value)
	}
}

// RegisterOp is an operation on a register.
type RegisterOp = Op[RegisterInput, int]

// registers is a store of registers that are 0 at first: a model that is searched
// for what no bank has, such as a swap.
var registers = Model[RegisterInput, int, string, int]{
	Key:      func(in RegisterInput) string { return in.Key },
	Init:     func(string) int { return 0 },
	Step:     stepRegister,
	Observes: func(o *RegisterOp) bool { return o.Input.Kind != Put },
	Ignore: func(o *RegisterOp) bool {
		return o.Input.Kind == Get && o.Outcome != record.OK || o.Input.Kind == Put && o.Outcome == record.Refused
	},
}

func stepRegister(s int, o *RegisterOp) (int, bool) {
	switch {
	case o.Input.Kind == Get:
		return s, s == o.Output
	case o.Input.Kind == Put:
		return o.Input.Value, true
	case o.Outcome == record.OK:
		return o.Input.Value, s == o.Input.Expect
	case o.Outcome == record.Refused:
		return s, s == o.Output && s != o.Input.Expect
	case s == o.Input.Expect:
		return o.Input.Value, true
	default:
		return s, true
	}
}
