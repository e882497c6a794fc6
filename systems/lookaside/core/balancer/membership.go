package balancer

import (
	"slices"
	"unicode/utf8"
)

// Join adds a server, or replaces its row. Of two registrations of the same id
// the one with the higher revision counts; at equal revisions the later call
// does (a server that restarts before its old lease ends overwrites its own
// key). An older one is ignored: news may arrive by two ways, in any order.
// Counters and reports survive as long as the instance stays the same.
//
// The error is [ErrInvalid] for an empty or absurd field and [ErrFull] when
// the table has no room.
func (b *Balancer) Join(m Member) error {
	if err := m.Validate(); err != nil {
		return err
	}
	r, known := b.byID[m.ID]
	switch {
	case !known && len(b.rows) >= MaxServers:
		return ErrFull
	case known && m.Revision < r.Revision, known && m == r.Member:
		return nil
	case known:
		b.remove(r)
	}
	if !known || r.Instance != m.Instance {
		r = &row{counted: b.now, index: -1}
	}
	r.Member = m
	b.byID[m.ID] = r
	i, _ := slices.BinarySearchFunc(b.rows, r, order)
	b.rows = slices.Insert(b.rows, i, r)
	b.fresh = false
	b.changes++
	return nil
}

// Leave removes a server if the given instance is the one in the table, and
// reports whether it did. The late end of an older instance's lease changes
// nothing.
func (b *Balancer) Leave(id, instance string) bool {
	r, known := b.byID[id]
	if !known || r.Instance != instance {
		return false
	}
	b.remove(r)
	delete(b.byID, id)
	b.changes++
	return true
}

// Changes counts how often the table has changed: servers that joined, left or
// were replaced.
func (b *Balancer) Changes() uint64 { return b.changes }

// remove takes a row out of the order.
func (b *Balancer) remove(r *row) {
	i, _ := slices.BinarySearchFunc(b.rows, r, order)
	b.rows = slices.Delete(b.rows, i, i+1)
	b.fresh = false
}

// Validate reports the first field that is empty or absurd, as an [ErrInvalid].
func (m Member) Validate() error {
	for _, f := range [...]struct{ name, text string }{{"id", m.ID}, {"instance", m.Instance}, {"address", m.Address}} {
		switch {
		case f.text == "":
			return invalid("server %q: its %s is empty", m.ID, f.name)
		case len(f.text) > MaxName || !utf8.ValidString(f.text):
			return invalid("server %.40q: its %s is longer than %d bytes or not UTF-8", m.ID, f.name, MaxName)
		}
	}
	if !(m.Capacity >= MinCapacity && m.Capacity <= MaxCapacity) { // so written, NaN fails
		return invalid("server %q: capacity %v is not between %v and %v", m.ID, m.Capacity, MinCapacity, MaxCapacity)
	}
	if m.Revision < 0 {
		return invalid("server %q: revision %d is negative", m.ID, m.Revision)
	}
	return nil
}
