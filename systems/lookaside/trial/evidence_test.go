package trial

import (
	"testing"
	"time"

	"dyno/bench/evidence"
	"dyno/bench/queue"
	"dyno/internal/record"
	"dyno/systems/lookaside/simulator"
)

// A simulation's figures, wronged in one place, against its own ledger.
func TestSimulationRoads(t *testing.T) {
	dist, err := queue.NewDistribution("exp", 20*time.Millisecond)
	if err != nil {
		t.Fatal(err)
	}
	for name, s := range map[string]simulator.Simulation{
		"open":              {Load: 0.8, Warmup: 100, Requests: 2000},
		"closed":            {Clients: 9, Warmup: 100, Requests: 2000},
		"without a warm-up": {Load: 0.8, Requests: 2000},
	} {
		s.Policy, s.Service, s.Capacities, s.Seed = "round_robin", dist, []float64{1, 1, 2}, 5
		for wrong, mutate := range map[string]func(*record.Observation){
			"nothing": func(*record.Observation) {},
			"latency": func(o *record.Observation) {
				h := record.NewHistogram()
				h.Merge(o.Histograms["response"])
				h.Record(time.Second)
				o.SetHistogram("response", h)
			},
			"rate":      func(o *record.Observation) { o.Scalars["throughput_rps"] *= 1.2 },
			"in flight": func(o *record.Observation) { o.Scalars["in_flight"] *= 1.01 },
			"fairness":  func(o *record.Observation) { o.Scalars["jain_busy"] *= 0.99 },
			"requests":  func(o *record.Observation) { o.Vectors["requests"].Values[0]++ },
		} {
			r, err := s.Run(t.Context())
			if err != nil {
				t.Fatal(err)
			}
			o := (&Config{capacities: s.Capacities, policy: s.Policy}).observeSimulation(&s, &r)
			mutate(&o)
			v := record.Judge(evidence.Judge(Metrics, &o)...)
			if (v.Status == record.Valid) != (wrong == "nothing") {
				t.Errorf("%s, %s wronged: %s %v", name, wrong, v.Status, v.Reasons())
			}
		}
	}
}
