package experiments

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"math"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"testing"
	"time"

	"dyno/internal/record"
	"dyno/systems"
)

// observed is a trial of the toy system that ends well.
func observed() record.Observation {
	o := record.Observation{Counts: record.Counts{Offered: 1, Sent: 1, OK: 1}, Verdict: record.Judge(record.Pass("answers", 1))}
	o.Set("rate_rps", 1)
	return o
}

type trialFunc = func(context.Context, systems.Bench, systems.Values) (record.Observation, error)

// toyPlan is the quick plan over a toy system with the given trial: 8 trials.
func toyPlan(t *testing.T, trial trialFunc) *Plan {
	t.Helper()
	p := plan(t, Selection{Scale: "quick", Seed: 1})
	p.System.Trial = trial
	if len(p.Trials) != 8 {
		t.Fatalf("%d trials", len(p.Trials))
	}
	return p
}

func stored(t *testing.T, out string) (run record.Run, trials []record.Trial) {
	t.Helper()
	dir := filepath.Join(out, "results", "toy-rates")
	text, err := os.ReadFile(filepath.Join(dir, "run.json"))
	if err != nil {
		t.Fatal(err)
	}
	if err := json.Unmarshal(text, &run); err != nil {
		t.Fatal(err)
	}
	if text, err = os.ReadFile(filepath.Join(dir, "trials.jsonl")); err != nil {
		t.Fatal(err)
	}
	chain, err := record.ReadChain("toy-rates", run.Sealed, bytes.NewReader(text))
	if err != nil {
		t.Fatal(err)
	}
	if len(chain.Broken) > 0 || chain.Torn > 0 || run.Sealed != chain.Head {
		t.Errorf("broken %q, torn %d, head %+v and %+v", chain.Broken, chain.Torn, run.Sealed, chain.Head)
	}
	for _, tr := range chain.Trials {
		trials = append(trials, *tr)
	}
	return run, trials
}

func TestRunStores(t *testing.T) {
	out := t.TempDir()
	var seeds []uint64
	p := toyPlan(t, func(_ context.Context, b systems.Bench, v systems.Values) (record.Observation, error) {
		seeds = append(seeds, b.Setting().Seed)
		o := observed()
		if v.Text("policy") == "b" && v.Int("clients") == 10 {
			o.Verdict = record.Judge(record.Fail("answers", 3, "one was wrong"))
		}
		if v.Text("policy") == "a" && v.Int("clients") == 10 {
			return o, errors.New("a role did not start")
		}
		return o, nil
	})
	var progress []Progress
	r := &Runner{Out: out, Command: []string{"dyno", "run"}, Report: func(p Progress) { progress = append(progress, p) }}
	tally, err := r.Run(t.Context(), p)
	if err != nil {
		t.Fatal(err)
	}
	if want := (Tally{Valid: 4, Invalid: 2, Errors: 2}); tally != want || !tally.Failed() {
		t.Errorf("tally %+v, want %+v", tally, want)
	}
	run, trials := stored(t, out)
	if len(trials) != 8 || run.Finished == nil || len(run.Blocks) != 2 || run.Planned != 8 || len(run.Binary) != 64 {
		t.Errorf("%d trials stored, run %+v", len(trials), run)
	}
	for i, tr := range trials {
		if tr.ID != p.Trials[i].ID || tr.Seed != seeds[i] || (tr.Observation == nil) == (tr.Error == "") {
			t.Errorf("trial %d is stored as %+v", i, tr)
		}
		_, err := os.Stat(filepath.Join(out, "results", "raw", tr.ID))
		if kept := err == nil; kept != (tr.Status() != record.Valid) {
			t.Errorf("trial %s is %s; bundle kept: %v", tr.ID, tr.Status(), kept)
		}
	}
	if n := len(progress); n != 9 || progress[8].Done != 8 || progress[8].Next != nil || progress[0].Left <= progress[7].Left {
		t.Errorf("%d progress calls", n)
	}
}

