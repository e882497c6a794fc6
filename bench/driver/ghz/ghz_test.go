package ghz

import (
	"testing"
	"time"

	"github.com/bojand/ghz/runner"

	"dyno/bench/driver"
	"dyno/internal/record"
)

// What ghz says, wronged in one place.
func TestWitnessMutants(t *testing.T) {
	for name, m := range map[string]struct {
		mutate func(*runner.Report)
		want   record.Status
	}{
		"none":                {func(*runner.Report) {}, record.Valid},
		"cancelled":           {func(r *runner.Report) { r.EndReason = runner.ReasonCancel }, record.Invalid},
		"one is missing":      {func(r *runner.Report) { r.Count-- }, record.Invalid},
		"one too many":        {func(r *runner.Report) { r.Count++ }, record.Invalid},
		"one is not listed":   {func(r *runner.Report) { r.Details = r.Details[1:] }, record.Invalid},
		"an error too many":   {func(r *runner.Report) { r.ErrorDist["rpc error: code = Unavailable"]++ }, record.Invalid},
		"an error is not met": {func(r *runner.Report) { r.ErrorDist = nil }, record.Invalid},
		"one other status":    {func(r *runner.Report) { r.StatusCodeDist["OK"]--; r.StatusCodeDist["Unavailable"]++ }, record.Invalid},
		"a failure is listed": {func(r *runner.Report) { r.Details[3].Status = "Unavailable" }, record.Invalid},
		"no status at all":    {func(r *runner.Report) { r.StatusCodeDist = nil }, record.Invalid},
		"nothing was called":  {func(r *runner.Report) { *r = runner.Report{EndReason: runner.ReasonNormalEnd} }, record.Invalid},
		"failures in all ways": {func(r *runner.Report) {
			r.Details[3].Status = "Unavailable"
			r.StatusCodeDist["OK"]--
			r.StatusCodeDist["Unavailable"]++
			r.ErrorDist["rpc error: code = Unavailable"]++
		}, record.Valid},
	} {
		t.Run(name, func(t *testing.T) {
			r := &runner.Report{
				EndReason: runner.ReasonNormalEnd, Count: 20,
				ErrorDist: map[string]int{"rpc error: code = Unavailable": 2}, StatusCodeDist: map[string]int{"OK": 18, "Unavailable": 2},
			}
			for i := range 20 {
				d := runner.ResultDetail{Status: "OK"}
				if i < 2 {
					d = runner.ResultDetail{Status: "Unavailable", Error: "rpc error: code = Unavailable"}
				}
				r.Details = append(r.Details, d)
			}
			m.mutate(r)
			w := driver.Witness{Flags: &driver.Flags{Length: time.Second}, Rate: 20}
			got := testimony(w, r, time.Unix(1000, 0), time.Unix(1001, 0)).Checks[0]
			if got.Status != m.want {
				t.Errorf("%+v; want it %s", got, m.want)
			}
		})
	}
}

// The warm-up counts and is not measured; what is not OK is not known.
func TestTestimony(t *testing.T) {
	start := time.Unix(1000, 0)
	w := driver.Witness{Flags: &driver.Flags{Warmup: time.Second, Length: 2 * time.Second}, Rate: 2, Workers: 3}
	rep := &runner.Report{EndReason: runner.ReasonNormalEnd, Count: 6, StatusCodeDist: map[string]int{"OK": 5, "Unavailable": 1}, ErrorDist: map[string]int{"gone": 1}}
	for i, latency := range []time.Duration{9, 9, 1, 2, 3, 4} {
		d := runner.ResultDetail{Timestamp: start.Add(time.Duration(i) * time.Second / 2), Latency: latency * time.Millisecond, Status: "OK"}
		if i == 4 {
			d.Status, d.Error = "Unavailable", "gone"
		}
		rep.Details = append(rep.Details, d)
	}
	// What ghz makes of its calls by itself is nothing to us: calls that failed
	// count in its average and rate, and not in the others.
	rep.Average, rep.Fastest, rep.Slowest, rep.Rps, rep.Total = time.Hour, time.Hour, time.Hour, 1e9, time.Hour
	rep.LatencyDistribution = []runner.LatencyDistribution{{Percentage: 99, Latency: time.Hour}}
	r := testimony(w, rep, start, start.Add(3*time.Second))
	want := record.Counts{Offered: 6, Sent: 6, OK: 5, Unknown: 1}
	if r.Counts != want || r.Window != (record.Counts{Offered: 4, Sent: 4, OK: 3, Unknown: 1}) {
		t.Errorf("%+v, in the window %+v", r.Counts, r.Window)
	}
	if r.Latency.Count() != 3 || r.Latency.Max().Round(time.Millisecond) != 4*time.Millisecond || r.Sent != 2 || r.Throughput != 1.5 || r.Offered != 2 {
		t.Errorf("latency of %d up to %v; rates %v, %v, %v", r.Latency.Count(), r.Latency.Max(), r.Offered, r.Sent, r.Throughput)
	}
	if mean := r.Latency.Mean().Round(100 * time.Microsecond); mean != 2300*time.Microsecond { // of 1, 2 and 4 ms
		t.Errorf("mean latency %v", mean)
	}
	if len(r.Checks) != 1 || r.Checks[0].Status != record.Valid {
		t.Errorf("checks %+v", r.Checks)
	}
	if f := r.Failures(); f.First != "gone" || f.Failed != 1 || f.Check(record.DefaultMaxFailures).Status == record.Valid {
		t.Errorf("failures %+v", f)
	}
}
