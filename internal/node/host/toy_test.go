package host_test

import (
	"encoding/binary"
	"fmt"
	"io"
	"time"

	"dyno/internal/node"
)

// counter is a core that hands out numbers, none twice, whatever it forgets:
// each is remembered before it is told.
type counter struct {
	last      uint64
	recovered int
	woken     int
	beginWith time.Duration // the moment of the first Wake; 0: none
}

type (
	ask    struct{ id int }
	answer struct {
		id     int
		number uint64
	}
)

func (c *counter) Recover(record []byte) error {
	if len(record) != 8 {
		return fmt.Errorf("a record of %d bytes", len(record))
	}
	n := binary.BigEndian.Uint64(record)
	if n != c.last+1 {
		return fmt.Errorf("%d follows %d", n, c.last)
	}
	c.last = n
	c.recovered++
	return nil
}

func (c *counter) Begin(time.Duration) node.Effects[answer] {
	return node.Effects[answer]{Wake: c.beginWith}
}

func (c *counter) Step(_ time.Duration, in ask) node.Effects[answer] {
	c.last++
	return node.Effects[answer]{
		Write: [][]byte{binary.BigEndian.AppendUint64(nil, c.last)},
		Send:  []answer{{in.id, c.last}},
	}
}

func (c *counter) Wake(now time.Duration) node.Effects[answer] {
	c.woken++
	return node.Effects[answer]{Early: []answer{{id: -c.woken}}, Wake: now + time.Millisecond}
}

// compacting is a counter that makes snapshots.
type compacting struct{ counter }

func (c *compacting) Flush(time.Duration) node.Effects[answer] {
	c.last++
	return node.Effects[answer]{Write: [][]byte{binary.BigEndian.AppendUint64(nil, c.last)}}
}

func (c *compacting) Snapshot() []byte { return fmt.Append(nil, c.last) }

func (c *compacting) Freeze() func(io.Writer) error {
	last := c.last
	return func(w io.Writer) error {
		_, err := fmt.Fprint(w, last)
		return err
	}
}

func (c *compacting) Restore(records uint64, snapshot []byte) error {
	if _, err := fmt.Sscan(string(snapshot), &c.last); err != nil || c.last != records {
		return fmt.Errorf("a snapshot of %d after %d records: %w", c.last, records, err)
	}
	return nil
}
