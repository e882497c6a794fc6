package experiments

import (
	"testing"

	"dyno/internal/record"
)

// A figure that is another one when it is stored than when it was judged makes
// the trial invalid.
func TestWhatIsStoredIsJudged(t *testing.T) {
	was := record.Road{Law: "as it was", Hold: func(_ string, o *record.Observation) record.Check {
		if o.Scalars["rate"] != 5 {
			return record.Fail("", 1, "it was 5")
		}
		return record.Pass("", 1)
	}}
	metrics := []record.Metric{{Name: "rate", Kind: record.KindScalar, Unit: "req/s", Road: was}}
	for rate, want := range map[float64]record.Status{5: record.Valid, 6: record.Invalid} {
		trial := &record.Trial{ID: "x", Observation: &record.Observation{
			Evidence: &record.Evidence{Processes: []record.ProcessEvidence{{Name: "p", Calls: new(record.CallEvidence)}}},
			Verdict:  record.Judge(record.Pass("answers", 1)),
		}}
		trial.Observation.Set("rate", rate)
		if err := certify(trial, metrics); err != nil {
			t.Fatal(err)
		}
		if got := trial.Status(); got != want {
			t.Errorf("stored as %v: %s, want %s", rate, got, want)
		}
	}
}
