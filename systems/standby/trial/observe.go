package trial

import (
	"cmp"
	"io"
	"math"
	"path/filepath"
	"slices"
	"time"

	"dyno/bench/driver"
	"dyno/bench/evidence"
	"dyno/bench/load"
	"dyno/bench/story"
	"dyno/internal/record"
	"dyno/systems"
	"dyno/systems/standby/core"
	"dyno/systems/standby/generator"
)

// observe makes figures and their proof of what was found.
func (t *run) observe() (o record.Observation, err error) {
	f := &t.found
	f.Accounts, f.Async = t.values.Int(knobAccounts), t.values.Text(knobReplicate) == async
	f.Stayed = t.report.Stayed
	f.Blind = t.bench.Setting().Stands("server")
	f.Memory, f.Checks = t.values.Text(knobStorage) == memory, t.report.Checks
	x, err := examine(filepath.Dir(t.file), filepath.Dir(t.cluster.Config), *f)
	if err != nil {
		return o, err
	}
	t.report.Observe(&o, driver.Closed)
	t.observeCPU(&o)
	x.observe(&o)
	if n := len(f.Struck) / 2; t.plan.strike != strikeNone && n < t.plan.strikes {
		o.Flag("strikes", "the load was over after %d of %d strikes", n, t.plan.strikes)
	}
	if o.Verdict = record.Judge(x.checks()...); o.Verdict.Status == record.Invalid {
		f.Scene = story.SceneOf(nil, t.faults.Trace(), time.Unix(0, 0), func(process string) string { return process }).Around(x.history.Story())
	}
	return o, systems.KeepHistory(t.bench, f)
}

func (t *run) observeCPU(o *record.Observation) {
	begin, end := t.report.Measured()
	used := 0.0
	for _, name := range []string{"witness", "s1", "s2"} {
		used += t.samples.Window(name, begin, end).CPUSeconds
	}
	o.Evidence.Slack = max(o.Evidence.Slack, int64(t.samples.Slack(begin, end)))
	o.Evidence.Missed = t.samples.Missed(begin, end).Seconds()
	if window := end.Sub(begin).Seconds(); window > 0 {
		o.Set("server_cores", used/window)
	}
	if n := t.report.Window.OK; n > 0 {
		o.Set("cpu_us_per_request", (used+t.report.CPUSeconds)*1e6/float64(n))
	}
}

// observe sets what comes of requests, journals and strikes.
func (x *examined) observe(o *record.Observation) {
	facts := o.Evidence.Facts
	o.Set("lost", float64(x.history.Lost()))
	facts["lost_requests"] = float64(x.lostRequests())
	repeated, attempts, answered := 0, 0, uint64(0)
	for _, d := range x.done {
		attempts += int(d.Attempts)
		if d.Repeated {
			repeated++
		}
	}
	o.Set("repeated", float64(repeated))
	for _, s := range x.Servers {
		answered += s.Answered
		if s.Primary && len(x.Struck) == 0 && s.Batches > 0 && !x.Blind {
			o.Set("shipped_actions", float64(s.Entries))
			o.Set("shipped_messages", float64(s.Batches))
			o.Set("batch", float64(s.Entries)/float64(s.Batches))
			o.Set("shipped_total", float64(s.Bytes))
			o.Set("shipped_bytes", float64(s.Bytes)/float64(s.Entries))
			facts["entries"] = float64(len(x.history.Log))
		}
	}
	switch {
	case len(x.Struck) > 0:
		x.observeStrikes(o)
	case !x.Blind:
		facts["answered"], facts["attempts"] = float64(answered), float64(attempts)
	}
}

// lostRequests counts the acknowledged changes that no entry of the log names.
func (x *examined) lostRequests() (n int) {
	type request struct{ client, number uint64 }
	there := make(map[request]bool, len(x.history.Log))
	for _, e := range x.history.Log {
		there[request{e.Client, e.Number}] = true
	}
	for _, o := range x.history.Ops {
		if o.Kind != core.Lookup && (o.Outcome == core.Done || o.Outcome == core.TooMuch) && !there[request{o.Client, o.Number}] {
			n++
		}
	}
	return n
}

// timeStep is that of the time line.
const timeStep = 10 * time.Millisecond

// answer is a write that was acknowledged, when, by whom and in which epoch.
type answer struct {
	at     int64
	server int
	epoch  uint64
}

// answers are all writes that were acknowledged for the first time, in the order
// of time.
func (x *examined) answers() []answer {
	all := make([]answer, 0, len(x.done))
	for _, o := range x.history.Ops {
		if o.Kind != core.Lookup && !o.Repeated && (o.Outcome == core.Done || o.Outcome == core.TooMuch) {
			all = append(all, answer{o.End, o.Server, o.Epoch})
		}
	}
	slices.SortFunc(all, func(a, b answer) int { return cmp.Compare(a.at, b.at) })
	return all
}

