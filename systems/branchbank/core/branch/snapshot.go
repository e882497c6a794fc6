package branch

import (
	"encoding/json"
	"fmt"

	"dyno/internal/replica"
)

// snapshot is what all records of a journal add up to.
type snapshot struct {
	Group    string
	Balance  sum
	External sum
	Rights   map[ID]sum `json:",omitempty"`
	Vector   replica.Vector
	Outbox   []replica.Write[Body]
	Settled  uint64
	Gifts    replica.Vector `json:",omitempty"` // that the next own write depends on
	Requests []named        // the latest last
}

// sum is a wide number, high part first.
type sum struct {
	Hi int64
	Lo uint64
}

func sumOf(w wide) sum { return sum{w.hi, w.lo} }

func (s sum) wide() wide { return wide{s.Hi, s.Lo} }

// named is a request that was applied or declined.
type named struct {
	Name   string
	Kind   Kind
	Amount int64
	Seq    uint64
}

// Snapshot implements [node.Snapshotter].
func (b *Branch) Snapshot() []byte {
	s := snapshot{
		Group: b.cfg.group(b.rep.Members()), Balance: sumOf(b.balance), External: sumOf(b.external),
		Vector: b.rep.Vector(), Outbox: b.rep.Outbox(), Settled: b.settled,
		Gifts: b.escrow.deps,
	}
	if b.rights != nil {
		s.Rights = make(map[ID]sum, len(b.rights))
		for id, r := range b.rights {
			s.Rights[id] = sumOf(r)
		}
	}
	for i := range b.requests.names {
		name := b.requests.names[(b.requests.next+i)%len(b.requests.names)]
		r := b.requests.byName[name]
		s.Requests = append(s.Requests, named{name, r.kind, r.amount, r.seq})
	}
	text, err := json.Marshal(s)
	if err != nil {
		panic(fmt.Sprintf("branch: %v", err)) // of numbers and strings alone
	}
	return text
}

// Restore implements [node.Snapshotter].
func (b *Branch) Restore(_ uint64, text []byte) error {
	var s snapshot
	if err := json.Unmarshal(text, &s); err != nil {
		return err
	}
	if want := b.cfg.group(b.rep.Members()); s.Group != want {
		return fmt.Errorf("the journal is of %s, not of %s", s.Group, want)
	}
	if err := b.rep.Restore(s.Vector, s.Outbox); err != nil {
		return err
	}
	b.known, b.balance, b.external, b.settled = true, s.Balance.wide(), s.External.wide(), s.Settled
	b.escrow.deps = s.Gifts
	for id, r := range s.Rights {
		b.rights[id] = r.wide()
	}
	for _, r := range s.Requests {
		b.requests.note(Body{Kind: r.Kind, Amount: r.Amount, Request: r.Name}, r.Seq)
	}
	return nil
}
