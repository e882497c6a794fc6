package outbox

import (
	"encoding/json"
	"fmt"
	"slices"
	"time"
)

// Types of records.
const (
	added     = "added"
	kept      = "kept"
	sent      = "sent"
	withdrawn = "withdrawn"
	ended     = "ended"
	removed   = "removed"
)

// record is what the journal holds.
type record struct {
	Type    string        `json:"type"`
	Key     string        `json:"key"`
	Payment *Payment      `json:"payment,omitempty"` // of added
	At      time.Duration `json:"at,omitempty"`      // of added: wall clock
	Once    bool          `json:"once,omitempty"`    // of added
	Result  *Result       `json:"result,omitempty"`  // of ended
}

// write makes a record and takes it in, as the next life will.
func (o *Outbox) write(r record, e *Effects) {
	text, err := json.Marshal(r)
	if err == nil {
		err = o.take(r)
	}
	if err != nil {
		panic(err) // cannot happen: it is made of strings and numbers, about what is there
	}
	e.Write = append(e.Write, text)
}

// Recover implements [node.Core].
func (o *Outbox) Recover(text []byte) error {
	var r record
	if err := json.Unmarshal(text, &r); err != nil {
		return fmt.Errorf("no record of a queue: %w", err)
	}
	if o.config.Mutant == Forgetful {
		return nil
	}
	return o.take(r)
}

// take does what a record says.
func (o *Outbox) take(r record) error {
	x := o.entries[r.Key]
	if r.Type == added {
		if x != nil || r.Payment == nil || r.Payment.Key != r.Key {
			return fmt.Errorf("payment %q is added twice, or is none", r.Key)
		}
		o.ids++
		x = &entry{Payment: *r.Payment, id: o.ids, at: r.At, state: Queued, once: r.Once}
		o.entries[r.Key] = x
		l := o.lane(x.From)
		l.waiting = append(l.waiting, x)
		return nil
	}
	if x == nil {
		return fmt.Errorf("payment %q is %s and was never added", r.Key, r.Type)
	}
	switch r.Type {
	case kept:
		x.once = false
	case sent:
		x.state = Sent
	case withdrawn:
		x.withdrew = true
	case ended:
		if r.Result == nil {
			return fmt.Errorf("payment %q ended without a result", r.Key)
		}
		o.final(x, *r.Result)
	case removed:
		o.remove(x)
	default:
		return fmt.Errorf("a record of type %q", r.Type)
	}
	return nil
}

func (o *Outbox) final(x *entry, r Result) {
	x.state, x.result, x.number = Final, r, 0
	l := o.lane(x.From)
	l.waiting = slices.DeleteFunc(l.waiting, func(w *entry) bool { return w == x })
	l.vain, l.due = 0, 0
}

func (o *Outbox) remove(x *entry) {
	delete(o.entries, x.Key)
	l := o.lane(x.From)
	l.waiting = slices.DeleteFunc(l.waiting, func(w *entry) bool { return w == x })
}

// lane finds that of an account, or makes it.
func (o *Outbox) lane(from string) *lane {
	for _, l := range o.lanes {
		if l.from == from {
			return l
		}
	}
	l := &lane{from: from}
	o.lanes = append(o.lanes, l)
	return l
}

// Item is a payment in the queue, for people to look at.
type Item struct {
	ID      uint64        `json:"id"`
	Payment Payment       `json:"payment"`
	State   State         `json:"state"`
	Since   time.Duration `json:"since_unix_ns"` // wall clock
	Tries   int           `json:"tries"`         // in this life
	Result  *Result       `json:"result,omitempty"`
}

// Items lists what is in the queue, in the order in which it came.
func (o *Outbox) Items() []Item {
	var out []Item
	for _, x := range o.entries {
		i := Item{ID: x.id, Payment: x.Payment, State: x.state, Since: x.at, Tries: x.attempts}
		if x.state == Final {
			r := x.result
			i.Result = &r
		}
		out = append(out, i)
	}
	slices.SortFunc(out, func(a, b Item) int { return int(a.ID) - int(b.ID) })
	return out
}

// Locked says that nothing is sent until the user has logged in.
func (o *Outbox) Locked() bool { return o.locked }

// Waiting counts the payments whose end is not known.
func (o *Outbox) Waiting() (n int) {
	for _, l := range o.lanes {
		n += len(l.waiting)
	}
	return n
}

// image is a queue in a snapshot.
type image struct {
	Numbers uint64 `json:"ids"` // that were given out
	Entries []held `json:"entries"`
}

// held is an entry in a snapshot.
type held struct {
	ID        uint64        `json:"id"`
	Payment   Payment       `json:"payment"`
	At        time.Duration `json:"at"`
	State     State         `json:"state"`
	Once      bool          `json:"once,omitempty"`
	Withdrawn bool          `json:"withdrawn,omitempty"`
	Result    Result        `json:"result"`
}

// Snapshot implements [node.Snapshotter]: what has left the queue is forgotten.
func (o *Outbox) Snapshot() []byte {
	i := image{Numbers: o.ids}
	for _, item := range o.Items() { // in the order of their numbers
		x := o.entries[item.Payment.Key]
		i.Entries = append(i.Entries, held{x.id, x.Payment, x.at, x.state, x.once, x.withdrew, x.result})
	}
	text, err := json.Marshal(i)
	if err != nil {
		panic(err) // cannot happen: it is made of strings and numbers
	}
	return text
}

// Restore implements [node.Snapshotter].
func (o *Outbox) Restore(_ uint64, snapshot []byte) error {
	var i image
	if err := json.Unmarshal(snapshot, &i); err != nil {
		return fmt.Errorf("no snapshot of a queue: %w", err)
	}
	if o.config.Mutant == Forgetful {
		return nil
	}
	o.ids = i.Numbers
	for _, h := range i.Entries {
		x := &entry{
			Payment: h.Payment, id: h.ID, at: h.At, state: h.State, once: h.Once, withdrew: h.Withdrawn, result: h.Result,
		}
		o.entries[x.Key] = x
		if x.state != Final {
			l := o.lane(x.From)
			l.waiting = append(l.waiting, x)
		}
	}
	return nil
}
