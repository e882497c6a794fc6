package experiments

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"dyno/internal/record"
	"dyno/systems"
)

// What a trial that is not valid leaves behind holds its folders and its
// history, and is judged again by its system.
func TestBundleIsJudgedAgain(t *testing.T) {
	out := t.TempDir()
	p := toyPlan(t, func(_ context.Context, b systems.Bench, _ systems.Values) (record.Observation, error) {
		state, err := b.Dir("state")
		if err == nil {
			err = os.WriteFile(filepath.Join(state, "log"), []byte("one"), 0o600)
		}
		o := observed()
		o.Verdict = record.Judge(record.Fail("sum", 3, "2 is missing"))
		return o, errors.Join(err, systems.KeepHistory(b, []int{1, 3}))
	})
	check := func(bundle string) (record.Verdict, error) {
		var numbers []int
		err := systems.ReadHistory(bundle, &numbers)
		return record.Judge(record.Fail("sum", int64(len(numbers)), "%v", numbers)), err
	}
	if _, err := (&Runner{Out: out}).Run(t.Context(), p); err != nil {
		t.Fatal(err)
	}
	bundle := filepath.Join(out, "results", "raw", p.Trials[0].ID)
	if text, err := os.ReadFile(filepath.Join(bundle, "state", "log")); err != nil || string(text) != "one" {
		t.Errorf("the trial's folder is gone: %q, %v", text, err)
	}
	c := catalog()
	if _, _, err := c.Check(bundle); !systems.IsUsage(err) || !strings.Contains(err.Error(), "toy cannot judge a trial again; dyno replay "+p.Trials[0].ID) {
		t.Errorf("a system without a judge: %v", err)
	}
	c.Systems[0].Judge = check
	was, now, err := c.Check(bundle)
	if err != nil || was.ID != p.Trials[0].ID || was.Status() != record.Invalid || len(now.Checks) != 1 || now.Checks[0].Detail != "[1 3]" {
		t.Errorf("judged again: %+v was %+v, %v", now, was, err)
	}
	if err := os.WriteFile(filepath.Join(bundle, "history", "history.json"), []byte("[1,"), 0o600); err != nil {
		t.Fatal(err)
	}
	if _, _, err := c.Check(bundle); err == nil || systems.IsUsage(err) || !strings.Contains(err.Error(), "it may have been cut") {
		t.Errorf("a history that was cut: %v", err)
	}
	if err := os.RemoveAll(filepath.Join(bundle, "history")); err != nil {
		t.Fatal(err)
	}
	if _, _, err := c.Check(bundle); err == nil || !strings.Contains(err.Error(), "left no history") {
		t.Errorf("no history: %v", err)
	}
	for text, says := range map[string]string{"": "holds no trial.json", "{": "is no trial", "{}": "is no trial: it has no id", `{"system": "tyo", "id": "x"}`: `"tyo" is not one of`} {
		dir := t.TempDir()
		if text != "" {
			if err := os.WriteFile(filepath.Join(dir, "trial.json"), []byte(text), 0o600); err != nil {
				t.Fatal(err)
			}
		}
		if _, _, err := c.Check(dir); !systems.IsUsage(err) || !strings.Contains(err.Error(), says) {
			t.Errorf("%q: %v, want a usage error with %q", text, err, says)
		}
	}
}
