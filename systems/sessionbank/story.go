package sessionbank

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"maps"
	"slices"
	"strconv"
	"strings"
	"time"

	"dyno/internal/branches"
	"dyno/internal/record"
	"dyno/internal/replica"
	"dyno/systems/sessionbank/check"
	"dyno/systems/sessionbank/core/bank"
	"dyno/systems/sessionbank/customer"
)

// story tells what happens, line by line. Nothing is told that was not asked of
// the branches: a line that does not fit what they say is an error.
type story struct {
	w        io.Writer
	on       bool
	plan     plan
	bank     *opened
	states   []customer.State // of each branch, as last told
	balances []int64          // what the logs that were told come to
	events   map[bank.Name]branches.Event
	queries  map[replica.ID]map[string][]branches.Event // that branches have answered
	history  check.History
	err      error // of writing
}

func newStory(w io.Writer, on bool, p plan, b *opened) *story {
	return &story{
		w: w, on: on, plan: p, bank: b, states: make([]customer.State, len(p.spec.IDs)), balances: make([]int64, len(p.spec.IDs)),
		events: make(map[bank.Name]branches.Event), queries: make(map[replica.ID]map[string][]branches.Event),
		history: check.History{Initial: p.spec.Balance, Guarantees: p.ask.Guarantees, Settled: true},
	}
}

func (s *story) say(format string, args ...any) {
	if s.on && s.err == nil {
		_, s.err = fmt.Fprintf(s.w, format+"\n", args...)
	}
}

// begin tells of the branches.
func (s *story) begin(ctx context.Context) error {
	if !s.on {
		return nil
	}
	s.say("Starting branch processes...")
	for i, id := range s.plan.spec.IDs {
		s.balances[i] = s.plan.spec.Balance
		s.say("- branch %d: server started, listening on %s", id, s.bank.addresses[i])
	}
	if err := s.look(ctx); err != nil {
		return err
	}
	s.balanceLines("initial")
	for _, c := range s.plan.cuts {
		s.say("Branches %d and %d are cut from each other for %v from now on.", c.a, c.b, c.long)
	}
	s.say("... STARTING CUSTOMER EVENTS ...")
	return s.err
}

func (s *story) balanceLines(when string) {
	s.say("Branch balances (%s balance):", when)
	for _, b := range s.states {
		s.say("- id: %d, balance: %d", b.ID, b.Balance)
	}
}

// look asks all branches what they have applied, and tells what is new.
func (s *story) look(ctx context.Context) error {
	before := make([]int, len(s.states))
	for i, b := range s.bank.clients {
		before[i] = len(s.states[i].Log)
		state, err := customer.Describe(ctx, b, s.states[i].Log)
		if err != nil {
			return err
		}
		if state.ID != s.plan.spec.IDs[i] {
			return fmt.Errorf("at the address of branch %d answers branch %d", s.plan.spec.IDs[i], state.ID)
		}
		s.states[i] = state
	}
	for i := range s.states {
		for _, e := range s.states[i].Log[before[i]:] {
			s.applied(i, e)
		}
		if b := s.states[i]; b.Balance != s.balances[i] {
			return fmt.Errorf("branch %d says that it holds %d; what it has applied comes to %d", b.ID, b.Balance, s.balances[i])
		}
	}
	return s.err
}

// applied tells of a write in the log of a branch.
func (s *story) applied(at int, e bank.Entry) {
	self, ev := s.plan.spec.IDs[at], s.events[e.Name]
	if !e.Twice {
		s.balances[at] += e.Delta
	}
	if e.Origin != self {
		s.say("> branch %d received %s from branch %d for the amount of: $ %d", self, ev.Kind, e.Origin, ev.Amount)
	}
	s.say("> branch %d adding to write set event %d", self, ev.ID)
	s.say("> branch %d balance is $%d", self, s.balances[at])
	if e.Origin == self {
		var others []string
		for _, id := range s.plan.spec.IDs {
			if id != self {
				others = append(others, strconv.Itoa(int(id)))
			}
		}
		s.say("** propagating branch %d %s of $%d to branches [%s]:", self, ev.Kind, ev.Amount, strings.Join(others, ", "))
	}
}

// asks notes what a customer is about to ask, since a branch may tell of it before
// the customer has the answer.
func (s *story) asks(c int64, e branches.Event) error {
	s.say("> customer %d asks branch %d: %s%s", c, e.Branch, e.Kind, amount(e))
	return s.err
}

func amount(e branches.Event) string {
	if e.Kind == branches.Query {
		return ""
	}
	return fmt.Sprintf(" for the amount of: $ %d", e.Amount)
}

