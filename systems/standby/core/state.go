package core

import (
	"fmt"
	"math"
	"slices"
	"strings"
	"time"

	"dyno/internal/splitmix"
)

// Account is an account before the first action.
type Account struct {
	Name    string
	Balance int64 // in whole units, not negative
}

// NoAccount in an [Entry] marks an operator's: losses of epochs below Number are
// accepted.
const NoAccount = math.MaxUint32

// Entry is an action in the log.
type Entry struct {
	ID, Epoch      uint64
	Client, Number uint64 // who asked for it
	Account        uint32 // index into the accounts, by name
	Delta          int64
	Refused        bool   // a withdrawal that exceeded the balance: it changes nothing, and is remembered
	Checksum       uint64 // over this and all before it
}

// Reign is the time of one primary, which has acted.
type Reign struct {
	Epoch uint64
	After uint64 // action id
}

// Lost are actions of an epoch that are in no log any more.
type Lost struct{ Epoch, First, Last uint64 }

// State is what the log adds up to.
type State struct {
	names    []string
	index    map[string]uint32
	balances []int64

	origin    uint64 // checksum of the accounts before the first action
	action    uint64 // id of the last
	checksum  uint64
	reigns    []Reign
	accepted  uint64 // losses in epochs below it are
	forgotten uint64 // no reply that is not remembered is of a later action
	replies   replies
	window    window
}

// newState is the state before the first action.
func newState(accounts []Account, replyLimit, windowLimit int) (*State, error) {
	s := &State{index: make(map[string]uint32, len(accounts)), replies: newReplies(replyLimit), window: newWindow(windowLimit)}
	sorted := slices.SortedFunc(slices.Values(accounts), func(a, b Account) int { return strings.Compare(a.Name, b.Name) })
	for i, a := range sorted {
		if _, twice := s.index[a.Name]; twice || a.Balance < 0 {
			return nil, fmt.Errorf("account %q is there twice, or its balance %d is negative", a.Name, a.Balance)
		}
		s.names, s.balances = append(s.names, a.Name), append(s.balances, a.Balance)
		s.index[a.Name] = uint32(i)
		for _, c := range []byte(a.Name) {
			s.origin = splitmix.Mix(s.origin ^ uint64(c))
		}
		s.origin = splitmix.Mix(s.origin ^ uint64(a.Balance))
	}
	s.checksum = s.origin
	return s, nil
}

// seal gives an entry that follows its checksum.
func (s *State) seal(e *Entry) {
	h := s.checksum
	for _, v := range [...]uint64{e.ID, e.Epoch, e.Client, e.Number, uint64(e.Account), uint64(e.Delta), bit(e.Refused)} {
		h = splitmix.Mix(h ^ v)
	}
	e.Checksum = h
}

// apply does what an entry says; one that cannot follow is an error, and changes
// nothing. record is the journal's, that holds it.
func (s *State) apply(e Entry, record uint64) error {
	sealed := e
	if s.seal(&sealed); e.ID != s.action+1 || sealed.Checksum != e.Checksum || e.Epoch < s.lastEpoch() {
		return fmt.Errorf("action %d of epoch %d does not follow action %d of epoch %d", e.ID, e.Epoch, s.action, s.lastEpoch())
	}
	u := undo{entry: e, checksum: s.checksum, accepted: s.accepted, record: record}
	if e.Account == NoAccount {
		s.accepted = max(s.accepted, e.Number)
	} else {
		if int(e.Account) >= len(s.balances) || !fits(s.balances[e.Account], e.Delta) {
			return fmt.Errorf("action %d changes account %d by %d, which cannot be", e.ID, e.Account, e.Delta)
		}
		s.balances[e.Account] += e.Delta
		u.reply, u.known = s.replies.get(e.Client)
		gone := s.replies.put(e.Client, Remembered{
			Number: e.Number, Epoch: e.Epoch, Action: e.ID, Balance: s.balances[e.Account], Refused: e.Refused,
		})
		s.forgotten = max(s.forgotten, gone)
	}
	if e.Epoch > s.lastEpoch() {
		s.reigns = append(s.reigns, Reign{Epoch: e.Epoch, After: s.action})
	}
	s.action, s.checksum = e.ID, e.Checksum
	s.window.push(u)
	return nil
}

func bit(b bool) uint64 {
	if b {
		return 1
	}
	return 0
}

