package experiments

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"testing"

	"dyno/internal/record"
	"dyno/systems"
)

func fine(context.Context, systems.Bench, systems.Values) (record.Observation, error) {
	return observed(), nil
}

// Neither a selection nor a scale throws away what is stored, nor hides it from
// a report when it is of the same cells.
func TestSelectionKeepsTrials(t *testing.T) {
	out := t.TempDir()
	if _, err := (&Runner{Out: out}).Run(t.Context(), toyPlan(t, fine)); err != nil {
		t.Fatal(err)
	}
	p := plan(t, Selection{Scale: "quick", Seed: 1, Blocks: 1, Only: record.Where{"clients": {"1"}, "policy": {"a"}}})
	p.System.Trial = fine
	tally, err := (&Runner{Out: out}).Run(t.Context(), p)
	if err != nil || tally != (Tally{Valid: 1, Reused: 1}) {
		t.Errorf("%+v, %v", tally, err)
	}
	run, trials := stored(t, out)
	if len(trials) != 8 || run.Planned != 8 || run.Finished == nil {
		t.Errorf("%d trials, %d planned, finished %v", len(trials), run.Planned, run.Finished)
	}
	if len(run.Cells) != 5 || run.Cells[4].Blocks != 0 || run.Cells[3].Blocks != 2 {
		t.Errorf("%d trials, run %+v", len(trials), run.Cells)
	}
	p = plan(t, Selection{Scale: "full", Seed: 1, Blocks: 1})
	p.System.Trial = fine
	if _, err := (&Runner{Out: out}).Run(t.Context(), p); err != nil {
		t.Fatal(err)
	}
	if run, trials = stored(t, out); len(trials) != 13 || run.Planned != 5 {
		t.Errorf("scale full: %d trials, %d planned; want those of quick beside them", len(trials), run.Planned)
	}
	if again, err := (&Runner{Out: out}).Run(t.Context(), toyPlan(t, fine)); err != nil || again.Reused != 8 {
		t.Errorf("back at scale quick: %+v, %v; want 8 reused", again, err)
	}
}

// A trial that came to no observation, or whose verdict is unknown, is measured
// again by the next run, under a name of its own, and says why; the others are
// not.
func TestFailedTrialsAreMeasuredAgain(t *testing.T) {
	out := t.TempDir()
	calls := 0
	away := func(context.Context, systems.Bench, systems.Values) (record.Observation, error) {
		o := observed()
		switch calls++; {
		case calls == 5:
			o.Verdict = record.Judge(record.Fail("answers", 1, "wrong"))
		case calls > 6:
			o.Verdict = record.Judge(record.Doubt("answers", 1, "the service is away"))
		case calls > 5:
			return o, errors.New("the service is away")
		}
		return o, nil
	}
	tally, err := (&Runner{Out: out}).Run(t.Context(), toyPlan(t, away))
	if err != nil || tally != (Tally{Valid: 4, Invalid: 1, Errors: 1, Unknown: 2}) {
		t.Fatalf("%+v, %v", tally, err)
	}
	p := toyPlan(t, fine)
	tally, err = (&Runner{Out: out}).Run(t.Context(), p)
	if err != nil || tally != (Tally{Valid: 7, Invalid: 1, Reused: 5}) {
		t.Errorf("%+v, %v; want 3 measured again", tally, err)
	}
	run, trials := stored(t, out)
	if len(trials) != 11 || len(run.Blocks) != 3 {
		t.Fatalf("%d trials in %d blocks; want 11, and block 2 twice", len(trials), len(run.Blocks))
	}
	for i, tr := range trials[8:] {
		old := trials[5+i]
		why := strings.Join(tr.Rejected, "; ")
		if tr.ID != old.ID+".2" || tr.Cell != old.Cell || len(tr.Rejected) != 1+len(old.Rejected) || !strings.Contains(why, "is away") {
			t.Errorf("measured again: %s, rejected %q", tr.ID, tr.Rejected)
		}
		if _, found, err := Find(out, tr.ID); err != nil || found.Error != "" {
			t.Errorf("%s: %v", tr.ID, err)
		}
	}
}

