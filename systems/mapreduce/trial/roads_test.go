package trial

import (
	"encoding/json"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"dyno/bench/evidence"
	"dyno/internal/record"
	mapreducev1 "dyno/proto/mapreduce/v1"
	"dyno/systems"
	"dyno/systems/mapreduce/config"
	"dyno/systems/mapreduce/core/plan"
	"dyno/systems/mapreduce/ledger"
	"dyno/systems/mapreduce/worker"
)

// The job of these tests: 2 map tasks, 2 reduce tasks, 2 workers, a second.
const (
	ms     = int64(time.Millisecond)
	origin = int64(1e18)
)

// line is a ledger's line so many milliseconds after the origin.
func line(at int64, event string, attempt uint64, phase plan.Phase, task int32, made *ledger.Made) string {
	text, err := json.Marshal(ledger.Line{At: origin + at*ms, Event: event, Attempt: attempt, Phase: phase, Task: task, Made: made})
	if err != nil {
		panic(err)
	}
	return string(text) + "\n"
}

// worked is an attempt from when it was given to when it was reported.
func worked(from, to int64, attempt uint64, phase plan.Phase, task int32, out *ledger.File) string {
	return line(from, ledger.EventGot, attempt, phase, task, nil) +
		line(to, ledger.EventMade, attempt, 0, 0, &ledger.Made{WallNs: (to - from) * ms, Output: out}) +
		line(to, ledger.EventTold, attempt, 0, 0, nil)
}

// jobSeen is that job as all sides saw it, with its files.
func jobSeen(t *testing.T, want *expectation, outputs []string) *outcome {
	t.Helper()
	dir := t.TempDir()
	input := filepath.Join(dir, "input")
	knobs, err := config.Knobs.Resolve(map[string]string{config.KnobReduces: "2"})
	if err != nil {
		t.Fatal(err)
	}
	r := &outcome{workers: 2, wall: 1200 * time.Millisecond, config: &config.Config{Knobs: knobs, Out: filepath.Join(dir, measured), Files: []string{input}}}
	write := func(name, content string) *ledger.File {
		if err := os.MkdirAll(filepath.Dir(name), 0o777); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(name, []byte(content), 0o666); err != nil {
			t.Fatal(err)
		}
		seen, err := ledger.ReadFile(name, func(string) {})
		if err != nil {
			t.Fatal(err)
		}
		return &seen
	}
	write(input, oracleText)
	for m := range 2 {
		for x := range 2 {
			write(config.RunPath(filepath.Join(r.config.Layout().Scratch(), "runs-1"), "0123abcd", m, x), strings.Repeat("r", 10+10*x)+"\n")
		}
	}
	write(config.RunPath(filepath.Join(r.config.Layout().Scratch(), "runs-1"), "0123abcd", 0, 0)+".tmp7", "left by one that died\n")
	one, two := write(r.config.Layout().Output(0), outputs[0]), write(r.config.Layout().Output(1), outputs[1])
	r.witness = &witness{
		began: origin - 100*ms, over: origin + 1010*ms, gone: origin + 1099*ms, published: origin + 995*ms, peak: 40e6,
		ledgers: [][]byte{
			[]byte(line(0, ledger.EventHello, 0, 0, 0, nil) + line(2, ledger.EventWelcome, 0, 0, 0, nil) + worked(3, 500, 1, plan.Map, 0, nil) +
				worked(610, 900, 3, plan.Reduce, 0, one) + line(1005, ledger.EventOver, 0, 0, 0, nil)),
			[]byte(line(1, ledger.EventHello, 0, 0, 0, nil) + line(3, ledger.EventWelcome, 0, 0, 0, nil) + worked(4, 600, 2, plan.Map, 1, nil) +
				worked(610, 990, 4, plan.Reduce, 1, two) + line(1006, ledger.EventOver, 0, 0, 0, nil)),
		},
	}
	r.summary = &mapreducev1.Summary{
		MapNs: 600 * ms, ReduceNs: 400 * ms, Maps: 2, BusyNs: (497 + 596 + 290 + 380) * ms, ReduceBytes: []int64{22, 42},
		Counters: &mapreducev1.Counters{InputBytes: int64(len(oracleText)), RunBytes: 64, Pairs: want.values, OutputLines: want.total},
		Events:   &mapreducev1.Events{Attempts: 4},
		Master:   &mapreducev1.Usage{CpuNs: 40 * ms, PeakRssBytes: 30e6},
		Workers: []*mapreducev1.WorkerUsage{
			{Name: "w1", MapsDone: 1, ReducesDone: 1, Usage: &mapreducev1.Usage{CpuNs: 500 * ms, PeakRssBytes: 40e6}},
			{Name: "w2", MapsDone: 1, ReducesDone: 1, Usage: &mapreducev1.Usage{CpuNs: 600 * ms, PeakRssBytes: 39e6}},
		},
	}
	return r
}

