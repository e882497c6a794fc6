package core

// Remembered is the last answer to a client: what a repeated request gets.
type Remembered struct {
	Number, Epoch, Action uint64
	Balance               int64
	Refused               bool
}

// replies remembers one answer for each of the last clients that acted, up to a
// limit, in the order of their actions.
type replies struct {
	limit int
	by    map[uint64]*remembered
	ends  remembered // of the ring: ends.next is the oldest
}

type remembered struct {
	Remembered
	client     uint64
	prev, next *remembered
}

func newReplies(limit int) replies {
	return replies{limit: limit, by: map[uint64]*remembered{}}
}

// ring makes the empty ring, whose address must not change any more.
func (t *replies) ring() *remembered {
	if t.ends.next == nil {
		t.ends.next, t.ends.prev = &t.ends, &t.ends
	}
	return &t.ends
}

func (t *replies) get(client uint64) (Remembered, bool) {
	r, known := t.by[client]
	if !known {
		return Remembered{}, false
	}
	return r.Remembered, true
}

// put remembers the newest answer; gone is the action of one that had to be
// forgotten for it, 0 if there was room.
func (t *replies) put(client uint64, answer Remembered) (gone uint64) {
	r := t.by[client]
	if r == nil {
		r = &remembered{client: client}
		t.by[client] = r
	} else {
		r.unlink()
	}
	r.Remembered = answer
	r.link(t.ring().prev)
	if len(t.by) > t.limit {
		oldest := t.ends.next
		oldest.unlink()
		delete(t.by, oldest.client)
		gone = oldest.Action
	}
	return gone
}

// restore puts back what a client's last answer was before the newest one.
func (t *replies) restore(client uint64, answer Remembered, known bool) {
	r := t.by[client]
	if r != nil {
		r.unlink()
		delete(t.by, client)
	}
	if !known {
		return
	}
	if r == nil { // it was forgotten meanwhile, and stays so
		return
	}
	r.Remembered = answer
	t.by[client] = r
	at := t.ring().prev
	for at != &t.ends && at.Action > answer.Action {
		at = at.prev
	}
	r.link(at)
}

func (r *remembered) link(after *remembered) {
	r.prev, r.next = after, after.next
	r.prev.next, r.next.prev = r, r
}

func (r *remembered) unlink() { r.prev.next, r.next.prev = r.next, r.prev }

// each goes through all, the oldest first.
func (t *replies) each(do func(client uint64, r Remembered)) {
	for r := t.ring().next; r != &t.ends; r = r.next {
		do(r.client, r.Remembered)
	}
}

// undo is an entry, and what it takes to undo it.
type undo struct {
	entry    Entry
	checksum uint64 // before it
	accepted uint64
	reply    Remembered
	known    bool
	record   uint64 // of the journal
}

// window holds the last entries, to ship them again and to undo them.
type window struct {
	slots []undo
	first uint64 // id of the oldest
	next  uint64
}

func newWindow(limit int) window { return window{slots: make([]undo, limit), first: 1, next: 1} }

func (w *window) slot(id uint64) *undo { return &w.slots[id%uint64(len(w.slots))] }

func (w *window) push(u undo) {
	w.next = u.entry.ID + 1
	if w.next-w.first > uint64(len(w.slots)) {
		w.first++
	}
	*w.slot(u.entry.ID) = u
}

func (w *window) pop(id uint64) undo {
	w.next = id
	return *w.slot(id)
}

// reaches says whether all entries after an action are there.
func (w *window) reaches(after uint64) bool { return after+1 >= w.first }

// at is an entry that is there.
func (w *window) at(id uint64) (*undo, bool) {
	if id < w.first || id >= w.next {
		return nil, false
	}
	return w.slot(id), true
}

// begin empties the window after an action.
func (w *window) begin(after uint64) { w.first, w.next = after+1, after+1 }
