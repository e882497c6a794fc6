package trial

import (
	"testing"

	"dyno/bench/evidence"
	"dyno/internal/record"
	branchbankv1 "dyno/proto/branchbank/v1"
	"dyno/systems/branchbank/server"
)

// Figures that are wronged in one place, against journals, sockets and calls.
func TestRoads(t *testing.T) {
	right := func() *record.Observation {
		o := &record.Observation{Counts: record.Counts{Sent: 40, OK: 40}}
		o.Evidence = &record.Evidence{
			Facts: map[string]float64{
				factWrites: 30, factApplied: 60, factNegative: 2, factResent: 1, factDeclined: 5, factWithdrawn: 10,
			},
			Processes: []record.ProcessEvidence{
				{Name: "b1", Role: server.RoleName, Calls: &record.CallEvidence{SentB: 5000}},
				{Name: "client", Role: "client", Calls: &record.CallEvidence{
					Made: map[string]record.Calls{branchbankv1.BranchService_Execute_FullMethodName: {OK: 40, Failed: 3}},
				}},
			},
		}
		for name, v := range map[string]float64{
			"messages_per_write": 61. / 30, "bytes_per_write": 50, "overdrawn_writes": 2, "retries": 3, "withdrawals": 15, "declined_share": 1. / 3,
		} {
			o.Set(name, v)
		}
		return o
	}
	judge := func(o *record.Observation) record.Status { return record.Judge(evidence.Judge(Metrics, o)...).Status }
	if o := right(); judge(o) != record.Valid {
		t.Fatalf("right figures: %v", evidence.Judge(Metrics, o))
	}
	for wrong, mutate := range map[string]func(o *record.Observation){
		"more messages than writes":  func(o *record.Observation) { o.Scalars["messages_per_write"] = 62. / 30 },
		"no messages":                func(o *record.Observation) { o.Scalars["messages_per_write"] = 0 },
		"more bytes than there were": func(o *record.Observation) { o.Scalars["bytes_per_write"] = 170 },
		"an overdraft less":          func(o *record.Observation) { o.Scalars["overdrawn_writes"] = 1 },
		"a retry less":               func(o *record.Observation) { o.Scalars["retries"] = 2 },
		"a withdrawal less":          func(o *record.Observation) { o.Scalars["withdrawals"] = 14 },
		"fewer declined":             func(o *record.Observation) { o.Scalars["declined_share"] = 0.3 },
		"no journals":                func(o *record.Observation) { o.Evidence.Facts = nil },
	} {
		o := right()
		mutate(o)
		if judge(o) == record.Valid {
			t.Errorf("%s: it passes", wrong)
		}
	}
}
