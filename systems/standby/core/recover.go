package core

import (
	"errors"
	"fmt"
)

// Recover implements [node.Core].
func (c *Core) Recover(record []byte) (err error) {
	c.records++
	if len(record) == 9 && record[0] == recordEpoch {
		d := decoder{rest: record[1:]}
		c.promised = max(c.promised, d.u64())
		return nil
	}
	if len(record) == 25 && record[0] == recordLost {
		d := decoder{rest: record[1:]}
		c.noteLost(Lost{d.u64(), d.u64(), d.u64()})
		return nil
	}
	var wrong error
	err = Visit(record, func(e Entry) {
		wrong = errors.Join(wrong, c.apply(e))
	}, func(after uint64) {
		if !c.state.window.reaches(after) {
			wrong = fmt.Errorf("actions after %d are cut, and only those after %d can be", after, c.state.window.first-1)
			return
		}
		c.state.cut(after)
	}, func(p Chunk) {
		_, wrong = c.gatherPart(p)
	})
	return errors.Join(err, wrong)
}

// apply does what an entry says, one that another primary has made.
func (c *Core) apply(e Entry) error {
	if err := c.state.apply(e, c.records); err != nil {
		return err
	}
	c.promised = max(c.promised, e.Epoch)
	if c.cfg.Mutant.Amnesiac {
		c.state.replies.restore(e.Client, Remembered{}, false)
	}
	return nil
}

// gatherPart takes one part of a state, and all of it with the last one.
func (c *Core) gatherPart(p Chunk) (whole bool, err error) {
	data, whole, ok := gather(c.install, c.parts, p)
	if !ok {
		c.install, c.parts = nil, 0
		return false, fmt.Errorf("part %d of a state came as number %d", p.Index, c.parts)
	}
	c.install, c.parts = data, p.Index+1
	if !whole {
		return false, nil
	}
	c.install, c.parts = nil, 0
	state, err := c.state.decode(data)
	if err != nil {
		return false, err
	}
	c.state = state
	return true, nil
}

// writeState puts the state into the journal, in place of all that is there.
func (c *Core) writeState() {
	for _, p := range c.state.chunks(c.cfg.Chunk) {
		c.write(chunkRecord(p))
	}
}

// Snapshot is all that the records of the journal add up to.
func (c *Core) Snapshot() []byte {
	b := encoder{}.u64(c.promised).u32(uint32(len(c.lost)))
	for _, l := range c.lost {
		b = b.u64(l.Epoch, l.First, l.Last)
	}
	return append(b, c.state.encode()...)
}

// Restore takes in what Snapshot returned, in place of as many records.
func (c *Core) Restore(records uint64, snapshot []byte) error {
	d := decoder{rest: snapshot}
	c.records, c.promised = records, d.u64()
	c.lost = nil
	for range d.count(24) {
		c.lost = append(c.lost, Lost{d.u64(), d.u64(), d.u64()})
	}
	if d.short {
		return errors.New("a snapshot is too short")
	}
	state, err := c.state.decode(d.rest)
	if err != nil {
		return err
	}
	c.state = state
	return nil
}

const maxLost = 1024 // ranges that are named; older ones are still noticed, by what clients have seen

// noteLost adds to what is known to be lost. Ranges of one epoch that meet are one.
func (c *Core) noteLost(l Lost) {
	for i, o := range c.lost {
		if o.Epoch == l.Epoch && l.First <= o.Last+1 && o.First <= l.Last+1 {
			c.lost[i] = Lost{l.Epoch, min(l.First, o.First), max(l.Last, o.Last)}
			return
		}
	}
	if len(c.lost) < maxLost {
		c.lost = append(c.lost, l)
	}
}

// lose writes down that actions are lost.
func (c *Core) lose(l Lost) {
	c.noteLost(l)
	c.write(record(recordLost, l.Epoch, l.First, l.Last))
}