var rightOutputs = []string{"and 1\ndog 1\nthe 3\n", "cat 1\nend 1\né 1\n"}

// seenTrial is the observation of the job, beside one by one worker and one
// without a fault that took two seconds.
func seenTrial(t *testing.T) record.Observation {
	t.Helper()
	v, err := (&systems.System{Knobs: config.Knobs}).Resolve(nil)
	if err != nil {
		t.Fatal(err)
	}
	want := oracleExpectation(t)
	r := jobSeen(t, want, rightOutputs)
	o, err := r.observe(v, want, r.config.Out)
	if err != nil {
		t.Fatal(err)
	}
	other := jobSeen(t, want, rightOutputs)
	other.workers, other.witness.ledgers[1] = 1, nil
	other.summary.BusyNs = (497 + 290) * ms
	r.speedUp(&o, other)
	o.Set("added_s", r.seconds()-other.seconds())
	o.Set("added_share", r.seconds()/other.seconds()-1)
	other.times(o.Evidence.Facts, "clean_")
	other.times(o.Evidence.Facts, "alone_")
	other.busy(o.Evidence.Facts, "alone_")
	o.Evidence.Facts[factWholeS] = 1.201
	for name, cpu := range map[string]float64{"out-master": 0.045, "out-w1": 0.505, "out-w2": 0.606, "alone-w1": 9} {
		p := record.ProcessEvidence{Name: name, TotalCPU: cpu, LastCPU: cpu, Calls: &record.CallEvidence{SentB: 2000}}
		if !onlyMaster(name) {
			p.Role = worker.RoleName
		}
		o.Evidence.Processes = append(o.Evidence.Processes, p)
	}
	return o
}

// judge holds the figures on their roads and returns what is not valid.
func judge(o *record.Observation) map[string]record.Check {
	out := map[string]record.Check{}
	for _, c := range evidence.Judge(Metrics, o) {
		if c.Status != record.Valid {
			out[c.Name] = c
		}
	}
	return out
}

func TestHonestFiguresHold(t *testing.T) {
	o := seenTrial(t)
	for _, c := range judge(&o) {
		t.Errorf("%s is %s: %s", c.Name, c.Status, c.Detail)
	}
	for _, c := range o.Verdict.Checks {
		if c.Status != record.Valid {
			t.Errorf("%s is %s: %s", c.Name, c.Status, c.Detail)
		}
	}
	for _, m := range Metrics {
		if m.Road.Hold == nil {
			t.Errorf("%s has no second road", m.Name)
		}
	}
}

