package trial

import (
	"slices"

	"dyno/bench/driver"
	"dyno/bench/evidence"
	"dyno/bench/lie"
	"dyno/bench/load"
	"dyno/internal/record"
	sessionbankv1 "dyno/proto/sessionbank/v1"
	"dyno/systems"
	"dyno/systems/sessionbank/check"
)

// counted: an operation is a query, a deposit or a withdrawal; one without answer
// is tried again.
var counted = evidence.Counts(evidence.Operations{
	Method:  sessionbankv1.SessionBankService_Query_FullMethodName,
	Others:  []string{sessionbankv1.SessionBankService_Deposit_FullMethodName, sessionbankv1.SessionBankService_Withdraw_FullMethodName},
	Clients: []string{"client"}, Servers: []string{"branch"}, Retried: true,
})

// violated are the metrics of the guarantees, in the order of [check.Each].
var violated = []string{"ryw_violated", "mw_violated", "mr_violated", "wfr_violated"}

// Metrics are those of the system.
func Metrics() []record.Metric {
	return slices.Concat(driver.Metrics(counted), []record.Metric{
		violation(0, "reads missing an own write", "reads that lack an earlier write of their session"),
		violation(1, "writes before an own earlier one", "writes that a branch applied before an earlier one of their session"),
		violation(2, "reads missing what was read before", "reads that lack what their session had read before"),
		violation(3, "writes before what was read before", "writes that a branch applied before what their session had read"),
		{
			Name: "waited_share", Kind: record.KindScalar, Unit: "1", Better: record.Lower,
			Help: "of all answered requests, those for which the branch had to catch up first, as it says itself",
		},
		{
			Name: "wait", Kind: record.KindHistogram, Unit: "ms", Better: record.Lower,
			Help: "how long those requests waited at the branch, as it says itself",
		},
		{
			Name: "token_bytes", Kind: record.KindScalar, Unit: "B", Better: record.Lower,
			Help: "of the session's token in a request and its answer together, mean, as the client counts",
		},
		{
			Name: "cpu_us_per_request", Kind: record.KindScalar, Unit: "µs", Better: record.Lower,
			Help: "CPU time of client and branches together per OK request; not under faults",
			Road: evidence.CPU(evidence.MicrosPerMeasured(load.DigestLatency)),
		},
	})
}

func violation(i int, words, help string) record.Metric {
	return record.Metric{
		Name: violated[i], Words: words, Kind: record.KindScalar, Unit: "1", Better: record.Lower, Help: "share of " + help,
		Road: evidence.Fact("again/"+violated[i], "a second count by other code"),
	}
}

// observe turns what was collected into figures and their proof.
func (t *run) observe() (o record.Observation, err error) {
	r, told := &t.report, t.values.Text(KnobLie)
	r.CPUSeconds = lie.CPU(told, len(t.processes), r.CPUSeconds)
	r.Throughput = lie.Rate(told, r.Throughput)
	r.Observe(&o, t.values.Text(driver.KnobDriver))
	o.Evidence.Slack = max(o.Evidence.Slack, int64(t.slack))
	again := t.history.Recount()
	for i, g := range check.Each(t.history.Sessions()) {
		share := check.Count{Examined: g.Finding.Examined, Violations: g.Finding.Violations}.Share()
		if told == lieForgiven {
			share /= 2
		}
		o.Set(violated[i], share)
		o.Evidence.Facts["again/"+violated[i]] = again[i].Share()
	}
	if r.Requests > 0 {
		o.Set("waited_share", float64(r.Waited)/float64(r.Requests))
		o.Set("token_bytes", float64(r.Tokens)/float64(r.Requests))
	}
	if r.Waits.Count() > 0 {
		o.SetHistogram("wait", r.Waits)
	}
	if n := r.Window.OK; n > 0 && r.Knee == nil && t.values.Text("faults") == "" {
		o.Set("cpu_us_per_request", (r.CPUSeconds+t.cpu)*1e6/float64(n))
	}
	l := left{History: t.history, Checks: slices.Concat(r.Checks, t.checks)}
	if o.Verdict = l.History.Judge(l.Checks...); o.Verdict.Status == record.Invalid {
		l.Scene = t.scene.Around(l.History.Story())
	}
	return o, systems.KeepHistory(t.bench, l)
}
