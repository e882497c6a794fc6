package trial

import (
	"errors"
	"fmt"
	"path/filepath"
	"slices"

	"dyno/bench/history"
	"dyno/bench/story"
	"dyno/internal/journal"
	"dyno/internal/record"
	standbyv1 "dyno/proto/standby/v1"
	"dyno/systems"
	"dyno/systems/standby/check"
	"dyno/systems/standby/config"
	"dyno/systems/standby/core"
	"dyno/systems/standby/generator"
)

// found is what a trial knows at its end, beside the requests and the journals.
type found struct {
	Accounts int              `json:"accounts"`
	Async    bool             `json:"async"`
	Memory   bool             `json:"memory"`
	Blind    bool             `json:"blind,omitempty"` // another program stands in for the servers: the answers are all there is
	Servers  [2]serverAt      `json:"servers"`
	Struck   []struckAt       `json:"struck,omitempty"`
	Missed   []string         `json:"missed,omitempty"` // faults that have not begun
	Stayed   []generator.Stay `json:"stayed,omitempty"` // what was acknowledged to the client who stays with s1
	Checks   []record.Check   `json:"checks"`           // of the load
	Scene    story.Scene      `json:"scene"`            // what links saw around what broke a promise
}

// serverAt is what a server says at the end.
type serverAt struct {
	Primary  bool              `json:"primary"`
	Action   uint64            `json:"action"`
	Checksum uint64            `json:"checksum"`
	Answered uint64            `json:"answered"` // since it was started last, as all below
	Entries  uint64            `json:"entries"`
	Batches  uint64            `json:"batches"`
	Bytes    uint64            `json:"bytes"`
	Lost     []*standbyv1.Lost `json:"lost,omitempty"`
}

// struckAt is a fault that began or ended.
type struckAt struct {
	Kind string `json:"kind"`
	Node string `json:"node"`
	Ends bool   `json:"ends"`
	At   int64  `json:"at_unix_ns"`
}

// examined is what comes of it.
type examined struct {
	found
	history check.History
	done    []generator.Done
	journal error // the logs could not be read, or do not hold together
}

// examine reads what lies in a bundle.
func examine(requests, cluster string, f found) (*examined, error) {
	x := &examined{found: f}
	var err error
	if x.done, err = generator.ReadHistory(filepath.Join(requests, fileHistory)); err != nil {
		return nil, err
	}
	h := &x.history
	h.Lossy = f.Async
	for i := range f.Accounts {
		h.Opening = append(h.Opening, core.Account{Name: generator.Account(int32(i)), Balance: openingBalance})
	}
	for _, s := range f.Servers {
		for _, l := range s.Lost {
			h.Named = append(h.Named, core.Lost{Epoch: l.GetEpoch(), First: l.GetFirst(), Last: l.GetLast()})
		}
	}
	for _, d := range x.done {
		h.Ops = append(h.Ops, opOf(d))
	}
	defer x.stayed()
	if f.Memory || f.Blind {
		h.Log, x.journal = logOfAnswers(h.Opening, x.done, f.Stayed)
	} else {
		h.Log, x.journal = logOfJournals(cluster)
	}
	return x, nil
}

// stayed adds the requests of the client who stays: a deposit of 1 each. Those
// that were not acknowledged are known from the log only.
func (x *examined) stayed() {
	if len(x.Stayed) == 0 {
		return
	}
	client := x.Stayed[0].Client
	op := check.Op{Client: client, Kind: core.Deposit, Account: generator.Account(0), Amount: 1, Blind: true}
	acked := map[uint64]bool{}
	for _, a := range x.Stayed {
		done := op
		done.Number, done.Outcome, done.Epoch, done.Action, done.End = a.Number, core.Done, a.Epoch, a.Action, a.UnixNS
		done.Repeated = a.Repeated
		acked[a.Number] = true
		x.history.Ops = append(x.history.Ops, done)
	}
	for _, e := range x.history.Log {
		if e.Client == client && !acked[e.Number] {
			op.Number, op.End = e.Number, history.Never
			x.history.Ops = append(x.history.Ops, op)
		}
	}
}

