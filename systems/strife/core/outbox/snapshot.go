package outbox

import (
	"encoding/json"
	"fmt"
	"time"
)

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
