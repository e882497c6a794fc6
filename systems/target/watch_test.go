package target

import (
	"testing"

	"dyno/bench/load"
	"dyno/internal/record"
)

// The CPU time of a request is held against that of a second and the rate: who
// changes one of the three is found out.
func TestPerRequest(t *testing.T) {
	for name, c := range map[string]struct {
		micros, cores float64
		answered      int64
		want          record.Status
	}{
		"honest":             {100, 0.02, 400, record.Valid},
		"cheaper":            {80, 0.02, 400, record.Invalid},
		"less CPU":           {100, 0.01, 400, record.Invalid},
		"fewer calls":        {100, 0.02, 300, record.Invalid},
		"nothing was called": {100, 0.02, 0, record.Invalid},
	} {
		var o record.Observation
		o.Set(serviceCores, c.cores)
		o.Set(serviceMicros, c.micros)
		o.Evidence = &record.Evidence{Begin: 1e9, End: 3e9, Spans: map[string]record.SpanDigest{load.DigestLatency: {Count: c.answered}}}
		if got := perRequest.Hold(serviceMicros, &o); record.Judge(got).Status != c.want {
			t.Errorf("%s: %+v, want %s", name, got, c.want)
		}
	}
	if got := perRequest.Hold(serviceMicros, &record.Observation{}); record.Judge(got).Status != record.Undetermined {
		t.Errorf("without evidence: %+v", got)
	}
}