// Each lie about a figure is refuted by that figure's own road; one that is of
// a size that the bounds allow is not proved.
func TestLiesAreRefuted(t *testing.T) {
	for name, factor := range map[string]float64{
		"time_s": 0.75, "wall_s": 0.75, "map_s": 0.75, "reduce_s": 0.75, "idle_share": 0.5, "mb_per_s": 1.25, "cpu_s": 0.5,
		"master_cpu_s": 0.5, "cpu_ns_per_byte": 0.5, "peak_mb": 0.5, "shuffle_mb": 0.9, "skew": 1.1, "maps_run": 2,
		"attempts": 0.75, "added_share": 2, "speedup": 1.25, "serial_share": 0.5, "amdahl_speedup": 1.1,
	} {
		o := seenTrial(t)
		if name == "added_share" {
			o.Scalars[name] = 0.4
		}
		o.Scalars[name] *= factor
		if got := judge(&o)[evidence.CheckName(name)]; got.Status != record.Invalid {
			t.Errorf("%s times %v: %q %s", name, factor, got.Status, got.Detail)
		}
	}
	for name, lie := range map[string]func(o *record.Observation){
		"time_s":       func(o *record.Observation) { o.Scalars["time_s"] *= 1.05 },
		"attempts":     func(o *record.Observation) { o.Scalars["attempts"] += 3 },
		"backups":      func(o *record.Observation) { o.Scalars["backups"] = 3 },
		"reruns":       func(o *record.Observation) { o.Evidence.Facts[factExtra] = 1 },
		"backup_wins":  func(o *record.Observation) { o.Scalars["backup_wins"] = 1 },
		"spilled_runs": func(o *record.Observation) { o.Scalars["spilled_runs"] = 1 },
		"added_s":      func(o *record.Observation) { o.Scalars["added_s"] -= 0.3 },
		"reduce_mb":    func(o *record.Observation) { o.Vectors["reduce_mb"].Values[1] *= 0.9 },
		"shuffle_mb":   func(o *record.Observation) { o.Evidence.Facts[factFetchedB+least] = 1e6 },
		"worker_tasks": func(o *record.Observation) { o.Vectors["worker_tasks"].Values[0]++ },
		"cpu_s":        func(o *record.Observation) { o.Scalars["cpu_s"] *= 1.1 },
	} {
		o := seenTrial(t)
		lie(&o)
		if got := judge(&o)[evidence.CheckName(name)]; got.Status != record.Invalid {
			t.Errorf("%s: %q %s", name, got.Status, got.Detail)
		}
	}
	o := seenTrial(t)
	o.Scalars["reruns"] = 3 // tasks may be given up and done after all
	o.Scalars["cpu_s"] *= 0.85
	if got := judge(&o); got["road-reruns"].Status != record.Undetermined || got["road-cpu_s"].Status != record.Undetermined {
		t.Errorf("%v", got)
	}
}

// What is missing leaves the figures that need it unproved, and none refuted.
func TestMissingEvidence(t *testing.T) {
	whole := seenTrial(t)
	for fact := range whole.Evidence.Facts {
		o := whole
		e := *whole.Evidence
		e.Facts = maps.Clone(e.Facts)
		o.Evidence = &e
		delete(e.Facts, fact)
		got := judge(&o)
		if len(got) == 0 {
			t.Errorf("without the fact %s all figures hold", fact)
		}
		for name, c := range got {
			if c.Status == record.Invalid && !strings.HasPrefix(fact, factReduceMB) {
				t.Errorf("without the fact %s, %s is refuted: %s", fact, name, c.Detail)
			}
		}
	}
	o := seenTrial(t)
	for i := range o.Evidence.Processes { // one was killed, and its master not seen
		o.Evidence.Processes[i].Calls = nil
		o.Evidence.Processes[i].TotalCPU = 0
	}
	if got := judge(&o); got["road-cpu_s"].Status != record.Undetermined || len(got) != 2 {
		t.Errorf("of processes that told nothing: %v", got)
	}
	o.Evidence = nil
	if got := judge(&o); len(got) != len(o.Scalars)+len(o.Vectors) {
		t.Errorf("without evidence %d figures are unproved", len(got))
	}
}

// The bounds of time are too far apart to prove anything when the news came
// late: a quarter less would not show.
func TestLateNews(t *testing.T) {
	o := seenTrial(t)
	o.Evidence.Facts[factTime+most] = 1.5
	if got := judge(&o)["road-time_s"]; got.Status != record.Undetermined {
		t.Errorf("%q %s", got.Status, got.Detail)
	}
}

