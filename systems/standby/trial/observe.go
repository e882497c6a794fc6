package trial

import (
	"cmp"
	"math"
	"path/filepath"
	"slices"
	"strconv"
	"time"

	"dyno/bench/driver"
	"dyno/bench/evidence"
	"dyno/bench/load"
	"dyno/internal/record"
	"dyno/systems"
	"dyno/systems/standby/core"
)

// observe makes figures and their proof of what was found.
func (t *run) observe() (o record.Observation, err error) {
	f := &t.found
	f.Accounts, f.Async = t.values.Int(knobAccounts), t.values.Text(knobReplicate) == async
	f.Memory, f.Checks = t.values.Text(knobStorage) == memory, t.report.Checks
	x, err := examine(filepath.Dir(t.file), filepath.Dir(t.cluster.Config), *f)
	if err != nil {
		return o, err
	}
	t.report.Observe(&o, driver.Closed)
	o.Evidence.Facts = map[string]float64{}
	t.observeCPU(&o)
	x.observe(&o)
	o.Verdict = record.Judge(x.checks()...)
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
		if s.Primary && len(x.Struck) == 0 && s.Batches > 0 {
			o.Set("shipped_actions", float64(s.Entries))
			o.Set("shipped_messages", float64(s.Batches))
			o.Set("batch", float64(s.Entries)/float64(s.Batches))
			o.Set("shipped_total", float64(s.Bytes))
			o.Set("shipped_bytes", float64(s.Bytes)/float64(s.Entries))
			facts["entries"] = float64(len(x.history.Log))
		}
	}
	if len(x.Struck) == 0 {
		facts["answered"], facts["attempts"] = float64(answered), float64(attempts)
		return
	}
	x.observeStrikes(o)
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
		if n := slices.IndexFunc(all[before:], func(a answer) bool { return a.server != node }); n >= 0 {
			times = append(times, all[before+n].at-s.At)
			if len(times) == 1 {
				o.SetSeries("acknowledged", timeline(all, s.At, all[before+n].at))
			}
		}
		if back := slices.IndexFunc(x.Struck[i:], func(e struckAt) bool { return e.Ends && e.Node == s.Node }); back >= 0 {
			old += oldAcked(all, all[before-1], x.Struck[i+back].At)
		}
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
		o.Evidence.Spans["failover"] = load.DigestTimes(times)
	}
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

// step is that of the time line.
const step = 10 * time.Millisecond

// timeline counts what each server acknowledged around a strike, which time counts
// from, over the epochs.
func timeline(all []answer, strike, over int64) record.Series {
	from, to := strike-int64(200*time.Millisecond), over+int64(300*time.Millisecond)
	from -= (from - strike) % int64(step)
	steps := int((to - from) / int64(step))
	s := record.Series{Step: step.Seconds(), From: time.Duration(from - strike).Seconds()}
	for _, name := range []string{"s1", "s2"} {
		s.Lines = append(s.Lines, record.Line{Name: name, Values: make([]float64, steps)})
	}
	for _, a := range all {
		i := int((a.at - from) / int64(step))
		if a.at < from || i >= steps {
			continue
		}
		s.Lines[a.server].Values[i]++
		at := math.Round(time.Duration(a.at-strike).Seconds()*1e6) / 1e6
		if n := len(s.Phases); n == 0 || s.Phases[n-1].Name != epochName(a.epoch) {
			s.Phases = append(s.Phases, record.Phase{Name: epochName(a.epoch), From: at, To: at})
		} else {
			s.Phases[n-1].To = at
		}
	}
	return s
}

func epochName(epoch uint64) string { return "epoch " + strconv.FormatUint(epoch, 10) }

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
