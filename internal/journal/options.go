package journal

import (
	"encoding/binary"
	"fmt"
)

// Options are the settings of a journal. The zero value is ready to use.
type Options struct {
	// Identity names what the journal belongs to, for example "mapreduce job
	// 7f3a"; at most 1024 bytes. Opening it under another identity is an error.
	Identity string
	// FS is where it is; nil means [OS].
	FS FS
	// Segment is the size of a segment, in bytes, from 8 KiB to 1 GiB; 0 means
	// 8 MiB. It is written out before it is used, so a small journal wants
	// small ones. A batch that is larger gets a segment of its own.
	Segment int
	// MaxRecord bounds a record, in bytes; 0 means 16 MiB.
	MaxRecord int
	// MaxPending bounds what waits to be written, in bytes; when it is reached,
	// adding waits. 0 means 8 MiB. It is of no use to a [Log].
	MaxPending int
}

const (
	defaultSegment    = 8 << 20
	minSegment        = 2 * dataOffset
	defaultMaxRecord  = 16 << 20
	defaultMaxPending = 8 << 20
)

// check fills in what is left out.
func (o *Options) check() error {
	if len(o.Identity) > maxIdentity {
		return fmt.Errorf("journal: identity of %d bytes, at most %d", len(o.Identity), maxIdentity)
	}
	if o.FS == nil {
		o.FS = OS
	}
	if o.Segment == 0 {
		o.Segment = defaultSegment
	}
	if o.MaxRecord == 0 {
		o.MaxRecord = defaultMaxRecord
	}
	if o.MaxPending == 0 {
		o.MaxPending = defaultMaxPending
	}
	if o.Segment < minSegment || o.Segment > maxBatch || o.MaxRecord < 0 || o.MaxRecord > maxBatch-align {
		return fmt.Errorf("journal: segments of %d bytes (from %d to %d), records of %d (at most %d)",
			o.Segment, minSegment, maxBatch, o.MaxRecord, maxBatch-align)
	}
	return nil
}

// checkRecords says what is wrong with records that are to be added, and how
// many bytes they have.
func (o *Options) checkRecords(records [][]byte) (size int, err error) {
	for _, r := range records {
		if len(r) > o.MaxRecord {
			return 0, fmt.Errorf("journal: record of %d bytes, at most %d", len(r), o.MaxRecord)
		}
		size += len(r) + binary.MaxVarintLen32
	}
	if len(records) == 0 || size > maxBatch-align {
		return 0, fmt.Errorf("journal: %d records of %d bytes at once", len(records), size)
	}
	return size, nil
}
