package rival

import (
	"dyno/bench/deposit"
	"dyno/bench/driver"
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

// survivor is what the server holds that is asked in the end: whoever leads by then.
type survivor struct {
	Addr   string    `json:"addr"`
	Writes [][]int64 `json:"writes"` // by client
	Stay   []int64   `json:"stay"`   // of the client who stays
	Missed []string  `json:"missed,omitempty"`

	StruckUnixNS int64 `json:"struck_unix_ns"` // when the primary was
}

// count says how many of a client's acknowledged writes are not there, how many
// are there more than once, and how many are there that it never sent.
func count(t deposit.Tally, there []int64) (lost, twice, foreign int64) {
	seen := make(map[int64]int64)
	for _, n := range there {
		if n < 0 || n >= t.Sent {
			foreign++
		}
		seen[n]++
	}
	for _, times := range seen {
		twice += times - 1
	}
	unknown := make(map[int64]bool)
	for _, n := range t.Unknown {
		unknown[n] = true
	}
	for n := range t.Sent {
		if !unknown[n] && seen[n] == 0 {
			lost++
		}
	}
	return lost, twice, foreign
}

// report turns it into figures. That writes are lost is counted: not all of them
// promise that none is.
func (s survivor) report(o *record.Observation, r deposit.Report) {
	var outage int64
	for _, g := range r.Gaps {
		if g.ToUnixNS > s.StruckUnixNS {
			outage = max(outage, g.ToUnixNS-max(g.FromUnixNS, s.StruckUnixNS))
		}
	}
	r.Observe(o, driver.Closed)
	var lost, twice int64
	for i, t := range r.Done {
		l, w, _ := count(t, s.Writes[i])
		lost, twice = lost+l, twice+w
	}
	there := make(map[int64]bool)
	for _, n := range s.Stay {
		there[n] = true
	}
	var late, gone int64
	for _, a := range r.Stayed {
		if a.UnixNS > s.StruckUnixNS {
			late++
			if !there[a.N] {
				gone++
			}
		}
	}
	o.Set("rival_outage_ms", float64(outage)/1e6)
	o.Set("rival_lost", float64(lost))
	o.Set("rival_twice", float64(twice))
	o.Set("rival_old_acked", float64(late))
	o.Set("rival_old_lost", float64(gone))
}

// checks are those that a rival must pass all the same: nothing is there that
// nobody sent, and the fault did strike.
func (s survivor) checks(done []deposit.Tally) []record.Check {
	var written, foreign int64
	for i, t := range done {
		_, _, f := count(t, s.Writes[i])
		foreign, written = foreign+f, written+int64(len(s.Writes[i]))
	}
	sent, struck := record.Pass("only-sent", written), record.Pass("struck", 1)
	if foreign > 0 {
		sent = record.Fail("only-sent", written, "the survivor has %d writes that nobody sent", foreign)
	}
	if len(s.Missed) > 0 {
		struck = record.Doubt("struck", 1, "the fault did not come to pass: %v", s.Missed)
	}
	return []record.Check{sent, struck}
}