// What replaces is --fresh, and nothing else; a run does not write behind a
// broken seal, nor over results that it cannot read.
func TestRunRefuses(t *testing.T) {
	trials, run := filepath.Join("results", "toy-rates", "trials.jsonl"), filepath.Join("results", "toy-rates", "run.json")
	for want, c := range map[string]struct {
		path   string
		change func(string) string
	}{
		"trials.jsonl:1: the content":               {trials, func(s string) string { return strings.Replace(s, `"rate_rps":1`, `"rate_rps":2`, 1) }},
		"trials.jsonl:8: run.json counts 8":         {trials, func(s string) string { return s[:strings.LastIndex(s[:len(s)-1], "\n")+1] }},
		"run.json: invalid character":               {run, func(s string) string { return "#" + s }},
		"trials.jsonl: not sealed: stored by a ver": {run, func(string) string { return `{"experiment": {"name": "toy-rates"}}` }},
	} {
		out := t.TempDir()
		if _, err := (&Runner{Out: out}).Run(t.Context(), toyPlan(t, fine)); err != nil {
			t.Fatal(err)
		}
		edit(t, filepath.Join(out, c.path), c.change)
		before, err := os.ReadFile(filepath.Join(out, trials))
		if err != nil {
			t.Fatal(err)
		}
		_, err = (&Runner{Out: out}).Run(t.Context(), toyPlan(t, fine))
		if err == nil || !strings.Contains(err.Error(), want) || !strings.Contains(err.Error(), "--fresh") {
			t.Errorf("%v; want %q, and what to do", err, want)
		}
		if after, err := os.ReadFile(filepath.Join(out, trials)); err != nil || string(after) != string(before) {
			t.Errorf("%s: the file was changed", want)
		}
		tally, err := (&Runner{Out: out, Fresh: true}).Run(t.Context(), toyPlan(t, fine))
		if err != nil || tally != (Tally{Valid: 8}) {
			t.Errorf("%s: fresh: %+v, %v", want, tally, err)
		}
		if _, got := stored(t, out); len(got) != 8 {
			t.Errorf("%s: fresh: %d trials", want, len(got))
		}
	}
}

// full is a file on a disk that fills up in the midst of a line.
type full struct {
	trialsFile
	room int // bytes
	dies bool
}

func (f *full) WriteAt(p []byte, at int64) (int, error) {
	n, err := f.trialsFile.WriteAt(p[:min(f.room, len(p))], at)
	if f.room -= n; n < len(p) && err == nil {
		err = syscall.ENOSPC
	}
	return n, err
}

// Truncate fails as well when the process dies at once.
func (f *full) Truncate(size int64) error {
	if f.dies {
		return syscall.EIO
	}
	return f.trialsFile.Truncate(size)
}

// A disk that is full costs the trial at hand: the next run takes all others,
// and goes on behind them, whether or not what was half written could be taken
// back.
func TestFullDisk(t *testing.T) {
	for _, dies := range []bool{false, true} {
		out := t.TempDir()
		p := toyPlan(t, fine)
		r := &Runner{Out: out}
		run, err := r.describe(t.Context(), p)
		if err != nil {
			t.Fatal(err)
		}
		st, err := openStore(out, run, false, p.seed)
		if err != nil {
			t.Fatal(err)
		}
		st.trials = &full{st.trials, 1500, dies}
		c := &crew{crowd: new(sync.RWMutex), Runner: *r, sweep: newSweep(p, st)}
		finished := 0
		for i := range p.Trials {
			_, _, err := c.next(t.Context(), i)
			if err == nil {
				finished++
				continue
			}
			if !errors.Is(err, syscall.ENOSPC) {
				t.Fatal(err)
			}
			break
		}
		if err := st.close(); err != nil {
			t.Fatal(err)
		}
		if finished == 0 || finished == 8 {
			t.Fatalf("%d trials fit", finished)
		}
		got, err := r.Run(t.Context(), toyPlan(t, fine))
		if err != nil || got != (Tally{Valid: 8, Reused: finished}) {
			t.Errorf("after a full disk: %+v, %v; want %d reused", got, err, finished)
		}
		if _, trials := stored(t, out); len(trials) != 8 {
			t.Errorf("%d trials", len(trials))
		}
	}
}

func TestLock(t *testing.T) {
	out := t.TempDir()
	lock, err := Lock(out)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := Lock(out); err == nil || !strings.Contains(err.Error(), "another run writes here (pid ") {
		t.Errorf("two locks: %v", err)
	}
	if err := lock.Close(); err != nil {
		t.Fatal(err)
	}
	if lock, err = Lock(out); err != nil {
		t.Fatal(err)
	}
	if err := lock.Close(); err != nil {
		t.Fatal(err)
	}
}