func opOf(d generator.Done) check.Op {
	kinds := map[uint8]core.Kind{generator.Lookup: core.Lookup, generator.Withdraw: core.Withdraw, generator.Deposit: core.Deposit}
	op := check.Op{
		Client: d.Client, Number: d.Number, Kind: kinds[d.Operation], Account: generator.Account(d.Account), Amount: d.Amount,
		Begin: d.Begin, End: d.End,
	}
	if d.Ending == generator.Answered {
		op.Outcome, op.Balance, op.Epoch, op.Action = core.Outcome(d.Outcome), d.Balance, d.Epoch, d.Action
		op.Repeated, op.Server = d.Repeated, int(d.Server)
	}
	return op
}

// logOfJournals is the log that both journals hold together: what one of them
// took over as a snapshot the other one has.
func logOfJournals(cluster string) ([]core.Entry, error) {
	var logs [2][]core.Entry
	for i, name := range []string{config.S1, config.S2} {
		dir := filepath.Join(cluster, name, "accounts.journal")
		_, err := journal.Scan(dir, journal.Options{Identity: "standby " + name}, func(e journal.Entry) error {
			if e.Snapshot != nil {
				return errors.New("the journal was compacted")
			}
			return core.Visit(e.Data, func(e core.Entry) {
				logs[i] = append(resize(logs[i], int(e.ID)-1), e)
			}, func(after uint64) {
				logs[i] = resize(logs[i], int(after))
			}, func(c core.Chunk) {
				if c.Index == c.Count-1 {
					logs[i] = resize(logs[i], int(c.Action))
				}
			})
		})
		if err != nil {
			return nil, fmt.Errorf("the journal of %s: %w", name, err)
		}
	}
	if len(logs[0]) != len(logs[1]) {
		return nil, fmt.Errorf("one journal ends at action %d, the other one at action %d", len(logs[0]), len(logs[1]))
	}
	for i, e := range logs[0] {
		switch o := logs[1][i]; {
		case e.ID == 0:
			logs[0][i] = o
		case o.ID != 0 && o != e:
			return nil, fmt.Errorf("the journals differ at action %d", i+1)
		}
	}
	return logs[0], nil
}

// resize cuts a log, or extends it by entries that are not known.
func resize(log []core.Entry, n int) []core.Entry {
	if n <= len(log) {
		return log[:n]
	}
	return append(log, make([]core.Entry, n-len(log))...)
}

// logOfAnswers is the log that the answers tell of, where there is no journal:
// every action was acknowledged to somebody.
func logOfAnswers(opening []core.Account, done []generator.Done, stayed []generator.Stay) ([]core.Entry, error) {
	s, err := core.Replay(opening, nil)
	if err != nil {
		return nil, err
	}
	var log []core.Entry
	for _, d := range done {
		if d.Operation == generator.Lookup || d.Ending == generator.Refused {
			continue
		}
		if d.Ending != generator.Answered {
			return nil, errors.New("a request has no answer, and there is no journal to tell what became of it")
		}
		e := core.Entry{ID: d.Action, Epoch: d.Epoch, Client: d.Client, Number: d.Number, Delta: d.Amount}
		if d.Operation == generator.Withdraw {
			e.Delta = -d.Amount
		}
		if e.Refused = core.Outcome(d.Outcome) == core.TooMuch; e.Refused {
			e.Delta = 0
		}
		e.Account, _ = s.Index(generator.Account(d.Account))
		log = append(log, e)
	}
	deposit, acked := core.Entry{Delta: 1}, map[uint64]bool{}
	deposit.Account, _ = s.Index(generator.Account(0))
	for _, a := range stayed {
		deposit.ID, deposit.Epoch, deposit.Client, deposit.Number = a.Action, a.Epoch, a.Client, a.Number
		log, acked[a.Number] = append(log, deposit), true
	}
	slices.SortFunc(log, func(a, b core.Entry) int { return int(a.ID) - int(b.ID) })
	return filled(slices.Compact(log), deposit, acked) // a stored answer may have come again
}

