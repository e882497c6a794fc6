// Package branches reads the files that say which branches a bank has and what
// its customers do there, in all the spellings that go around, and writes what
// the customers were told.
//
// A file is an array of records. Branches have a type of branch or bank, an id
// and a balance, the same for all; customers have an id and events:
//
//	[{"id": 1, "type": "customer", "events": [
//	   {"interface": "deposit", "money": 400, "dest": 1}, {"interface": "query", "dest": 2}]},
//	 {"id": 1, "type": "bank", "balance": 0}, {"id": 2, "type": "bank", "balance": 0}]
//
// A file is read whole or refused with the place of the first mistake, so that
// nothing runs by halves.
package branches

import (
	"fmt"
	"io"
	"math"
)

// Kind is what a customer asks of a branch.
type Kind string

// The kinds, as files spell them.
const (
	Query    Kind = "query"
	Deposit  Kind = "deposit"
	Withdraw Kind = "withdraw"
)

// Writes reports whether it changes the balance.
func (k Kind) Writes() bool { return k != Query }

// Input is what a file says.
type Input struct {
	Branches  []Branch   // in the order of the file, ids unique, balances equal
	Customers []Customer // one for each record; the same customer may come again
	Target    string     // how the file first names an event's branch: dest, branch, or "" if it never does
}

// Branch is one branch of the bank. An id is from 1 to 2³¹−1, a balance is 0 or
// more, in whole units.
type Branch struct{ ID, Balance int64 }

// Customer is one record of a customer.
type Customer struct {
	ID     int64 // from 0 to 2³¹−1
	Events []Event
}

// Event is one thing that a customer does.
type Event struct {
	ID     int64 // as the file says, 0 where it does not; not a key: ids may repeat
	Kind   Kind
	Branch int64 // where; there is such a branch
	Amount int64 // ≥ 1 in whole units; 0 of a query
}

// MaxBytes bounds a file.
const MaxBytes = 64 << 20

// Read reads a file. An error of its contents is an [*Error].
func Read(r io.Reader) (Input, error) {
	text, err := io.ReadAll(io.LimitReader(r, MaxBytes+1))
	if err != nil {
		return Input{}, err
	}
	if len(text) > MaxBytes {
		return Input{}, fmt.Errorf("the input is longer than %d MiB", MaxBytes>>20)
	}
	root, err := parse(text)
	if err != nil {
		return Input{}, err
	}
	var in Input
	if err := in.records(root); err != nil {
		return Input{}, err
	}
	return in, nil
}

func (in *Input) records(root *value) error {
	records, err := root.array("the file")
	if err != nil {
		return err
	}
	places := make(map[int64]*value) // of branches
	for _, rec := range records {
		if err := in.branch(rec, places); err != nil {
			return err
		}
	}
	for _, rec := range records {
		if err := in.customer(rec, places); err != nil {
			return err
		}
	}
	return nil
}

// typeOf says whether a record is a branch.
func typeOf(rec *value) (branch bool, err error) {
	v, err := rec.need("type")
	if err != nil {
		return false, err
	}
	word, err := v.word("customer", "branch", "bank")
	return word != "customer", err
}

// branch takes in a record if it is a branch.
func (in *Input) branch(rec *value, places map[int64]*value) error {
	isBranch, err := typeOf(rec)
	if err != nil || !isBranch {
		return err
	}
	if err := rec.only("a branch", "id", "type", "balance"); err != nil {
		return err
	}
	id, at, err := rec.number("id", 1, math.MaxInt32)
	if err != nil {
		return err
	}
	if before := places[id]; before != nil {
		return at.fail("branch %d is there already, at %v", id, before.place())
	}
	places[id] = at
	balance, at, err := rec.number("balance", 0, math.MaxInt64)
	if err != nil {
		return err
	}
	if len(in.Branches) > 0 && balance != in.Branches[0].Balance {
		return at.fail("branch %d starts with %d and branch %d with %d: replicas of one account start equal",
			id, balance, in.Branches[0].ID, in.Branches[0].Balance)
	}
	in.Branches = append(in.Branches, Branch{id, balance})
	return nil
}

// customer takes in a record if it is a customer.
func (in *Input) customer(rec *value, places map[int64]*value) error {
	isBranch, err := typeOf(rec)
	if err != nil || isBranch {
		return err
	}
	if err := rec.only("a customer", "id", "type", "events", "customer-requests"); err != nil {
		return err
	}
	id, _, err := rec.number("id", 0, math.MaxInt32)
	if err != nil {
		return err
	}
	list, err := rec.need("events", "customer-requests")
	if err != nil {
		return err
	}
	events, err := list.array("the list of events")
	if err != nil {
		return err
	}
	c := Customer{ID: id, Events: make([]Event, 0, len(events))}
	for _, ev := range events {
		e, err := in.event(ev, id, places)
		if err != nil {
			return err
		}
		c.Events = append(c.Events, e)
	}
	in.Customers = append(in.Customers, c)
	return nil
}

func (in *Input) event(ev *value, customer int64, places map[int64]*value) (e Event, err error) {
	if err := ev.only("an event", "id", "customer-request-id", "interface", "money", "dest", "branch"); err != nil {
		return e, err
	}
	kind, err := ev.need("interface")
	if err != nil {
		return e, err
	}
	word, err := kind.word(string(Query), string(Deposit), string(Withdraw))
	if err != nil {
		return e, err
	}
	e.Kind = Kind(word)
	if e.Kind.Writes() { // what a query says of money means nothing
		if e.Amount, _, err = ev.number("money", 1, math.MaxInt64); err != nil {
			return e, err
		}
	}
	if id, err := ev.either("id", "customer-request-id"); err != nil {
		return e, err
	} else if id != nil {
		if e.ID, err = id.whole(math.MinInt64, math.MaxInt64); err != nil {
			return e, err
		}
	}
	e.Branch, err = in.target(ev, customer, places)
	return e, err
}

// target is where an event happens: at the customer's own branch if it does not say.
func (in *Input) target(ev *value, customer int64, places map[int64]*value) (int64, error) {
	id, at := customer, ev
	v, err := ev.either("dest", "branch")
	if err != nil {
		return 0, err
	}
	if v != nil {
		if id, err = v.whole(1, math.MaxInt32); err != nil {
			return 0, err
		}
		if at = v; in.Target == "" {
			in.Target = v.name
		}
	}
	if places[id] != nil {
		return id, nil
	}
	if v == nil {
		return 0, at.fail("there is no branch %d, which is where customer %d goes: add the branch, or a dest to the event", id, customer)
	}
	return 0, at.fail("there is no branch %d: the file has %d branches", id, len(places))
}