// The yardsticks are measured once per block, right before its first trial, and
// stored with it; the logs of a good measurement do not stay.
func TestRunMeasuresYardsticks(t *testing.T) {
	out := t.TempDir()
	var order []string
	p := toyPlan(t, func(context.Context, systems.Bench, systems.Values) (record.Observation, error) {
		order = append(order, "trial")
		return observed(), nil
	})
	r := &Runner{Out: out, Yardsticks: func(_ context.Context, dir string, length time.Duration) (*record.Yardsticks, error) {
		order = append(order, "yardsticks")
		if length != yardstickLength {
			t.Errorf("measured for %v at scale quick", length)
		}
		return &record.Yardsticks{Values: map[string]float64{"tcp_rps": float64(len(order))}, Checked: 1}, os.MkdirAll(dir, 0o755)
	}}
	if _, err := r.Run(t.Context(), p); err != nil {
		t.Fatal(err)
	}
	if got := strings.Join(order, " "); got != "yardsticks trial trial trial trial yardsticks trial trial trial trial" {
		t.Errorf("order: %s", got)
	}
	run, _ := stored(t, out)
	for i, b := range run.Blocks {
		if b.Yardsticks == nil || b.Yardsticks.Values["tcp_rps"] != float64(1+5*i) {
			t.Errorf("block %d has the yardsticks %+v", b.Block, b.Yardsticks)
		}
	}
	if left, err := filepath.Glob(filepath.Join(out, "results", "raw", "*")); err != nil || len(left) > 0 {
		t.Errorf("logs were left: %v %v", left, err)
	}
}

// A yardstick that is wrong, or cannot be measured, ends the run before a trial
// is measured against nothing.
func TestRunEndsWithoutYardsticks(t *testing.T) {
	wrong := errors.New("an answer differs from its request")
	p := toyPlan(t, func(context.Context, systems.Bench, systems.Values) (record.Observation, error) {
		t.Error("a trial was measured")
		return observed(), nil
	})
	r := &Runner{Out: t.TempDir(), Yardsticks: func(context.Context, string, time.Duration) (*record.Yardsticks, error) { return nil, wrong }}
	if _, err := r.Run(t.Context(), p); !errors.Is(err, wrong) {
		t.Errorf("%v", err)
	}
}

// An observation that does not conform never reaches the results as one.
func TestRunRefusesNonsense(t *testing.T) {
	for name, spoil := range map[string]func(*record.Observation){
		"undeclared":    func(o *record.Observation) { o.Set("rate", 1) },
		"not a number":  func(o *record.Observation) { o.Set("rate_rps", math.NaN()) },
		"lost requests": func(o *record.Observation) { o.Counts.Sent++ },
		"no verdict":    func(o *record.Observation) { o.Verdict = record.Verdict{} },
	} {
		p := toyPlan(t, func(context.Context, systems.Bench, systems.Values) (record.Observation, error) {
			o := observed()
			spoil(&o)
			return o, nil
		})
		tally, err := (&Runner{Out: t.TempDir()}).Run(t.Context(), p)
		if err != nil || tally.Errors != 8 {
			t.Errorf("%s: tally %+v, %v", name, tally, err)
		}
	}
}

// cutAfter runs until n trials were stored, then interrupts the next one.
func cutAfter(t *testing.T, out string, n int) {
	t.Helper()
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	began := 0
	p := toyPlan(t, func(ctx context.Context, _ systems.Bench, _ systems.Values) (record.Observation, error) {
		if began++; began > n {
			cancel()
			return record.Observation{}, ctx.Err()
		}
		return observed(), nil
	})
	if _, err := (&Runner{Out: out}).Run(ctx, p); !errors.Is(err, context.Canceled) {
		t.Fatalf("interrupted run: %v", err)
	}
}

