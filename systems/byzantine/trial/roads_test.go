package trial

import (
	"maps"
	"testing"
	"time"

	"dyno/bench/evidence"
	"dyno/internal/record"
	byzantinev1 "dyno/proto/byzantine/v1"
	"dyno/systems"
	"dyno/systems/byzantine/cluster"
	"dyno/systems/byzantine/core/general"
	"dyno/systems/byzantine/play"
)

// tenRuns is a summary of ten runs, half of which end well, as generals in
// processes would give it.
func tenRuns(t *testing.T) (*config, record.Observation) {
	t.Helper()
	v, err := (&systems.System{Knobs: play.Knobs}).Resolve(map[string]string{"algorithm": "sm", "n": "4", "t": "1", "traitors": "1"})
	if err != nil {
		t.Fatal(err)
	}
	c, err := newConfig(v)
	if err != nil {
		t.Fatal(err)
	}
	begin := time.Unix(1000, 0)
	a := &summary{Duration: record.NewHistogram(), Begin: begin, End: begin.Add(time.Second), CPU: 0.4, Between: 0.1}
	a.Checks, a.Counts = []record.Check{record.Pass("agreement", 10)}, record.Counts{Offered: 12, Sent: 12, OK: 12}
	for i := range 10 {
		o := &play.Outcome{Run: c.draw(1, i), Bytes: 900, Took: time.Duration(10+i) * time.Millisecond}
		o.Traitors = general.Only(3)
		o.Watched = o.Took + time.Millisecond
		o.Sent = play.Traffic{Batches: 9, Bytes: 900, Values: 11}
		o.Physical, o.Messages, o.Drops[0] = 9, []int64{3, 6}, 2
		o.Decisions = make([]general.Decision, 4)
		for id := range o.Decisions {
			if id < 3 && i%2 == 0 || id == 0 {
				o.Decisions[id].Value = general.Attack
			}
		}
		a.add(c, o)
	}
	a.Tallied = play.Traffic{Batches: 12 * 9, Bytes: 12 * 900}
	o := c.observe(a)
	for id := range 4 {
		o.Evidence.Processes = append(o.Evidence.Processes, record.ProcessEvidence{
			Name: cluster.GeneralName(id), Role: cluster.RoleName, Covered: true, WindowCPU: 0.125, Least: 0.124, Most: 0.126, TotalCPU: 0.2, LastCPU: 0.2,
			Calls: &record.CallEvidence{Received: 7000, Served: map[string]record.Calls{
				byzantinev1.GeneralService_Begin_FullMethodName: {OK: 12}, byzantinev1.GeneralService_Deliver_FullMethodName: {OK: 27},
			}},
		})
	}
	return c, o
}

// judge holds the figures on their roads and returns what is not valid.
func judge(o *record.Observation) map[string]record.Status {
	out := map[string]record.Status{}
	for _, c := range evidence.Judge(Metrics(), o) {
		if c.Status != record.Valid {
			out[c.Name] = c.Status
		}
	}
	return out
}

func TestHonestFiguresHold(t *testing.T) {
	_, o := tenRuns(t)
	if o.Scalars["agreement_share"] != 0.5 {
		t.Errorf("five of ten runs end well, and the share is %v", o.Scalars["agreement_share"])
	}
	for _, c := range evidence.Judge(Metrics(), &o) {
		if c.Status != record.Valid {
			t.Errorf("%s is %s: %s", c.Name, c.Status, c.Detail)
		}
	}
}

// Each lie about a figure is refuted by that figure's own road.
func TestLiesAreRefuted(t *testing.T) {
	times := func(name string, factor float64) func(o *record.Observation) {
		return func(o *record.Observation) { o.Scalars[name] *= factor }
	}
	for name, c := range map[string]struct {
		metric string
		lie    func(o *record.Observation)
	}{
		"all agreed":        {"agreement_share", func(o *record.Observation) { o.Scalars["agreement_share"] = 1 }},
		"one run more":      {"runs", func(o *record.Observation) { o.Scalars["runs"]++ }},
		"sent too few":      {"runs", func(o *record.Observation) { o.Counts.Sent--; o.Counts.OK-- }},
		"a run left out":    {"run", func(o *record.Observation) { o.Histograms["run"] = histogram(10, 18, 1) }},
		"latencies halved":  {"run", func(o *record.Observation) { o.Histograms["run"] = histogram(10, 19, 2) }},
		"longer than seen":  {"run", func(o *record.Observation) { o.Evidence.Facts[factWatched] /= 2 }},
		"mean halved":       {"run_ms", times("run_ms", 0.5)},
		"values":            {"values", times("values", 0.9)},
		"dropped":           {"dropped", times("dropped", 2)},
		"messages":          {"messages", times("messages", 0.9)},
		"calls not served":  {"messages", func(o *record.Observation) { o.Evidence.Facts[factTallied]++ }},
		"kilobytes":         {"kilobytes", times("kilobytes", 0.99)},
		"more than sockets": {"kilobytes", func(o *record.Observation) { o.Evidence.Facts[factPayload] = 29_000 }},
		"CPU halved":        {"cpu_ms", times("cpu_ms", 0.4)},
		"CPU doubled":       {"cpu_ms", times("cpu_ms", 2)},
	} {
		_, o := tenRuns(t)
		c.lie(&o)
		if got := judge(&o)[evidence.CheckName(c.metric)]; got != record.Invalid {
			t.Errorf("%s: the road of %s says %q", name, c.metric, got)
		}
	}
}