// fits says whether a balance may change by delta.
func fits(balance, delta int64) bool {
	return delta <= 0 && balance+delta >= 0 || delta > 0 && balance <= math.MaxInt64-delta
}

// cut undoes all actions after one that the window reaches back to. Replies that
// were pushed out meanwhile stay forgotten, and those that are left were given
// at that action or before.
func (s *State) cut(after uint64) {
	for s.action > after {
		u := s.window.pop(s.action)
		if e := u.entry; e.Account != NoAccount {
			s.balances[e.Account] -= e.Delta
			s.replies.restore(e.Client, u.reply, u.known)
		}
		s.action, s.checksum, s.accepted = s.action-1, u.checksum, u.accepted
	}
	s.forgotten = min(s.forgotten, after)
	for n := len(s.reigns); n > 0 && s.reigns[n-1].After >= after; n-- {
		s.reigns = s.reigns[:n-1]
	}
}

func (s *State) lastEpoch() uint64 {
	if len(s.reigns) == 0 {
		return 0
	}
	return s.reigns[len(s.reigns)-1].Epoch
}

// end is the last action of all epochs up to one.
func (s *State) end(epoch uint64) uint64 {
	for _, r := range s.reigns {
		if r.Epoch > epoch {
			return r.After
		}
	}
	return s.action
}

// common is the last action that this log shares with another one: an epoch has
// one primary, so where both have an epoch from the same action on, they are
// equal until one of them ends.
func (s *State) common(reigns []Reign, action uint64) uint64 {
	other := State{reigns: reigns, action: action}
	for i := len(s.reigns) - 1; i >= 0; i-- {
		if slices.Contains(reigns, s.reigns[i]) {
			return min(s.end(s.reigns[i].Epoch), other.end(s.reigns[i].Epoch))
		}
	}
	return 0
}

// Balance looks an account up.
func (s *State) Balance(account string) (int64, bool) {
	i, known := s.index[account]
	if !known {
		return 0, false
	}
	return s.balances[i], true
}

// Accounts are all accounts as they are now, sorted by name.
func (s *State) Accounts() []Account {
	all := make([]Account, len(s.names))
	for i, n := range s.names {
		all[i] = Account{n, s.balances[i]}
	}
	return all
}

// Position says which log this is: equal positions are equal logs.
func (s *State) Position() (action, checksum uint64) { return s.action, s.checksum }

// Reigns are those that have acted, in order.
func (s *State) Reigns() []Reign { return slices.Clone(s.reigns) }

// Replay is the state that a log adds up to, for those who check one. An entry
// without a checksum is given its own.
func Replay(opening []Account, log []Entry) (*State, error) {
	s, err := newState(opening, len(log)+1, 1)
	if err != nil {
		return nil, err
	}
	for _, e := range log {
		if e.Checksum == 0 {
			s.seal(&e)
		}
		if err := s.apply(e, 0); err != nil {
			return nil, err
		}
	}
	return s, nil
}

// Index is an account's place among all of them.
func (s *State) Index(account string) (uint32, bool) {
	i, known := s.index[account]
	return i, known
}

// Config says what a server is. Fields without a default are required.
type Config struct {
	Name     string
	Accounts []Account // before the first action, if there is no journal yet
	Async    bool
	Lease    time.Duration // the longest time without a primary
	Witness  bool          // there is one
	Alone    bool          // without a witness: may act without a standby
	First    bool          // of two that start together
	Resync   bool          // take the primary's accounts if they differ

	Window  int // actions kept in memory; 0: 16,384
	Replies int // clients whose last answer is remembered; 0: 65,536
	Chunk   int // bytes of a snapshot in one message; 0: 64 KiB
	Pending int // requests that wait; 0: 8,192

	Mutant Mutant

	// Acted is told of every action that this server does as primary; nil: nobody.
	Acted func(Entry)
}

// Mutant is a flaw put in, for tests of tests.
type Mutant struct {
	NoFencing   bool // lower epochs are not refused
	Eager       bool // clients are told before the standby has it
	Amnesiac    bool // a standby remembers no replies
	Forgetful   bool // epochs are not written down
	Uncut       bool // a cut is not written down
	Hopeful     bool // the lease has no margin, and counts from when it is granted
	Undisclosed bool // the witness is not asked before acting alone

	// Wall is what the lease goes by in place of the monotonic clock.
	Wall func(now time.Duration) time.Duration
}