func TestRunContinues(t *testing.T) {
	trials := filepath.Join("results", "toy-rates", "trials.jsonl")
	for name, c := range map[string]struct {
		fresh  bool
		spoil  func(out string)
		reused int
		aside  int // stored, but not for this plan
	}{
		"as it was":      {reused: 3},
		"fresh":          {fresh: true},
		"torn last line": {spoil: func(out string) { edit(t, filepath.Join(out, trials), func(s string) string { return s[:len(s)-5] }) }, reused: 2},
		"other binary":   {spoil: func(out string) { reseal(t, out, func(tr *record.Trial) { tr.Binary = "older" }) }, aside: 3},
		"other times":    {spoil: func(out string) { reseal(t, out, func(tr *record.Trial) { tr.Length *= 2 }) }, aside: 3},
		"other load":     {spoil: func(out string) { reseal(t, out, func(tr *record.Trial) { tr.Load.Loop = "open" }) }, aside: 3},
		"other seed":     {spoil: func(out string) { reseal(t, out, func(tr *record.Trial) { tr.Seed++ }) }, aside: 3},
		"other knob":     {spoil: func(out string) { reseal(t, out, func(tr *record.Trial) { tr.Values["pause"] = "1s" }) }, aside: 3},
		"a control":      {spoil: func(out string) { reseal(t, out, func(tr *record.Trial) { tr.Control = "broken" }) }, aside: 3},
		"other cells":    {spoil: func(out string) { reseal(t, out, func(tr *record.Trial) { tr.Cell += 7 }) }, reused: 3},
		"other words": {spoil: func(out string) {
			edit(t, filepath.Join(out, "results", "toy-rates", "run.json"), func(s string) string { return strings.Replace(s, "Which is fastest?", "Which is slowest?", 1) })
		}, reused: 3},
		"errors": {spoil: func(out string) {
			reseal(t, out, func(tr *record.Trial) { tr.Observation, tr.Error = nil, "a role did not start" })
		}, aside: 3},
		"garbage": {spoil: func(out string) {
			edit(t, filepath.Join(out, trials), func(s string) string { return "garbage\n" + s })
		}, reused: 3},
		"no run.json": {spoil: func(out string) {
			if err := os.Remove(filepath.Join(out, "results", "toy-rates", "run.json")); err != nil {
				t.Fatal(err)
			}
		}, reused: 3},
		"no newline": {spoil: func(out string) { edit(t, filepath.Join(out, trials), func(s string) string { return s[:len(s)-1] }) }, reused: 3},
	} {
		t.Run(name, func(t *testing.T) {
			out := t.TempDir()
			cutAfter(t, out, 3)
			if c.spoil != nil {
				c.spoil(out)
			}
			measured := 0
			p := toyPlan(t, func(context.Context, systems.Bench, systems.Values) (record.Observation, error) {
				measured++
				return observed(), nil
			})
			tally, err := (&Runner{Out: out, Fresh: c.fresh}).Run(t.Context(), p)
			if err != nil || tally.Reused != c.reused || tally.Valid != 8 || measured != 8-c.reused {
				t.Errorf("tally %+v, measured %d, %v; want %d reused", tally, measured, err, c.reused)
			}
			run, got := stored(t, out)
			if len(got) != 8+c.aside || run.Finished == nil || run.Planned != 8 {
				t.Errorf("%d trials stored, finished %v", len(got), run.Finished)
			}
			if again, err := (&Runner{Out: out}).Run(t.Context(), toyPlan(t, p.System.Trial)); err != nil || again.Reused != 8 {
				t.Errorf("the next run: %+v, %v; want 8 reused", again, err)
			}
		})
	}
}

// reseal changes all stored trials, as an honest run that measured that would
// have stored them.
func reseal(t *testing.T, out string, change func(*record.Trial)) {
	t.Helper()
	run, trials := stored(t, out)
	run.Sealed = record.NewHead("toy-rates")
	var text []byte
	for i := range trials {
		change(&trials[i])
		line, head, err := run.Sealed.Add(&trials[i])
		if err != nil {
			t.Fatal(err)
		}
		text, run.Sealed = append(text, line...), head
	}
	dir := filepath.Join(out, "results", "toy-rates")
	if err := errors.Join(os.WriteFile(filepath.Join(dir, "trials.jsonl"), text, 0o600), writeJSON(filepath.Join(dir, "run.json"), &run)); err != nil {
		t.Fatal(err)
	}
}

func edit(t *testing.T, path string, change func(string) string) {
	t.Helper()
	text, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(path, []byte(change(string(text))), 0o600); err != nil {
		t.Fatal(err)
	}
}

// A replay uses the stored knobs, seed and times, keeps its logs, and leaves
// the results alone.
func TestReplay(t *testing.T) {
	out := t.TempDir()
	var last systems.Setting
	p := toyPlan(t, func(_ context.Context, b systems.Bench, _ systems.Values) (record.Observation, error) {
		last = b.Setting()
		return observed(), nil
	})
	r := &Runner{Out: out}
	if _, err := r.Run(t.Context(), p); err != nil {
		t.Fatal(err)
	}
	id := p.Trials[3].ID
	run, old, err := Find(out, id)
	if err != nil || old.ID != id {
		t.Fatalf("found %+v, %v", old, err)
	}
	before, _ := stored(t, out)
	c := catalog()
	c.Systems[0].Trial = p.System.Trial
	now, bundle, err := r.Replay(t.Context(), c, run, old)
	if err != nil || now.Status() != record.Valid {
		t.Fatalf("%+v, %v", now, err)
	}
	if last.Seed != old.Seed || last.Length != old.Length.Duration() || last.Warmup != old.Warmup.Duration() {
		t.Errorf("replayed with %+v, stored %+v", last, old)
	}
	if _, err := os.Stat(filepath.Join(bundle, "trial.json")); err != nil {
		t.Error(err)
	}
	after, trials := stored(t, out)
	if !sameJSON(before, after) || len(trials) != 8 {
		t.Error("the replay changed the results")
	}
	for _, dir := range []string{out, t.TempDir()} {
		if _, _, err := Find(dir, "toy-rates-b09-c001"); !systems.IsUsage(err) {
			t.Errorf("Find in %s: %v, want a usage error", dir, err)
		}
	}
}

