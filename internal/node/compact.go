package node

import (
	"io"
	"time"
)

// Compactor is a [Core] whose state can take the place of the records that it
// adds up to, so that a journal does not grow for ever.
type Compactor[Out any] interface {
	// Snapshot freezes the state, after the records of the effects that it returns,
	// and returns what writes it: that may run beside later calls of the core, so
	// it reads nothing that they change. Freezing holds up everything else: what
	// takes long belongs into the writing.
	Snapshot(now time.Duration) (Effects[Out], func(io.Writer) error)
	// Restore takes in a snapshot, before any Recover.
	Restore(state io.Reader) error
}
