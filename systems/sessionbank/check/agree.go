package check

import (
	"fmt"
	"maps"

	"dyno/internal/record"
	"dyno/internal/replica"
	"dyno/systems/sessionbank/core/bank"
)

// agree: all branches have the same writes and the same balance.
func (h *History) agree() record.Check {
	const name = "agree"
	n := int64(len(h.Branches))
	for _, b := range h.Branches[min(1, len(h.Branches)):] {
		first := h.Branches[0]
		if h.Settled && (b.Balance != first.Balance || !maps.Equal(top(b.Log), top(first.Log))) {
			return record.Fail(name, n, "branch %d holds %d after %s, branch %d holds %d after %s",
				first.ID, first.Balance, after(first.Log), b.ID, b.Balance, after(b.Log))
		}
	}
	return record.Pass(name, n)
}

// top is how many writes of each origin a log has; a log with a gap or a
// repetition has a number below 0.
func top(log []bank.Entry) map[replica.ID]int64 {
	v := make(map[replica.ID]int64)
	for _, e := range log {
		if v[e.Origin]++; v[e.Origin] != int64(e.Seq) {
			return map[replica.ID]int64{e.Origin: -int64(e.Seq)}
		}
	}
	return v
}

// after says which writes a log has, in words.
func after(log []bank.Entry) string {
	v := top(log)
	for origin, n := range v {
		if n < 0 {
			return fmt.Sprintf("a log in which write %d of branch %d comes out of order or twice", -n, origin)
		}
	}
	return fmt.Sprintf("as many writes by branch as %v", v)
}
