package echo

import (
	"slices"
	"testing"
	"time"

	"github.com/bojand/ghz/runner"

	"dyno/internal/record"
)

// upTo is 1 to n, from the last to the first: the order must not matter.
func upTo(n int) []uint64 {
	all := make([]uint64, n)
	for i := range all {
		all[i] = uint64(n - i)
	}
	return all
}

func TestNumbers(t *testing.T) {
	for name, c := range map[string]struct {
		mutate  func([]uint64) []uint64
		unknown int64
		want    record.Status
	}{
		"each once":                  {func(n []uint64) []uint64 { return n }, 0, record.Valid},
		"each once, some unanswered": {func(n []uint64) []uint64 { return n }, 3, record.Valid},
		"one twice":                  {func(n []uint64) []uint64 { return append(n, n[4]) }, 0, record.Invalid},
		"one twice, one missing":     {func(n []uint64) []uint64 { n[4] = n[5]; return n }, 0, record.Invalid},
		"one twice, some unknown":    {func(n []uint64) []uint64 { return append(n, n[4]) }, 5, record.Invalid},
		"one missing":                {func(n []uint64) []uint64 { return slices.Delete(n, 4, 5) }, 0, record.Invalid},
		"one missing, one unknown":   {func(n []uint64) []uint64 { return slices.Delete(n, 4, 5) }, 1, record.Undetermined},
		"two missing, one unknown":   {func(n []uint64) []uint64 { return slices.Delete(n, 4, 6) }, 1, record.Invalid},
		"the last is missing":        {func(n []uint64) []uint64 { return n[1:] }, 0, record.Valid}, // it is checkAnswered that sees this
		"a zero":                     {func(n []uint64) []uint64 { n[4] = 0; return n }, 0, record.Invalid},
		"one invented":               {func(n []uint64) []uint64 { n[4] = 1 << 60; return n }, 0, record.Invalid},
		"nothing":                    {func([]uint64) []uint64 { return nil }, 0, record.Undetermined},
	} {
		t.Run(name, func(t *testing.T) {
			n := sumUp(c.mutate(upTo(20)))
			if got := checkNumbers(n, record.Counts{Unknown: c.unknown}); got.Status != c.want {
				t.Errorf("%+v: %+v; want it %s", n, got, c.want)
			}
		})
	}
}

func TestAnswered(t *testing.T) {
	for _, c := range []struct {
		answered    uint64
		ok, unknown int64
		want        record.Status
	}{
		{20, 20, 0, record.Valid},
		{20, 20, 2, record.Valid},
		{21, 20, 0, record.Invalid},
		{19, 20, 0, record.Invalid},
		{19, 20, 2, record.Invalid},
		{22, 20, 2, record.Undetermined},
		{23, 20, 2, record.Invalid},
	} {
		counts := record.Counts{OK: c.ok, Unknown: c.unknown, Sent: c.ok + c.unknown}
		if got := checkAnswered(c.answered, counts); got.Status != c.want {
			t.Errorf("server %d, clients %+v: %+v; want it %s", c.answered, counts, got, c.want)
		}
	}
}

func TestPayload(t *testing.T) {
	a := answers{Numbers: numbers{Seen: 20}}
	if got := checkPayload(a); got.Status != record.Valid || got.Examined != 20 {
		t.Errorf("unaltered: %+v", got)
	}
	a.Altered = 1
	if got := checkPayload(a); got.Status != record.Invalid {
		t.Errorf("altered: %+v", got)
	}
}

// What ghz says, wronged in one place.
func TestWitnessMutants(t *testing.T) {
	for name, m := range map[string]struct {
		mutate func(*runner.Report)
		want   record.Status
	}{
		"none":               {func(*runner.Report) {}, record.Valid},
		"cancelled":          {func(r *runner.Report) { r.EndReason = runner.ReasonCancel }, record.Invalid},
		"one is missing":     {func(r *runner.Report) { r.Count-- }, record.Invalid},
		"one too many":       {func(r *runner.Report) { r.Count++ }, record.Invalid},
		"one is not listed":  {func(r *runner.Report) { r.Details = r.Details[1:] }, record.Invalid},
		"one error":          {func(r *runner.Report) { r.ErrorDist["rpc error: code = Unavailable"] = 1 }, record.Invalid},
		"one other status":   {func(r *runner.Report) { r.StatusCodeDist["OK"]--; r.StatusCodeDist["Unavailable"] = 1 }, record.Invalid},
		"no status at all":   {func(r *runner.Report) { r.StatusCodeDist = nil }, record.Invalid},
		"nothing was called": {func(r *runner.Report) { *r = runner.Report{EndReason: runner.ReasonNormalEnd} }, record.Invalid},
	} {
		t.Run(name, func(t *testing.T) {
			r := &runner.Report{
				EndReason: runner.ReasonNormalEnd, Count: 20, Details: make([]runner.ResultDetail, 20),
				ErrorDist: map[string]int{}, StatusCodeDist: map[string]int{"OK": 20},
			}
			m.mutate(r)
			if got := checkWitness(r, 20); got.Status != m.want {
				t.Errorf("%+v; want it %s", got, m.want)
			}
		})
	}
}

// The warm-up counts and is not measured; what is not OK is not known.
func TestTestimony(t *testing.T) {
	start := time.Unix(1000, 0)
	warmup, length := time.Second, 2*time.Second
	w := witness{times: times{warmup: &warmup, length: &length}, rate: 2, clients: 3}
	rep := &runner.Report{EndReason: runner.ReasonNormalEnd, Count: 6, StatusCodeDist: map[string]int{"OK": 5, "Unavailable": 1}}
	for i, latency := range []time.Duration{9, 9, 1, 2, 3, 4} {
		d := runner.ResultDetail{Timestamp: start.Add(time.Duration(i) * time.Second / 2), Latency: latency * time.Millisecond, Status: "OK"}
		if i == 4 {
			d.Status, d.Error = "Unavailable", "gone"
		}
		rep.Details = append(rep.Details, d)
	}
	r := w.testimony(rep, start, start.Add(3*time.Second))
	want := record.Counts{Offered: 6, Sent: 6, OK: 5, Unknown: 1}
	if r.Counts != want || r.Window != (record.Counts{Offered: 4, Sent: 4, OK: 3, Unknown: 1}) {
		t.Errorf("%+v, in the window %+v", r.Counts, r.Window)
	}
	if r.Latency.Count() != 3 || r.Latency.Max().Round(time.Millisecond) != 4*time.Millisecond || r.Sent != 2 || r.Throughput != 1.5 || r.Offered != 2 {
		t.Errorf("latency of %d up to %v; rates %v, %v, %v", r.Latency.Count(), r.Latency.Max(), r.Offered, r.Sent, r.Throughput)
	}
	if len(r.Checks) != 1 || r.Checks[0].Status != record.Invalid {
		t.Errorf("checks %+v", r.Checks)
	}
}