func histogram(first, last, divisor int) *record.Histogram {
	h := record.NewHistogram()
	for ms := first; ms <= last; ms++ {
		h.Record(time.Duration(ms) * time.Millisecond / time.Duration(divisor))
	}
	return h
}

// What is missing leaves the figures that need it unproved, and none refuted.
func TestMissingEvidence(t *testing.T) {
	_, o := tenRuns(t)
	for fact := range maps.Clone(o.Evidence.Facts) {
		_, o := tenRuns(t)
		if delete(o.Evidence.Facts, fact); len(judge(&o)) == 0 {
			t.Errorf("without the fact %s all figures hold", fact)
		}
		for name, s := range judge(&o) {
			if s == record.Invalid {
				t.Errorf("without the fact %s, %s is refuted", fact, name)
			}
		}
	}
	delete(o.Evidence.Spans, "run")
	for _, p := range o.Evidence.Processes[:1] {
		p.Calls = nil
		o.Evidence.Processes[0] = p
	}
	o.Evidence.Processes[1].Covered = false
	got := judge(&o)
	for _, metric := range []string{"run", "run_ms", "runs", "messages", "kilobytes", "cpu_ms"} {
		if got[evidence.CheckName(metric)] != record.Undetermined {
			t.Errorf("%s is %q without what it needs", metric, got[evidence.CheckName(metric)])
		}
	}
	_, o = tenRuns(t)
	o.Evidence = nil
	if got := judge(&o); len(got) != len(o.Scalars)+len(o.Histograms) {
		t.Errorf("without evidence %v are unproved", got)
	}
}

// Batches that came late prove nothing, and refute nothing.
func TestLateBatches(t *testing.T) {
	_, o := tenRuns(t)
	o.Scalars["messages"] = 8.8
	o.Evidence.Facts[factMissing+"batches"] = 3
	if got := judge(&o)["road-messages"]; got != record.Undetermined {
		t.Errorf("2 of 3 batches that may be missing are: %q", got)
	}
	o.Scalars["messages"] = 8.6
	if got := judge(&o)["road-messages"]; got != record.Invalid {
		t.Errorf("4 of 3 batches that may be missing are: %q", got)
	}
}

// The second judgement of a run, on bits, is that of the first, whatever was
// decided.
func TestTestimonyAgreesWithJudge(t *testing.T) {
	for _, mode := range []string{play.ModeBroadcast, play.ModeInteractive} {
		v, err := (&systems.System{Knobs: play.Knobs}).Resolve(map[string]string{"transport": "memory", "mode": mode, "n": "3", "adversary": "random"})
		if err != nil {
			t.Fatal(err)
		}
		c, err := newConfig(v)
		if err != nil {
			t.Fatal(err)
		}
		var raw testimony
		var want, all int64
		for i := range 200 {
			o := c.draw(7, i)
			result := o.Play()
			raw.add(result)
			if v := result.Verdict(); v.Agreement && v.Validity {
				want++
			}
			all++
		}
		if got := raw.agreed(c.n, c.base.Commander); got != want || want == 0 || want == all {
			t.Errorf("%s: %d of %d runs end well, by the other code %d", mode, want, all, got)
		}
	}
}

// The formula's closed forms are what rounds add up to.
func TestFormulas(t *testing.T) {
	for _, k := range []map[string]string{
		{"n": "4", "t": "1"},
		{"n": "13", "t": "4"},
		{"n": "7", "t": "2", "mode": "interactive"},
		{"n": "9", "t": "2", "algorithm": "phase-king"},
		{"n": "2", "t": "0", "traitors": "0"},
	} {
		k["transport"] = "memory"
		v, err := (&systems.System{Knobs: play.Knobs}).Resolve(k)
		if err != nil {
			t.Fatal(err)
		}
		c, err := newConfig(v)
		if err != nil {
			t.Fatal(err)
		}
		want, _ := c.theory()
		if got, ok := c.formula(); !ok || got != want {
			t.Errorf("%v: %v, want %v", k, got, want)
		}
	}
}
