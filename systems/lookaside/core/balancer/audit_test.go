package balancer

import (
	"math/rand/v2"
	"testing"

	"dyno/systems/lookaside/core/policy"
)

// A balancer that forgets its own picks runs to one server with the best of
// reasons, by the loads that it sees: the audit counts for itself.
func TestAuditCountsPicksItself(t *testing.T) {
	b := New(Config{Policy: policy.LeastLoad.New(), Promise: policy.Loaded, Rand: rand.New(rand.NewPCG(1, 1))})
	for _, id := range []string{"a", "b"} {
		if err := b.Join(Member{ID: id, Instance: "1", Address: "x", Capacity: 1, Revision: 1}); err != nil {
			t.Fatal(err)
		}
	}
	pick := func() {
		if _, err := b.Pick(0); err != nil {
			t.Fatal(err)
		}
	}
	pick()
	pick()
	if a := b.Audit(); a.Picks != 2 || a.Broken != 0 {
		t.Fatalf("honest picks: %+v", a)
	}
	b.rows[0].assigned--
	b.fresh = false
	pick()
	if a := b.Audit(); a.Broken != 1 {
		t.Errorf("a pick was forgotten: %+v", a)
	}
}
