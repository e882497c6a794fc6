package rival

import (
	"dyno/bench/deposit"
	"dyno/bench/rival"
	"dyno/internal/record"
	"dyno/systems"
)

// history is what a trial without faults left.
type history struct {
	Load     []record.Check  `json:"load"` // the generator's own
	Done     []deposit.Tally `json:"done"`
	Servers  []server        `json:"servers"`
	Writes   int64           `json:"writes"`   // that the servers count
	Receipts int64           `json:"receipts"` // writes of which somebody else was asked, or must have said, that he has them
	Wait     bool            `json:"wait"`
	Durable  bool            `json:"durable"`
	Version  string          `json:"version"`
	Failover *survivor       `json:"failover,omitempty"` // of a trial with a fault, which has nothing else
}

// Judge judges a trial again by its bundle.
func Judge(bundle string) (record.Verdict, error) {
	var h history
	err := systems.ReadHistory(bundle, &h)
	return h.judge(), err
}

// server is what one of them holds at the end, and how it ran.
type server struct {
	Name     string  `json:"name"`
	Balances []int64 `json:"balances"` // by client
	Durable  bool    `json:"durable"`  // it syncs what it writes before it answers
	Says     string  `json:"says"`     // by what that is known
}

// judge holds what the servers hold against what the clients were told.
func (h history) judge() record.Verdict {
	if h.Failover != nil {
		return record.Judge(append(append(h.Load, rival.Checked(h.Version)), h.Failover.checks(h.Done)...)...)
	}
	checks := append(h.Load, h.deposits(), h.settings(), rival.Checked(h.Version))
	if h.Wait {
		checks = append(checks, h.receipts())
	}
	return record.Judge(checks...)
}

// deposits: each acknowledged one is in the balance of all servers, and nothing
// that was not sent.
func (h history) deposits() record.Check {
	const name = "deposits"
	var n int64
	for _, s := range h.Servers {
		if len(s.Balances) != len(h.Done) {
			return record.Fail(name, n, "%s has %d balances of %d", s.Name, len(s.Balances), len(h.Done))
		}
		for i, t := range h.Done {
			n += t.Acked()
			if got := s.Balances[i]; got < t.Acked() || got > t.Sent {
				return record.Fail(name, n, "%s: client %d sent %d deposits of 1, %d were acknowledged, and the balance is %d", s.Name, i, t.Sent,
					t.Acked(), got)
			}
		}
	}
	return record.Pass(name, n)
}

// receipts: who says that a write is on both servers has asked for it.
func (h history) receipts() record.Check {
	const name = "receipts"
	var acked int64
	for _, t := range h.Done {
		acked += t.Acked()
	}
	if h.Receipts < acked {
		return record.Fail(name, acked, "%d writes were acknowledged, and of %d somebody else was to say that he has them", acked, h.Receipts)
	}
	return record.Pass(name, acked)
}

// settings: who promises that a write is on disk syncs the file before answering.
func (h history) settings() record.Check {
	const name = "settings"
	for _, s := range h.Servers {
		if s.Durable != h.Durable {
			return record.Fail(name, int64(len(h.Servers)), "%s: %s", s.Name, s.Says)
		}
	}
	return record.Pass(name, int64(len(h.Servers)))
}
