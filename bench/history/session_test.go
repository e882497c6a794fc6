package history

import (
	"strings"
	"testing"

	"dyno/internal/record"
)

// tour is one session: w writes, anything else reads.
func tour(steps ...SessionOutput) []SessionOp {
	var ops []SessionOp
	for i, out := range steps {
		ops = append(ops, SessionOp{Seq: int32(i), Begin: int64(10 * i), End: int64(10*i + 5), Outcome: record.OK, Input: SessionInput{"c", out.Wrote.N > 0}, Output: out})
	}
	return ops
}

func w(origin string, n int64) SessionOutput { return SessionOutput{Wrote: WriteID{origin, n}} }

func saw(v map[string]int64, ids ...WriteID) SessionOutput { return SessionOutput{Seen: Seen{v, ids}} }

// Each guarantee is broken alone, so that counts tell them apart.
func TestGuaranteesAreToldApart(t *testing.T) {
	a, b := WriteID{"a", 1}, WriteID{"b", 1}
	for name, c := range map[string]struct {
		ops  []SessionOp
		logs []ApplyLog
		want [4]int64 // violations of RYW, MR, MW, WFR
	}{
		"ryw":           {tour(w("a", 1), saw(nil)), nil, [4]int64{1, 0, 0, 0}},
		"mr":            {tour(saw(map[string]int64{"a": 2}), saw(map[string]int64{"a": 1})), nil, [4]int64{0, 1, 0, 0}},
		"mr, write set": {tour(saw(nil, a, b), saw(nil, b)), nil, [4]int64{0, 1, 0, 0}},
		"mw":            {tour(w("a", 1), w("b", 1)), []ApplyLog{{"x", nil, []WriteID{b, a}}, {"y", nil, []WriteID{b}}}, [4]int64{0, 0, 2, 0}},
		"wfr":           {tour(saw(nil, a), w("b", 1)), []ApplyLog{{"x", nil, []WriteID{b, a}}}, [4]int64{0, 0, 0, 1}},
		"wfr, vector":   {tour(saw(map[string]int64{"a": 2}), w("b", 1)), []ApplyLog{{"x", nil, []WriteID{a, b}}}, [4]int64{0, 0, 0, 1}},
		"behind a base": {tour(saw(map[string]int64{"a": 2}), w("b", 1)), []ApplyLog{{"x", map[string]int64{"a": 2}, []WriteID{b}}}, [4]int64{}},
		"all is well":   {tour(w("a", 1), saw(nil, a), w("b", 1), saw(map[string]int64{"a": 1, "b": 1})), []ApplyLog{{"x", nil, []WriteID{a, b}}, {"y", nil, []WriteID{a}}}, [4]int64{}},
	} {
		s := CheckSessions(c.ops, c.logs)
		got := [4]int64{s.ReadYourWrites.Violations, s.MonotonicReads.Violations, s.MonotonicWrites.Violations, s.WritesFollowReads.Violations}
		if got != c.want {
			t.Errorf("%s: %v, want %v: %+v", name, got, c.want, s)
		}
	}
}

// What is told of a violation is for people: a session and what it saw, in words.
func TestViolationsAreToldInWords(t *testing.T) {
	for want, ops := range map[string][]SessionOp{
		"read in session c: ok saw nothing lacks write 1 of a, which the session wrote before":                  tour(w("a", 1), saw(nil)),
		"read in session c: ok saw all to 1 of a, 1 of b lacks write 2 of a, which the session had read before": tour(saw(map[string]int64{"a": 2}), saw(map[string]int64{"a": 1}, WriteID{"b", 1})),
		"write in session c: ok write 1 of a": tour(w("a", 1)),
	} {
		s := CheckSessions(ops, nil)
		if got := ops[len(ops)-1].String() + s.ReadYourWrites.First + s.MonotonicReads.First; !strings.Contains(got, want) {
			t.Errorf("%q does not say %q", got, want)
		}
	}
}

func TestUnknownWritesBindNobody(t *testing.T) {
	ops := tour(w("a", 1), w("b", 1), saw(nil, WriteID{"b", 1}))
	ops[0].Outcome = record.Unknown
	s := CheckSessions(ops, []ApplyLog{{"x", nil, []WriteID{{"b", 1}, {"a", 1}}}})
	if s.ReadYourWrites.Violations+s.MonotonicWrites.Violations != 0 || s.ReadYourWrites.Examined != 1 {
		t.Errorf("%+v", s)
	}
}

func TestSessionsThatOverlapAreUndecided(t *testing.T) {
	ops := tour(w("a", 1), saw(map[string]int64{"a": 1}))
	ops[0].End = 99
	s := CheckSessions(ops, nil)
	for _, f := range []Finding{s.ReadYourWrites, s.MonotonicReads, s.MonotonicWrites, s.WritesFollowReads} {
		if f.Check("x").Status != record.Undetermined {
			t.Errorf("%+v", f)
		}
	}
}

func TestOrder(t *testing.T) {
	ops := []BankOp{
		{Begin: 0, End: 1, Outcome: record.OK, Input: BankInput{Deposit, "a", 5, "old", 0}, Output: BankOutput{Order: 1}},
		{Begin: 2, End: 3, Outcome: record.OK, Input: BankInput{Deposit, "a", 7, "new", 0}, Output: BankOutput{Order: 2, Balance: 12, Shown: true}},
		{Begin: 4, End: 5, Outcome: record.OK, Input: BankInput{Kind: Query, Account: "a"}, Output: BankOutput{Order: 2, Balance: 12}},
	}
	log := ActionLog{[]string{"old", "new"}}
	bank := Bank{Initial: map[string]int64{"a": 0}}
	if f := bank.InOrder(ops, log); f.Violations+f.Undecided != 0 || f.Examined != 3 {
		t.Errorf("%+v", f)
	}
	lost := BankOp{Outcome: record.OK, Input: BankInput{Kind: Query, Account: "a"}, Output: BankOutput{Order: NoOrder}}
	if f := bank.InOrder(append(ops, lost), log); f.Undecided != 1 {
		t.Errorf("a query without action id: %+v", f)
	}
}
