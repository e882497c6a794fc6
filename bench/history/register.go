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
type RegisterInput[V comparable] struct {
	Key    string       `json:"key"`
	Kind   RegisterKind `json:"kind"`
	Value  V            `json:"value,omitzero"`  // to be written
	Expect V            `json:"expect,omitzero"` // what Swap compares with
}

// String describes the request.
func (in RegisterInput[V]) String() string {
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
type RegisterOp[V comparable] = Op[RegisterInput[V], V]

// Registers is a store of registers, each with the same initial value.
type Registers[V comparable] struct{ Initial V }

// Linearizable tells whether the store behaves as one copy that executes one
// operation at a time. See [Model.Linearizable].
//
// A put of unknown outcome costs nothing when its value is written only once:
// it must have taken effect by the end of the first answer that shows the value,
// and does not matter when there is none. Answers that not even a regular
// register gives are found first, without a search.
func (r Registers[V]) Linearizable(ops []RegisterOp[V], limits Limits) Finding {
	if f := r.Regular(ops); f.Violations > 0 {
		return f
	}
	return r.model().Linearizable(ops, limits)
}

func (r Registers[V]) model() Model[RegisterInput[V], V, string, V] {
	return Model[RegisterInput[V], V, string, V]{
		Key:      func(in RegisterInput[V]) string { return in.Key },
		Init:     func(string) V { return r.Initial },
		Step:     stepRegister[V],
		Observes: func(o *RegisterOp[V]) bool { return o.Input.Kind != Put },
		Ignore: func(o *RegisterOp[V]) bool {
			return o.Input.Kind == Get && o.Outcome != record.OK || o.Input.Kind == Put && o.Outcome == record.Refused
		},
		tighten: func(_ string, calls []call[RegisterInput[V], V]) []call[RegisterInput[V], V] {
			return tightenPuts(calls, r.Initial)
		},
	}
}

func stepRegister[V comparable](s V, o *RegisterOp[V]) (V, bool) {
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

// sightings is what a key's history says of one value.
type sightings struct {
	writers int
	first   int64 // end of the first answer that shows it
	needed  bool  // by a swap of unknown outcome
}

// tightenPuts narrows the puts of unknown outcome whose value nobody else
// wrote. Each left open for ever would double the orders to be searched.
func tightenPuts[V comparable](calls []call[RegisterInput[V], V], initial V) []call[RegisterInput[V], V] {
	seen := sight(calls)
	var out []call[RegisterInput[V], V]
	for _, c := range calls {
		s := seen[c.op.Input.Value]
		if c.op.Input.Kind == Put && !known(c.op.Outcome) && s.writers == 1 && !s.needed && c.op.Input.Value != initial {
			if s.first == Never {
				continue
			}
			if s.first >= c.op.Begin { // else shown before it was written: left for the search to find
				c.until = s.first
			}
		}
		out = append(out, c)
	}
	return out
}

func sight[V comparable](calls []call[RegisterInput[V], V]) map[V]*sightings {
	seen := make(map[V]*sightings)
	at := func(v V) *sightings {
		s := seen[v]
		if s == nil {
			s = &sightings{first: Never}
			seen[v] = s
		}
		return s
	}
	for _, c := range calls {
		in := c.op.Input
		if in.Kind != Get {
			at(in.Value).writers++
		}
		switch {
		case in.Kind == Put:
		case in.Kind == Swap && !known(c.op.Outcome):
			at(in.Expect).needed = true
		case in.Kind == Swap && c.op.Outcome == record.OK:
			s := at(in.Expect)
			s.first = min(s.first, c.op.End)
		default:
			s := at(c.op.Output)
			s.first = min(s.first, c.op.End)
		}
	}
	return seen
}
