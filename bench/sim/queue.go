package sim

import "time"

// arity of the heap: four children lie in two cache lines, and the tree is
// half as deep as a binary one.
const arity = 4

// what says which kind of event an event is.
type what uint8

const (
	nothing  what = iota // a cancelled timer in a backlog
	delivery             // msg from a node reaches another
	timer                // tag
	synced               // the disk has finished a sync; mark, tag
	notice               // the node hears of a finished sync; tag, failed
	begins               // fault number tag strikes
	ends                 // fault number tag is over
)

// event is what will happen; when is in its key.
type event struct {
	what   what
	failed bool
	node   ID
	from   ID
	life   uint32 // of node: what was meant for an earlier one is void
	id     TimerID
	tag    uint64
	mark   uint64
	msg    any
}

// key is an event's place in the total order: by time, and among equals by
// the order in which they were scheduled.
type key struct {
	at   int64 // ns
	seq  uint64
	slot int32
}

func (k key) before(o key) bool { return k.at < o.at || (k.at == o.at && k.seq < o.seq) }

// queue is a heap of keys over a slab of events. Slots are used again, so a
// run in a steady state allocates nothing; every slot knows its place in the
// heap, so a cancelled timer leaves at once.
type queue struct {
	keys   []key
	events []event
	pos    []int32  // of each slot, in keys
	gen    []uint32 // of each slot: tells its uses apart
	free   []int32
	seq    uint64
}

func (q *queue) len() int { return len(q.keys) }

// push schedules e and returns the identity under which remove finds it.
func (q *queue) push(at int64, e event) TimerID {
	var slot int32
	if n := len(q.free); n > 0 {
		slot, q.free = q.free[n-1], q.free[:n-1]
	} else {
		slot = int32(len(q.events))
		q.events, q.pos, q.gen = append(q.events, event{}), append(q.pos, 0), append(q.gen, 1)
	}
	e.id = TimerID(uint64(q.gen[slot])<<32 | uint64(uint32(slot)))
	q.events[slot] = e
	q.keys = append(q.keys, key{at: at, seq: q.seq, slot: slot})
	q.seq++
	q.up(len(q.keys) - 1)
	return e.id
}

// pop takes the first event out. The queue must not be empty.
func (q *queue) pop() event {
	slot := q.keys[0].slot
	e := q.events[slot]
	q.cut(0)
	q.release(slot)
	return e
}

// remove takes the event with that identity out, if it is still in.
func (q *queue) remove(id TimerID) bool {
	slot, gen := uint32(id), uint32(id>>32)
	if int(slot) >= len(q.gen) || q.gen[slot] != gen || gen == 0 {
		return false
	}
	q.cut(int(q.pos[slot]))
	q.release(int32(slot))
	return true
}

func (q *queue) release(slot int32) {
	q.events[slot].msg = nil
	q.gen[slot]++
	q.free = append(q.free, slot)
}

// cut takes the key at i out of the heap.
func (q *queue) cut(i int) {
	last := len(q.keys) - 1
	k := q.keys[last]
	q.keys = q.keys[:last]
	if i == last {
		return
	}
	q.put(i, k)
	q.down(i)
	q.up(int(q.pos[k.slot]))
}

func (q *queue) put(i int, k key) {
	q.keys[i] = k
	q.pos[k.slot] = int32(i)
}

func (q *queue) up(i int) {
	k := q.keys[i]
	for i > 0 {
		parent := (i - 1) / arity
		if !k.before(q.keys[parent]) {
			break
		}
		q.put(i, q.keys[parent])
		i = parent
	}
	q.put(i, k)
}

func (q *queue) down(i int) {
	k := q.keys[i]
	for {
		first := arity*i + 1
		if first >= len(q.keys) {
			break
		}
		least := first
		for c := first + 1; c < min(first+arity, len(q.keys)); c++ {
			if q.keys[c].before(q.keys[least]) {
				least = c
			}
		}
		if !q.keys[least].before(k) {
			break
		}
		q.put(i, q.keys[least])
		i = least
	}
	q.put(i, k)
}

// Clock is how a node's own clock differs from virtual time. Its reading is
// Offset + t·(1 + PPM/10⁶).
type Clock struct {
	Offset time.Duration // not negative
	PPM    int64         // parts per million that it runs fast, or slow if negative; within ±100,000
}

const (
	million = 1_000_000
	maxPPM  = 100_000
)

func (c Clock) check(name string) error {
	if c.Offset < 0 || c.Offset > maxTime || max(c.PPM, -c.PPM) > maxPPM {
		return misused("the clock of %s is %+v, want an offset between 0 and %v, and at most ±%d PPM", name, c, maxTime, maxPPM)
	}
	return nil
}

// read returns the clock's reading at a moment of virtual time, both in ns.
func (c Clock) read(now int64) int64 {
	return now + int64(c.Offset) + now/million*c.PPM + now%million*c.PPM/million
}

// after returns the first moment at which the clock has advanced by wait.
func (c Clock) after(now int64, wait time.Duration) int64 {
	if c.PPM == 0 || wait > maxTime {
		return later(now, wait)
	}
	wait = max(wait, 0)
	due, rate := c.read(now)+int64(wait), million+c.PPM
	at := now + int64(wait)/rate*million + int64(wait)%rate*million/rate
	for c.read(at) < due {
		at++
	}
	for at > now && c.read(at-1) >= due {
		at--
	}
	return at
}
