package rival

import (
	"dyno/bench/deposit"
	"dyno/bench/driver"
	"dyno/internal/record"
)

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