// filled puts into a gap what nobody else can have asked for: the deposit of the
// client who stays that was not acknowledged. There is one at most: he asks for it
// until it is.
func filled(log []core.Entry, deposit core.Entry, acked map[uint64]bool) (whole []core.Entry, err error) {
	deposit.Number = uint64(len(acked)) + 1
	left := len(acked) > 0
	for _, e := range log {
		if left && len(whole) > 0 && e.ID == uint64(len(whole))+2 {
			deposit.ID, deposit.Epoch = uint64(len(whole))+1, whole[len(whole)-1].Epoch
			whole, left = append(whole, deposit), false
		}
		switch next := uint64(len(whole)) + 1; {
		case e.ID > next:
			return nil, fmt.Errorf("after action %d of all that were acknowledged comes action %d", next-1, e.ID)
		case e.ID < next:
			return nil, fmt.Errorf("action %d was acknowledged twice, as different ones", e.ID)
		}
		whole = append(whole, e)
	}
	return whole, nil
}

// checks judge all of it.
func (x *examined) checks() []record.Check {
	faults := record.Pass("faults", 1)
	if len(x.Missed) > 0 {
		faults = record.Doubt("faults", 1, "the load was over before %q", x.Missed)
	}
	if x.journal != nil && x.Blind && slices.ContainsFunc(x.done, func(d generator.Done) bool { return d.Ending != generator.Answered }) {
		return append(x.Checks, faults, record.Doubt("answers", 1, "%v", x.journal))
	}
	if x.journal != nil {
		return append(x.Checks, faults, record.Fail("journals", 1, "%v", x.journal))
	}
	return append(append(x.Checks, faults, x.equal()), x.history.Checks()...)
}

// equal: both servers hold the state that the log adds up to.
func (x *examined) equal() record.Check {
	s, err := core.Replay(x.history.Opening, x.history.Log)
	if err != nil {
		return record.Fail("equal", 1, "%v", err)
	}
	action, checksum := s.Position()
	if x.Blind { // of what the checksum is, is the program's own business; of its last action perhaps nobody heard
		action, checksum = x.unheard(action), x.Servers[0].Checksum
	}
	for i, at := range x.Servers {
		if at.Action != action || at.Checksum != checksum {
			return record.Fail("equal", 1, "s%d is at action %d, checksum %x; the log adds up to action %d, checksum %x",
				i+1, at.Action, at.Checksum, action, checksum)
		}
	}
	return record.Pass("equal", 2)
}

// unheard is the first server's last action, if that may be the one of which nobody
// heard: the deposit that the client who stays waited for when the load ended. What
// others did not hear of leaves the log open, and is not judged here.
func (x *examined) unheard(action uint64) uint64 {
	if len(x.Stayed) == 0 || x.Servers[0].Action != action+1 {
		return action
	}
	last := x.Stayed[len(x.Stayed)-1]
	if slices.ContainsFunc(x.history.Log, func(e core.Entry) bool { return e.Client == last.Client && e.Number > last.Number }) {
		return action // it came before others
	}
	return action + 1
}

// Judge judges a bundle again.
func Judge(bundle string) (record.Verdict, error) {
	x, err := reopen(bundle)
	if err != nil {
		return record.Verdict{}, err
	}
	return record.Judge(x.checks()...), nil
}

// reopen examines what a trial has left.
func reopen(bundle string) (*examined, error) {
	var f found
	if err := systems.ReadHistory(bundle, &f); err != nil {
		return nil, err
	}
	return examine(filepath.Join(bundle, dirRecord), filepath.Join(bundle, dirCluster), f)
}
