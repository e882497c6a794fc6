package history

import (
	"fmt"
	"math/rand/v2"
	"testing"

	"dyno/internal/record"
)

// What a view lacks is told apart; what it is not of, it cannot lack.
func TestViewsAreToldApart(t *testing.T) {
	type vector = map[string]int64
	writers := func(view vector) []SessionOp {
		step := func(session string, at int64, out SessionOutput) SessionOp {
			return SessionOp{Begin: at, End: at + 1, Outcome: record.OK, Input: SessionInput{session, out.Wrote.N > 0}, Output: out}
		}
		return []SessionOp{
			step("p", 0, w("a", 1)), step("p", 2, w("b", 1)), // b1 follows the own a1
			step("q", 4, saw(vector{"b": 1})), step("q", 6, w("c", 1)), // c1 follows b1, which was read
			step("r", 8, saw(view)),
		}
	}
	for name, c := range map[string]struct {
		view               vector
		mw, wfr, examined2 int64
	}{
		"nothing":          {vector{"a": 0, "b": 0, "c": 0}, 0, 0, 0},
		"all":              {vector{"a": 1, "b": 1, "c": 1}, 0, 0, 2},
		"the first alone":  {vector{"a": 1, "b": 0, "c": 0}, 0, 0, 0},
		"without its own":  {vector{"a": 0, "b": 1, "c": 0}, 1, 0, 1},
		"without its read": {vector{"a": 1, "b": 0, "c": 1}, 0, 1, 1},
		"neither":          {vector{"a": 0, "b": 1, "c": 1}, 1, 0, 2},
		"not asked":        {vector{"b": 1, "c": 1}, 0, 0, 1},
	} {
		s := CheckViews(writers(c.view))
		if s.MonotonicWrites.Violations != c.mw || s.WritesFollowReads.Violations != c.wfr ||
			s.MonotonicWrites.Examined+s.WritesFollowReads.Examined != c.examined2 {
			t.Errorf("%s: %+v, %+v", name, s.MonotonicWrites, s.WritesFollowReads)
		}
	}
	unknown := writers(vector{"a": 0, "b": 1, "c": 0})
	unknown[1].Outcome = record.Unknown // what was not acknowledged binds nobody
	if s := CheckViews(unknown); s.MonotonicWrites.Violations != 0 {
		t.Errorf("a write of unknown end: %+v", s.MonotonicWrites)
	}
}

// A replica that applies one order, however late, is never convicted; one that
// holds back some origins from some sessions is.
func TestViewsOfAReplica(t *testing.T) {
	const sessions = 4
	run := func(seed uint64, held bool) (s Sessions) {
		r := rand.New(rand.NewPCG(seed, 0))
		var log []WriteID // as the primary has it
		count := map[string]int64{}
		var ops []SessionOp
		applied := 0
		for now := range int64(400) {
			applied += r.IntN(len(log) - applied + 1)
			who := r.IntN(sessions)
			op := SessionOp{Begin: 2 * now, End: 2*now + 1, Outcome: record.OK, Input: SessionInput{fmt.Sprint(who), r.IntN(2) == 0}}
			if op.Input.Write {
				origin := fmt.Sprint(who, "/", r.IntN(2))
				count[origin]++
				op.Output.Wrote = WriteID{origin, count[origin]}
				log = append(log, op.Output.Wrote)
			} else {
				op.Output.Seen.Vector = view(log[:applied], sessions, held && who%2 == 1)
			}
			ops = append(ops, op)
		}
		return CheckViews(ops)
	}
	for seed := range uint64(50) {
		if s := run(seed, false); s.MonotonicWrites.Violations+s.WritesFollowReads.Violations > 0 || s.MonotonicWrites.Examined == 0 {
			t.Fatalf("seed %d: %+v", seed, s)
		}
		if s := run(seed, true); s.MonotonicWrites.Violations == 0 || s.WritesFollowReads.Violations == 0 {
			t.Fatalf("seed %d, held back: %+v", seed, s)
		}
	}
}

// view is what has been applied; held leaves the newest ten of each session's
// first origin out, and of one session's both.
func view(log []WriteID, sessions int, held bool) map[string]int64 {
	v := map[string]int64{}
	for i := range sessions {
		v[fmt.Sprint(i, "/", 0)], v[fmt.Sprint(i, "/", 1)] = 0, 0
	}
	for _, id := range log {
		v[id.Origin] = id.N
	}
	for i := range sessions {
		for k := range 2 {
			if name := fmt.Sprint(i, "/", k); held && (i == 0 || k == 0) {
				v[name] = max(0, v[name]-10)
			}
		}
	}
	return v
}
