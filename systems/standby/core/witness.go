package core

import (
	"fmt"
	"time"

	"dyno/internal/node"
)

// Witness grants epochs, each to one server, under a lease. It is a core of its
// own, whose journal holds each epoch before it is granted.
type Witness struct {
	mutant WitnessMutant
	e      node.Effects[Answer]

	holding
	until    time.Duration // nothing is granted to another server before
	sequence uint64        // of the holder's last request
}

// holding is what the witness remembers.
type holding struct {
	epoch    uint64
	holder   string
	alone    bool
	changed  uint64 // the request that said so
	duration time.Duration
}

// WitnessMutant is a flaw put in, for tests of tests.
type WitnessMutant struct {
	Forgetful bool // it does not write down what it grants
	Hasty     bool // a restart ends all leases
	Trusting  bool // a server that may lack actions is granted an epoch
}

// Answer is what the witness tells a server.
type Answer struct {
	To string
	Granted
}

// NewWitness makes one that has granted nothing.
func NewWitness(mutant WitnessMutant) *Witness { return &Witness{mutant: mutant} }

// Recover implements [node.Core].
func (w *Witness) Recover(record []byte) error {
	d := decoder{rest: record}
	w.holding = holding{epoch: d.u64(), alone: d.u64() == 1, changed: d.u64(), duration: time.Duration(d.u64()), holder: d.text()}
	if err := d.end(); err != nil {
		return fmt.Errorf("a grant: %w", err)
	}
	w.sequence = w.changed
	return nil
}

// Begin implements [node.Core]. The lease of an earlier life may still hold.
func (w *Witness) Begin(now time.Duration) (none node.Effects[Answer]) {
	if w.until = now + w.duration; w.mutant.Hasty {
		w.until = now
	}
	return none
}

// Wake implements [node.Core].
func (w *Witness) Wake(time.Duration) (none node.Effects[Answer]) { return none }

// Step implements [node.Core].
func (w *Witness) Step(now time.Duration, a Ask) node.Effects[Answer] {
	w.e = node.Effects[Answer]{}
	if a.Epoch != 0 {
		w.renew(now, a)
	} else {
		w.fresh(now, a)
	}
	return w.e
}

// renew goes on with the epoch that is held.
func (w *Witness) renew(now time.Duration, a Ask) {
	if a.Server != w.holder || a.Epoch != w.epoch {
		w.deny(a, w.until-now)
		return
	}
	if a.Sequence <= w.sequence {
		return // it was overtaken
	}
	w.sequence = a.Sequence
	if w.alone != a.Alone || w.duration < a.Lease {
		w.alone, w.changed, w.duration = a.Alone, a.Sequence, max(w.duration, a.Lease)
		w.write()
	}
	w.grant(now, a)
}

// fresh grants a new epoch, if nobody may be in the way.
func (w *Witness) fresh(now time.Duration, a Ask) {
	other := w.holder != "" && w.holder != a.Server
	switch {
	case other && now < w.until:
		w.deny(a, w.until-now)
		return
	case other && w.alone && !w.mutant.Trusting:
		w.deny(a, a.Lease/4)
		return
	}
	w.holding = holding{epoch: max(w.epoch, a.Above) + 1, holder: a.Server, alone: a.Alone, changed: a.Sequence, duration: a.Lease}
	w.sequence = a.Sequence
	w.write()
	w.grant(now, a)
}

func (w *Witness) grant(now time.Duration, a Ask) {
	w.until = max(w.until, now+a.Lease)
	w.e.Send = append(w.e.Send, Answer{a.Server, Granted{
		Sequence: a.Sequence, Granted: true, Epoch: w.epoch, Holder: w.holder, Alone: w.alone,
	}})
}

func (w *Witness) deny(a Ask, wait time.Duration) {
	w.e.Send = append(w.e.Send, Answer{a.Server, Granted{
		Sequence: a.Sequence, Epoch: w.epoch, Holder: w.holder, Alone: w.alone, Wait: max(0, wait),
	}})
}

func (w *Witness) write() {
	if w.mutant.Forgetful {
		return
	}
	w.e.Write = append(w.e.Write, encoder{}.u64(w.epoch, bit(w.alone), w.changed, uint64(w.duration)).text(w.holder))
}
