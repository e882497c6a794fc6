package experiments

import (
	"bytes"
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// unseal takes from stored results all that versions before seals did not store.
func unseal(t *testing.T, out string, p *Plan) (dir string) {
	t.Helper()
	dir = filepath.Join(out, "results", "toy-rates")
	described, trials := stored(t, out)
	var lines []byte
	for _, tr := range trials {
		tr.Prev, tr.Seal = "", ""
		text, err := json.Marshal(&tr)
		if err != nil {
			t.Fatal(err)
		}
		for _, key := range []string{`"system":"toy",`, `"binary":"` + tr.Binary + `",`, `"load":{"loop":"closed"},`} {
			if !bytes.Contains(text, []byte(key)) {
				t.Fatalf("no %s in %s", key, text)
			}
			text = bytes.Replace(text, []byte(key), nil, 1)
		}
		lines = append(append(lines, text...), '\n')
	}
	text, err := json.Marshal(described)
	if err != nil {
		t.Fatal(err)
	}
	var run map[string]any
	if err := json.Unmarshal(text, &run); err != nil {
		t.Fatal(err)
	}
	for _, key := range []string{"cells", "seeds", "sealed"} {
		delete(run, key)
	}
	for _, c := range run["experiment"].(map[string]any)["claims"].([]any) {
		delete(c.(map[string]any), "cell")
		delete(c.(map[string]any), "over_cell")
	}
	var ids []string
	for _, tr := range p.Trials {
		ids = append(ids, tr.ID)
	}
	run["trials"] = ids
	if text, err = json.Marshal(run); err != nil {
		t.Fatal(err)
	}
	for name, text := range map[string][]byte{"run.json": text, "trials.jsonl": lines} {
		if err := os.WriteFile(filepath.Join(dir, name), text, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	return dir
}

// What an older version stored is the same after the migration as if it had
// been stored by this one: the next run takes it. It can be cut short.
func TestMigrate(t *testing.T) {
	for name, spoil := range map[string]func(dir string, text []byte) []byte{
		"as it was":    func(_ string, text []byte) []byte { return text },
		"torn":         func(_ string, text []byte) []byte { return append(text, text[:40]...) },
		"garbage":      func(_ string, text []byte) []byte { return append([]byte("garbage\n"), text...) },
		"in two goes":  nil,
		"without line": func(_ string, text []byte) []byte { return bytes.TrimSuffix(text, []byte("\n")) },
	} {
		out := t.TempDir()
		p := controlPlan(t, Selection{Scale: "quick", Seed: 1})
		p.System.Trial = fine
		if _, err := (&Runner{Out: out}).Run(t.Context(), p); err != nil {
			t.Fatal(err)
		}
		want, trials := stored(t, out)
		dir := unseal(t, out, p)
		path := filepath.Join(dir, "trials.jsonl")
		text, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		if spoil == nil { // the sealed lines are there, run.json is not
			run, err := os.ReadFile(filepath.Join(dir, "run.json"))
			if err != nil {
				t.Fatal(err)
			}
			if _, err := Migrate(out); err != nil {
				t.Fatal(err)
			}
			if err := os.WriteFile(filepath.Join(dir, "run.json"), run, 0o600); err != nil {
				t.Fatal(err)
			}
		} else if err := os.WriteFile(path, spoil(dir, text), 0o600); err != nil {
			t.Fatal(err)
		}
		done, err := Migrate(out)
		said := strings.Join(done, "")
		if err != nil || len(done) != 1 || !strings.Contains(said, "12 trials sealed, 7 cells stored") {
			t.Errorf("%s: %q, %v", name, done, err)
		}
		if none := strings.Contains(said, "holds no trial"); none != (name == "torn" || name == "garbage") {
			t.Errorf("%s: %s", name, said)
		}
		got, again := stored(t, out)
		if len(again) != len(trials) || got.Planned != want.Planned || !sameJSON(got.Seeds, want.Seeds) ||
			!sameJSON(got.Experiment.Claims, want.Experiment.Claims) {
			t.Errorf("%s: %d trials, run %+v", name, len(again), got)
		}
		for i, c := range got.Cells {
			if w := want.Cells[i]; c.Blocks > 0 && !sameJSON(c, w) || c.Blocks != w.Blocks || !sameJSON(c.Values, w.Values) {
				t.Errorf("%s: cell %+v, want %+v", name, c, w)
			}
		}
		p = controlPlan(t, Selection{Scale: "quick", Seed: 1})
		p.System.Trial = fine
		if tally, err := (&Runner{Out: out}).Run(t.Context(), p); err != nil || tally.Reused != 12 {
			t.Errorf("%s: the next run: %+v, %v; want 12 reused", name, tally, err)
		}
		if done, err := Migrate(out); err != nil || !strings.HasSuffix(done[0], "sealed already") {
			t.Errorf("%s: again: %q, %v", name, done, err)
		}
	}
}

// Results that contradict themselves are not sealed.
func TestMigrateRefuses(t *testing.T) {
	for want, c := range map[string][2]string{
		"is not of cell 9, as it says":           {`"cell":4`, `"cell":9`},
		"is not of cell 1, as it says":           {`"cell":4`, `"cell":1`},
		"of one block, and have two seeds":       {`"seed":`, `"seed":7,"was":`},
		"trial toy-rates-b01-c001 is in an earl": {`"id":"toy-rates-b01-c004"`, `"id":"toy-rates-b01-c001"`},
	} {
		out := t.TempDir()
		p := toyPlan(t, fine)
		if _, err := (&Runner{Out: out}).Run(t.Context(), p); err != nil {
			t.Fatal(err)
		}
		path := filepath.Join(unseal(t, out, p), "trials.jsonl")
		edit(t, path, func(s string) string { return strings.Replace(s, c[0], c[1], 1) })
		before, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := Migrate(out); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%v; want %q", err, want)
		}
		if after, err := os.ReadFile(path); err != nil || !bytes.Equal(before, after) {
			t.Errorf("%s: the trials were changed", want)
		}
	}
}