// What was compared must be what was published, by identity and content.
func TestAnotherFileIsRead(t *testing.T) {
	want := oracleExpectation(t)
	for name, c := range map[string]struct {
		read func(t *testing.T, r *outcome) string
		want record.Status
	}{
		"its own": {func(_ *testing.T, r *outcome) string { return r.config.Out }, record.Valid},
		"another with the same bytes": {func(t *testing.T, _ *outcome) string {
			return jobSeen(t, want, rightOutputs).config.Out
		}, record.Invalid},
		"replaced since": {func(t *testing.T, r *outcome) string {
			name := r.config.Layout().Output(1)
			if err := os.WriteFile(name, []byte("cat 2\nend 1\né 1\n"), 0o666); err != nil {
				t.Fatal(err)
			}
			return r.config.Out
		}, record.Invalid},
		"one too many": {func(t *testing.T, r *outcome) string {
			if err := os.WriteFile(r.config.Layout().Output(2), nil, 0o666); err != nil {
				t.Fatal(err)
			}
			return r.config.Out
		}, record.Invalid},
		"nobody wrote it": {func(_ *testing.T, r *outcome) string {
			r.witness.ledgers[1] = nil
			return r.config.Out
		}, record.Undetermined},
	} {
		r := jobSeen(t, want, rightOutputs)
		out := c.read(t, r)
		_, read, err := want.check("wordcount", out, 2)
		if err != nil {
			t.Fatal(err)
		}
		if got := r.isPublished(read); got.Status != c.want {
			t.Errorf("%s: %s %s, want %s", name, got.Status, got.Detail, c.want)
		}
	}
}

// Ledgers of workers that were killed, came back, or were first with a backup.
func TestTally(t *testing.T) {
	killed := line(0, ledger.EventHello, 0, 0, 0, nil) + line(5, ledger.EventWelcome, 0, 0, 0, nil) + worked(6, 50, 1, plan.Map, 0, nil) +
		line(51, ledger.EventGot, 3, plan.Map, 1, nil) + `{"at":12,"eve`
	second := line(2, ledger.EventHello, 0, 0, 0, nil) + line(4, ledger.EventWelcome, 0, 0, 0, nil) + line(5, ledger.EventGot, 2, plan.Map, 2, nil) +
		line(5, ledger.EventGot, 2, plan.Map, 2, nil) + line(40, ledger.EventFailed, 2, 0, 0, nil) + line(41, ledger.EventHello, 0, 0, 0, nil) +
		worked(60, 90, 4, plan.Map, 1, nil) + worked(95, 120, 5, plan.Map, 2, nil) + worked(125, 140, 6, plan.Reduce, 0, nil)
	got := tallied([][]byte{[]byte(killed), []byte(second)})
	if fmt.Sprint(got.done) != "map[w1:1 w2:0 w2.2:3]" || len(got.tries) != 6 || got.failed != 1 || finished(got.maps) != 3 || got.wins() != 2 {
		t.Errorf("%+v, %d finished, %d wins", got, finished(got.maps), got.wins())
	}
	if got.hello != origin || got.welcome != origin+4*ms {
		t.Errorf("the first worker joined between %d and %d", got.hello-origin, got.welcome-origin)
	}
	least, most, undone := got.mapsOver(origin + 200*ms)
	if least != origin+120*ms || most != origin+125*ms || undone {
		t.Errorf("maps were over between %d and %d", least-origin, most-origin)
	}
	again := tallied([][]byte{[]byte(killed + "\n" + worked(126, 130, 7, plan.Map, 2, nil)), []byte(second)})
	if _, most, undone := again.mapsOver(origin + 200*ms); most != origin+200*ms || !undone {
		t.Errorf("a map task was done twice, and maps were over by %d", most-origin)
	}
	low, high := again.bounds(func(m *ledger.Made) int64 { return m.WallNs / ms })
	if low != 44+30+4+15 || high != 44+30+25+15 {
		t.Errorf("busy from %d to %d", low, high)
	}
	lying := tallied([][]byte{[]byte(line(1, ledger.EventGot, 1, plan.Map, 0, nil) + line(5, ledger.EventMade, 1, 0, 0, &ledger.Made{WallNs: 5 * ms}))})
	if lying.impossible() == "" || got.impossible() != "" {
		t.Errorf("5 ms of work in 4: %q; honest: %q", lying.impossible(), got.impossible())
	}
}
