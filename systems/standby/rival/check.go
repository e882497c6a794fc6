package rival

import (
	"dyno/bench/rival"
	"dyno/internal/record"
	"dyno/systems"
)

// history is what a trial without faults left.
type history struct {
	Load     []record.Check   `json:"load"` // the generator's own
	Done     []tally          `json:"done"`
	Servers  []server         `json:"servers"`
	Calls    map[string]int64 `json:"calls"` // at the primary, by command
	Wait     bool             `json:"wait"`
	Durable  bool             `json:"durable"`
	Version  string           `json:"version"`
	Failover *survivor        `json:"failover,omitempty"` // of a trial with a fault, which has nothing else
}

// Judge judges a trial again by its bundle.
func Judge(bundle string) (record.Verdict, error) {
	var h history
	err := systems.ReadHistory(bundle, &h)
	return h.judge(), err
}

// server is what one of them holds at the end, and how it ran.
type server struct {
	Name       string  `json:"name"`
	Balances   []int64 `json:"balances"` // by client
	Fsync      string  `json:"fsync"`
	AppendOnly string  `json:"append_only"`
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

// deposits: each acknowledged one is in the balance of both servers, and nothing
// that was not sent.
func (h history) deposits() record.Check {
	const name = "deposits"
	var n int64
	for _, s := range h.Servers {
		if len(s.Balances) != len(h.Done) {
			return record.Fail(name, n, "%s has %d balances of %d", s.Name, len(s.Balances), len(h.Done))
		}
		for i, t := range h.Done {
			n += t.acked()
			if got := s.Balances[i]; got < t.acked() || got > t.Sent {
				return record.Fail(name, n, "%s: client %d sent %d deposits of 1, %d were acknowledged, and the balance is %d", s.Name, i, t.Sent,
					t.acked(), got)
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
		acked += t.acked()
	}
	if waits := h.Calls["wait"]; waits < acked {
		return record.Fail(name, acked, "%d writes were acknowledged, and the primary was asked for a receipt %d times", acked, waits)
	}
	return record.Pass(name, acked)
}

// settings: who promises that a write is on disk syncs the file before answering.
// Redis does not count its syncs: what it says of its configuration must do.
func (h history) settings() record.Check {
	const name = "settings"
	for _, s := range h.Servers {
		if durable := s.AppendOnly == "yes" && s.Fsync == "always"; durable != h.Durable {
			return record.Fail(name, int64(len(h.Servers)), "%s runs with appendonly %s and appendfsync %s", s.Name, s.AppendOnly, s.Fsync)
		}
	}
	return record.Pass(name, int64(len(h.Servers)))
}
