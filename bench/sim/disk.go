package sim

import (
	"errors"
	"maps"
	"math/rand/v2"
	"slices"
)

// What a disk answers under the faults [FullDisk] and [FailSync].
var (
	ErrWrite = errors.New("sim: disk write failed")
	ErrSync  = errors.New("sim: disk sync failed")
)

// Disk is what one life of a node sees of the node's disk: named files of
// bytes. Changes are seen at once, but only buffered: they are durable once a
// Sync that came after them has succeeded. A crash loses the others, except
// for what of them a torn crash keeps: a prefix in the order of the calls,
// perhaps cut in the middle of an Append.
type Disk struct{ env *Env }

// Append adds a copy of data to the end of a file, which it makes if need be.
// After [ErrWrite] nothing has changed.
func (d *Disk) Append(file string, data []byte) error {
	return d.change(change{kind: appended, file: file, data: data})
}

// WriteAt puts a copy of data into a file at an offset; what lies between the
// file's end and the offset reads as zeros. A torn crash cuts it between sectors
// of 512 bytes of the file. After [ErrWrite] nothing has changed.
func (d *Disk) WriteAt(file string, data []byte, offset int) error {
	return d.change(change{kind: written, file: file, data: data, offset: max(offset, 0)})
}

// Rename gives a file another name, in place of the file that has it, if there
// is one. After [ErrWrite] nothing has changed.
func (d *Disk) Rename(from, to string) error {
	return d.change(change{kind: renamed, file: from, data: []byte(to)})
}

// Replace makes a copy of data the content of a file, all of it or, if a crash
// comes first, nothing: a new file that is written, synced and renamed.
// After [ErrWrite] nothing has changed.
func (d *Disk) Replace(file string, data []byte) error {
	return d.change(change{kind: replaced, file: file, data: data})
}

// Truncate cuts a file to at most size bytes. After [ErrWrite] nothing has
// changed.
func (d *Disk) Truncate(file string, size int) error {
	return d.change(change{kind: truncated, file: file, offset: max(size, 0)})
}

// Remove deletes a file. After [ErrWrite] nothing has changed.
func (d *Disk) Remove(file string) error {
	return d.change(change{kind: removed, file: file})
}

// Read returns a copy of a file, buffered changes included; nil if there is none.
func (d *Disk) Read(file string) []byte { return slices.Clone(d.env.n.store.files[file]) }

// ReadAt copies what a file holds from an offset on, and returns how many bytes
// that were.
func (d *Disk) ReadAt(file string, into []byte, offset int) int {
	data := d.env.n.store.files[file]
	if offset >= len(data) {
		return 0
	}
	return copy(into, data[max(offset, 0):])
}

// Exists reports whether there is a file.
func (d *Disk) Exists(file string) bool { return d.env.n.store.files[file] != nil }

// Size returns the length of a file in bytes, 0 if there is none.
func (d *Disk) Size(file string) int { return len(d.env.n.store.files[file]) }

// Files returns the names of all files, sorted.
func (d *Disk) Files() []string { return slices.Sorted(maps.Keys(d.env.n.store.files)) }

// Sync is SyncFor no purpose in particular.
func (d *Disk) Sync(tag uint64) { d.SyncFor("", tag) }

// SyncFor makes all earlier changes durable and then calls [Syncer].Synced with
// tag. The purpose is the name by which [Hunt.Weaken] makes it lie. A disk does one sync after the other; each takes [Config].Sync. It goes
// on while the node is paused; a crash abandons it.
//
// If it fails, what it covered will never be durable, and a later Sync that
// succeeds does not say so: Linux drops the pages that it could not write. The
// node still reads what it wrote, and finds zeros or the old content there
// after a crash.
func (d *Disk) SyncFor(purpose string, tag uint64) {
	w, n := d.env.w, d.env.n
	if d.env.dead {
		return
	}
	if _, ok := n.node.(Syncer); !ok {
		w.stop(misused("%s calls Disk.Sync and has no method Synced", n.name))
		return
	}
	s := &n.store
	w.chance.Seed(s.chance.Uint64(), w.cfg.Seed)
	wait := w.cfg.Sync.Sample(w.rng)
	for _, f := range s.forces {
		if f.kind == SlowDisk {
			wait += f.delay
		}
	}
	s.busy = later(max(s.busy, w.now), wait)
	mark := s.first + uint64(len(s.pending))
	if purpose != "" {
		w.countSync(purpose)
		if purpose == w.cfg.Weaken {
			mark = 0 // covers nothing
		}
	}
	w.schedule(s.busy, event{what: synced, node: n.id, life: n.life, tag: tag, mark: mark})
}

