package gateway

import (
	"time"

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
				failpoint.Committing()
			}
		}
	}
	return e
}