// event tells what became of an event.
func (s *story) event(ctx context.Context, op customer.Told, e branches.Event) error {
	if !s.on {
		return nil
	}
	if e.ID == 0 {
		e.ID = int64(op.Number) // the file gives none
	}
	s.history.Ops = append(s.history.Ops, op.Op)
	s.events[bank.Name{Session: op.Session, Number: op.Number}] = e
	switch {
	case op.Err != nil:
		s.say("> branch %d does not answer %s: %v", e.Branch, e.Kind, op.Err)
	case e.Kind == branches.Query:
		id := replica.ID(e.Branch)
		if s.queries[id] == nil {
			s.queries[id] = make(map[string][]branches.Event)
		}
		s.queries[id][op.Session] = append(s.queries[id][op.Session], e)
		s.say("> branch %d answers query%s: balance is $%d", e.Branch, waited(op), op.Balance)
	case op.Outcome == record.Refused:
		s.say("> branch %d refuses %s%s: insufficient funds", e.Branch, e.Kind, waited(op))
	default:
		s.say("> branch %d received %s from customer %s for the amount of: $ %d%s", e.Branch, e.Kind, op.Session, e.Amount, waited(op))
	}
	if err := s.look(ctx); err != nil {
		return err
	}
	if e.Kind.Writes() {
		s.propagated()
	}
	return s.err
}

func waited(op customer.Told) string {
	if op.Waited == 0 {
		return ""
	}
	return fmt.Sprintf(" (after waiting %v to catch up)", op.Waited.Round(time.Microsecond))
}

// propagated tells whether every branch has everything.
func (s *story) propagated() {
	all := make(replica.Vector)
	for _, b := range s.states {
		all.Merge(b.Applied)
	}
	s.say("Validating that all writes have propagated to all branches:")
	done := true
	for _, b := range s.states {
		for _, id := range s.plan.spec.IDs {
			if lacks := all[id] - b.Applied[id]; lacks > 0 {
				done = false
				s.say("> not yet: branch %d lacks %d of branch %d", b.ID, lacks, id)
			}
		}
	}
	if done {
		s.say("> Propagation successful!")
	}
}

// settleFor is how long branches may take to catch up with each other, beyond
// delays and cuts.
const settleFor = 20 * time.Second

// end waits until everything has propagated, and tells how it ended.
func (s *story) end(ctx context.Context) error {
	if !s.on {
		return nil
	}
	s.say("Finished executing customer events:")
	longest := settleFor
	for _, c := range s.plan.cuts {
		longest = max(longest, settleFor+c.long)
	}
	settling, cancel := context.WithTimeout(ctx, longest)
	defer cancel()
	if err := customer.Settle(settling, s.bank.clients); err != nil {
		return err
	}
	if err := s.look(ctx); err != nil {
		return err
	}
	s.propagated()
	for _, b := range s.states {
		s.history.Branches = append(s.history.Branches, b.Branch)
	}
	s.verdicts()
	s.balanceLines("final")
	s.tables()
	return s.err
}

// verdicts tells what the check of the whole run says.
func (s *story) verdicts() {
	for _, g := range check.Each(s.history.Sessions()) {
		asked := "not asked for"
		if s.history.Guarantees&g.Is != 0 {
			asked = "asked for"
		}
		switch f := g.Finding; {
		case f.Violations > 0:
			s.say("> %s (%s): VIOLATED %d times in %d: %s", g.Name, asked, f.Violations, f.Examined, f.First)
		case g.Name == "monotonic-writes":
			s.say("> Successfully executed write events in the correct order (%s, %s: %d checked)", g.Name, asked, f.Examined)
		default:
			s.say("> %s (%s): kept, %d checked", g.Name, asked, f.Examined)
		}
	}
	for _, c := range s.history.Checks() {
		if c.Status == record.Invalid {
			s.say("> %s: %s", c.Name, c.Detail)
		}
	}
}

// told is an event as the tables show it.
type told struct {
	Interface branches.Kind `json:"interface"`
	Money     int64         `json:"money"`
	ID        int64         `json:"event_id"`
}

// tables are each branch's write sets and events, by customer.
func (s *story) tables() {
	writes, events := make([]any, len(s.states)), make([]any, len(s.states))
	for i, b := range s.states {
		sets, all := make(map[string][]int64), make(map[string][]told)
		for _, e := range b.Log {
			if ev := s.events[e.Name]; !e.Twice {
				sets[e.Session] = append(sets[e.Session], ev.ID)
				all[e.Session] = append(all[e.Session], told{ev.Kind, ev.Amount, ev.ID})
			}
		}
		for _, c := range slices.Sorted(maps.Keys(s.queries[b.ID])) {
			for _, ev := range s.queries[b.ID][c] {
				all[c] = append(all[c], told{ev.Kind, 0, ev.ID})
			}
		}
		name := fmt.Sprintf("branch_%d", b.ID)
		writes[i], events[i] = map[string]any{name: sets}, map[string]any{name: all}
	}
	s.say("Write sets per branch organized by customer id:")
	s.json(writes)
	s.say("All events per branch organized by customer id:")
	s.json(events)
}

func (s *story) json(v any) {
	text, err := json.MarshalIndent(v, "", "  ")
	if err == nil {
		s.say("%s", text)
	}
}