// A trial that proved nothing is measured again, at most twice, and says so;
// one that failed its check is not.
func TestRunMeasuresAgain(t *testing.T) {
	doubt := record.Judge(record.Doubt("conditions", 1, "the machine was busy"))
	calls := make(map[string]int)
	p := toyPlan(t, func(_ context.Context, _ systems.Bench, v systems.Values) (record.Observation, error) {
		o, key := observed(), v.Text("policy")+v.Text("clients")
		calls[key]++
		switch {
		case key == "a1", key == "a10" && calls[key]%2 == 1:
			o.Verdict = doubt
		case key == "b1":
			o.Verdict = record.Judge(record.Fail("answers", 1, "wrong"))
		}
		return o, nil
	})
	out := t.TempDir()
	tally, err := (&Runner{Out: out}).Run(t.Context(), p)
	if err != nil {
		t.Fatal(err)
	}
	if want := (Tally{Valid: 4, Invalid: 2, Unknown: 2}); tally != want {
		t.Errorf("tally %+v, want %+v", tally, want)
	}
	if calls["a1"] != 6 || calls["a10"] != 4 || calls["b1"] != 2 || calls["b10"] != 2 {
		t.Errorf("measured %v", calls)
	}
	_, trials := stored(t, out)
	for _, tr := range trials {
		want := map[string]int{"a1": 2, "a10": 1}[tr.Values["policy"]+tr.Values["clients"]]
		if len(tr.Rejected) != want || (want > 0 && !strings.Contains(tr.Rejected[0], "the machine was busy")) {
			t.Errorf("%s: rejected %q, want %d", tr.ID, tr.Rejected, want)
		}
	}
}

// A trial that hangs is stopped, stored with the reason, and does not end the
// run; nor does one that does not heed its context, but what is measured beside it
// says so.
func TestRunStopsHungTrials(t *testing.T) {
	end, turn := make(chan struct{}), 0
	p := toyPlan(t, func(ctx context.Context, _ systems.Bench, _ systems.Values) (record.Observation, error) {
		if turn++; turn > 1 {
			<-end
		}
		<-ctx.Done()
		return record.Observation{}, ctx.Err()
	})
	p.Trials = p.Trials[:2]
	for i := range p.Trials {
		p.Trials[i].Cell.Warmup, p.Trials[i].Cell.Length = 0, 0
	}
	out := t.TempDir()
	r := &Runner{Out: out, patience: -trialOverhead + time.Millisecond}
	tally, err := r.Run(t.Context(), p)
	if err != nil || tally.Errors != 2 {
		t.Fatalf("tally %+v, %v", tally, err)
	}
	_, trials := stored(t, out)
	for _, tr := range trials {
		if !strings.Contains(tr.Error, "the trial hung") {
			t.Errorf("%s: %q", tr.ID, tr.Error)
		}
	}
	stacks, err := filepath.Glob(filepath.Join(out, "results", "raw", "*", "dyno.stacks"))
	if err != nil || len(stacks) != 1 {
		t.Fatalf("stacks at %q, %v", stacks, err)
	}
	if text, err := os.ReadFile(stacks[0]); err != nil || !strings.Contains(string(text), "TestRunStopsHungTrials") {
		t.Errorf("%s does not say who hangs: %v", stacks[0], err)
	}
	for _, left := range []int64{1, 0} {
		for stuck.Load() > left {
			runtime.Gosched()
		}
		p, out := toyPlan(t, fine), t.TempDir()
		p.Trials = p.Trials[:1]
		_, err := (&Runner{Out: out}).Run(t.Context(), p)
		_, trials := stored(t, out)
		if err != nil || len(trials) != 1 || int64(len(trials[0].Observation.Flags)) != left {
			t.Errorf("with %d hung: %v, %+v", left, err, trials)
		}
		if left > 0 {
			close(end)
		}
	}
}

// sameJSON compares by what is stored: an absent list and an empty one are
// the same there.
func sameJSON(a, b any) bool {
	x, errX := json.Marshal(a)
	y, errY := json.Marshal(b)
	return errX == nil && errY == nil && bytes.Equal(x, y)
}