// observeStrikes sets what clients notice of strikes on the primary.
func (x *examined) observeStrikes(o *record.Observation) {
	all := x.answers()
	var times []int64
	old := 0
	for i, s := range x.Struck {
		node := slices.Index([]string{"s1", "s2"}, s.Node)
		before, _ := slices.BinarySearchFunc(all, s.At, func(a answer, at int64) int { return cmp.Compare(a.at, at) })
		if s.Ends || node < 0 || before == 0 || all[before-1].server != node {
			continue // it did not meet the primary
		}
		back := int64(math.MaxInt64) // when it went on
		if n := slices.IndexFunc(x.Struck[i:], func(e struckAt) bool { return e.Ends && e.Node == s.Node }); n >= 0 {
			back = x.Struck[i+n].At
		}
		if n := slices.IndexFunc(all[before:], func(a answer) bool { return a.server != node || a.at > back }); n >= 0 {
			times = append(times, all[before+n].at-s.At)
			if len(times) == 1 {
				o.SetSeries("acknowledged", generator.Timeline(x.first(), time.Unix(0, s.At), 200*time.Millisecond, x.alone(i, times[0]), timeStep))
			}
		}
		old += oldAcked(all, all[before-1], back)
	}
	o.Set("struck", float64(len(times)))
	o.Evidence.Facts["struck"] = float64(len(times))
	o.Set("old_acked", float64(old))
	if len(times) > 0 {
		h := record.NewHistogram()
		for _, t := range times {
			h.Record(time.Duration(t))
		}
		o.SetHistogram("failover", h)
		o.Set("failover_slowest_ms", time.Duration(slices.Max(times)).Seconds()*1e3)
		o.Evidence.Spans["failover"] = load.DigestTimes(times)
	}
}

// alone is how long a strike is looked at: for 300 ms from when clients were served
// again, and not beyond the next one.
func (x *examined) alone(strike int, served int64) time.Duration {
	after := time.Duration(served) + 300*time.Millisecond
	if n := slices.IndexFunc(x.Struck[strike+1:], func(e struckAt) bool { return !e.Ends }); n >= 0 {
		after = min(after, time.Duration(x.Struck[strike+1+n].At-x.Struck[strike].At))
	}
	return after.Truncate(timeStep)
}

// first are the requests that were not answered by a stored reply, whose epoch
// may be an earlier one.
func (x *examined) first() []generator.Done {
	return slices.DeleteFunc(slices.Clone(x.done), func(d generator.Done) bool { return d.Repeated })
}

// oldAcked counts what a server acknowledged after it went on, in an epoch that
// another one had followed.
func oldAcked(all []answer, last answer, back int64) (n int) {
	next := slices.IndexFunc(all, func(a answer) bool { return a.epoch > last.epoch })
	if next < 0 {
		return 0
	}
	for _, a := range all[next:] {
		if a.server == last.server && a.epoch <= last.epoch && a.at > back {
			n++
		}
	}
	return n
}

// answeredRoad holds what became of requests against what servers count.
var answeredRoad = evidence.Law("the servers' own counts of their answers",
	func(_ string, o *record.Observation, e *record.Evidence) record.Check {
		answered, told := e.Facts["answered"]
		if !told {
			return record.Check{} // who was killed has no count
		}
		return evidence.Room{}.Between(answered, float64(o.Counts.OK), e.Facts["attempts"])
	})

var lostRoad = evidence.Fact("lost_requests", "requests that no entry of the log names")

// shippedRoad: what was shipped is in the log; after a gap it may be shipped again.
var shippedRoad = evidence.Law("the actions in both journals", func(_ string, o *record.Observation, e *record.Evidence) record.Check {
	return evidence.Room{}.Between(o.Scalars["shipped_actions"], e.Facts["entries"], math.MaxFloat64)
})

var slowestRoad = evidence.Derived("the exact failover times", func(o *record.Observation) (ms float64, ok bool) {
	d, ok := o.Evidence.Spans["failover"]
	return time.Duration(d.Max).Seconds() * 1e3, ok
})

// Explain tells what broke a promise in the trial that left a bundle.
func Explain(bundle string, svg io.Writer) ([]string, error) {
	x, err := reopen(bundle)
	if err != nil {
		return nil, err
	}
	return x.history.Story().In(x.found.Scene).In(x.found.away()).Tell(svg)
}

// away is what befell the servers, for a story.
func (f *found) away() (s story.Scene) {
	for _, a := range f.Struck {
		if a.Ends || a.Node == "" {
			continue
		}
		until := int64(story.Never)
		for _, e := range f.Struck {
			if e.Ends && e.Node == a.Node && e.Kind == a.Kind && e.At >= a.At {
				until = min(until, e.At)
			}
		}
		s.Absences = append(s.Absences, story.Absence{Who: a.Node, From: a.At, Until: until, Text: a.Kind})
	}
	return s
}
