package sim

import (
	"errors"
	"maps"
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
