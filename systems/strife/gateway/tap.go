package gateway

import (
	"sync/atomic"
	"time"

	"dyno/internal/journal"
	"dyno/internal/node"
	"dyno/systems/strife/core/coordinator"
	"dyno/systems/strife/failpoint"
)

// kindPaid is the kind of a commit record, as package coordinator documents it.
const kindPaid = 3

// tap tells the shell which payment the core is asked for, and looks at what it
// is about to write.
type tap struct {
	*coordinator.Coordinator
	g *gateway
}

var _ node.Snapshotter = &tap{} // or the journal would grow for ever

func (t *tap) Recover(record []byte) error {
	failpoint.Hit(failpoint.Recovering)
	return t.Coordinator.Recover(record)
}

func (t *tap) Step(now time.Duration, in coordinator.In) node.Effects[coordinator.Out] {
	if p, ok := in.(pay); ok {
		t.g.paying = p
		in = p.Pay
	}
	e := t.Coordinator.Step(now, in)
	if failpoint.Armed(failpoint.BeforeCommit) || failpoint.Armed(failpoint.CommitWritten) {
		for _, record := range e.Write {
			if record[0] == kindPaid {
				failpoint.Hit(failpoint.BeforeCommit)
				committing.Store(true)
			}
		}
	}
	return e
}

// committing says that a commit record is on its way to the disk.
var committing atomic.Bool

// disk is where the journal lies: a disk on which a test may have the gateway
// die between writing and syncing.
func disk() journal.FS {
	if failpoint.Armed(failpoint.CommitWritten) {
		return deadly{journal.OS}
	}
	return nil
}

type deadly struct{ journal.FS }

func (d deadly) Create(name string, size int64) (journal.File, error) {
	f, err := d.FS.Create(name, size)
	return deadlyFile{f}, err
}

func (d deadly) Open(name string, write bool) (journal.File, error) {
	f, err := d.FS.Open(name, write)
	return deadlyFile{f}, err
}

type deadlyFile struct{ journal.File }

func (f deadlyFile) Sync() error {
	if committing.Load() {
		failpoint.Hit(failpoint.CommitWritten)
	}
	return f.File.Sync()
}