func (d *Disk) change(c change) error {
	s := &d.env.n.store
	if d.env.dead || s.strikes(FullDisk) {
		return ErrWrite
	}
	c.data = slices.Clone(c.data)
	if c.kind == appended {
		c.offset = len(s.files[c.file])
	}
	s.size += c.apply(s.files)
	s.buffered += len(c.data)
	s.pending = append(s.pending, c)
	if max(s.size, s.buffered) > s.w.cfg.Limits.Disk {
		s.w.over("Disk", s.w.cfg.Limits.Disk)
	}
	return nil
}

// store is what a node's disk holds, through all lives of the node.
type store struct {
	w        *World
	chance   rand.PCG          // one draw for every operation
	files    map[string][]byte // as the node sees them
	durable  map[string][]byte // as a crash would leave them
	pending  []change          // what files has and durable has not
	first    uint64            // number of the first pending change, counted from 0
	size     int               // bytes in files
	buffered int               // bytes in pending
	busy     int64             // the moment at which the last sync ends, in ns
	forces   []force           // SlowDisk, FullDisk and FailSync
}

type changeKind uint8

const (
	appended changeKind = iota
	replaced
	truncated
	removed
	written
	renamed
)

// sector is what a disk writes whole or not at all.
const sector = 512

// change is one buffered operation.
type change struct {
	kind   changeKind
	file   string
	offset int    // where an append or a write begins, or the size to truncate to
	data   []byte // of a rename, the new name
}

func (s *store) init(w *World, n *node) {
	s.w, s.chance = w, *stream(w.cfg.Seed, "disk", n.id, 0)
	s.files, s.durable = map[string][]byte{}, map[string][]byte{}
}

// strikes draws whether a fault makes the present operation fail.
func (s *store) strikes(kind Kind) bool {
	draw := s.chance.Uint64()
	if len(s.forces) == 0 {
		return false
	}
	s.w.chance.Seed(draw, s.w.cfg.Seed)
	hit := false
	for _, f := range s.forces {
		hit = f.kind == kind && s.w.rng.Float64() < f.p || hit
	}
	return hit
}

// finish ends a sync: what it covered is durable or, if it fails, lost.
func (s *store) finish(e *event) {
	e.failed = s.strikes(FailSync)
	covered := int(max(e.mark, s.first) - s.first) // an earlier sync may have covered it all
	for _, c := range s.pending[:covered] {
		s.buffered -= len(c.data)
		if !e.failed {
			c.apply(s.durable)
		}
	}
	s.pending = slices.Delete(s.pending, 0, covered)
	s.first += uint64(covered)
}

// crash leaves what is durable and, of what is not, a prefix: that share of
// its bytes. What has no bytes counts as one.
func (s *store) crash(share float64) {
	total := 0
	for _, c := range s.pending {
		total += c.weight()
	}
	left := int(share * float64(total))
	for _, c := range s.pending {
		if left < c.weight() {
			if c.tear(left) {
				c.apply(s.durable)
			}
			break
		}
		left -= c.weight()
		c.apply(s.durable)
	}
	s.first += uint64(len(s.pending))
	s.pending, s.buffered, s.size, s.busy = nil, 0, 0, 0
	s.files = map[string][]byte{}
	for name, data := range s.durable { // into a map: the order does not show
		s.files[name] = slices.Clone(data)
		s.size += len(data)
	}
}

func (s *store) survivor(file string) []byte { return slices.Clone(s.durable[file]) }

// tear leaves so many of the change's bytes, a written one's to a whole sector,
// and reports whether anything is left of it.
func (c *change) tear(left int) bool {
	switch c.kind {
	case appended:
		c.data = c.data[:left]
	case written:
		c.data = c.data[:max(0, (c.offset+left)/sector*sector-c.offset)]
	default:
		return false
	}
	return len(c.data) > 0
}

func (c change) weight() int { return max(1, len(c.data)) }

// apply makes the change to files and returns by how many bytes they grew.
func (c change) apply(files map[string][]byte) int {
	before, old := len(files[c.file]), files[c.file]
	switch c.kind {
	case appended, written:
		if old == nil {
			old = []byte{} // a file, though empty
		}
		if end := c.offset + len(c.data); end > len(old) {
			old = append(old, make([]byte, end-len(old))...)
		}
		copy(old[c.offset:], c.data)
		files[c.file] = old
	case replaced:
		files[c.file] = append([]byte{}, c.data...)
	case truncated:
		if len(old) > c.offset {
			files[c.file] = old[:c.offset]
		}
	case removed:
		delete(files, c.file)
	case renamed:
		if old == nil {
			return 0
		}
		to := string(c.data)
		delete(files, c.file)
		lost := len(files[to])
		files[to] = old
		return -lost
	}
	return len(files[c.file]) - before
}
