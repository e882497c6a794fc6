package byzantine_test

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"text/template"
	"time"

	"dyno/bench/evidence"
	"dyno/bench/process"
	"dyno/internal/cli"
	"dyno/internal/record"
	"dyno/systems"
	"dyno/systems/byzantine"
	"dyno/systems/systemtest"
)

func TestMain(m *testing.M) { systemtest.Main(m, cli.Main) }

// handKeys is what a general needs to be started alone.
func handKeys(t *testing.T) []string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "keys.json")
	key := strings.Repeat("A", 43) + "="
	text := fmt.Sprintf(`{"me":0,"runner":%[1]q,"peers":["",%[1]q],"private":%[1]q,"public":[%[1]q,%[1]q]}`, key)
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	return []string{"--keys", path}
}

func TestConforms(t *testing.T) {
	systemtest.Conform(t, byzantine.System, systemtest.Options{
		Funcs: template.FuncMap{"experiment": func(string) any { return nil }},
		RoleArgs: func(context.Context, string, systems.Bench) ([]string, error) {
			return handKeys(t), nil
		},
	})
}

// run types a command line.
func run(t *testing.T, args ...string) (code int, out, errOut string) {
	t.Helper()
	var o, e bytes.Buffer
	code = cli.Main(t.Context(), append([]string{"byzantine"}, args...), nil, &o, &e)
	return code, o.String(), e.String()
}

// The story of the issue's own command, to the letter but for the time.
func TestStory(t *testing.T) {
	code, out, errOut := run(t, "run", "--n", "7", "--t", "2", "--order", "attack", "--traitors", "5,6", "--adversary", "flip", "--round-timeout", "20s")
	if code != 0 || errOut != "" {
		t.Fatalf("exit %d, stderr %q", code, errOut)
	}
	for _, want := range []string{
		"General 0 is the commander",
		"traitors   5 6; each says the opposite of what it heard, to everybody",
		"consensus is guaranteed: om needs n > 3t, and here n = 7, t = 2",
		"Round 1: the commander gives his order (6 values)\n  0 → 1 2 3 4 5 6: attack\n",
		"Round 2: each lieutenant tells the others what the commander told him (30 values)",
		"  5 (traitor) → 1 2 3 4 6: 0 said retreat   a lie\n",
		"Round 3: each tells the others what it was told in round 2 (120 values)",
		"  6 (traitor) says 20 things, 20 of them lies\n",
		"  general 4   attack   told attack itself; believes that lieutenants were told attack: 1 2 3 4; retreat: 5 6\n",
		"\nAll 5 loyal generals decide to attack, as the loyal commander ordered.\n(156 values carried, in 66 messages",
	} {
		if !strings.Contains(out, want) {
			t.Errorf("the story does not say %q:\n%s", want, out)
		}
	}
}

// Stories in memory, in full.
func TestStories(t *testing.T) {
	for _, c := range []struct {
		args string
		code int
		want []string
	}{
		{"--n 3 --t 1 --traitors 2 --transport memory", 0, []string{"CONSENSUS IS NOT GUARANTEED", "No agreement: 0 attack, 1 retreat."}},
		{"--n 3 --t 1 --traitors 0 --adversary equivocate --algorithm sm --transport memory", 0, []string{"1 → 2: attack, signed by 0, 1", "who must be a traitor", "All 2 loyal generals decide to retreat"}},
		{"--n 4 --t 1 --traitors 3 --adversary silent --transport memory", 0, []string{"3 say nothing, which is taken for retreat"}},
		{"--n 4 --t 1 --traitors 3 --adversary forge --transport memory", 0, []string{"more dropped", "path that does not end in its sender: 2"}},
		{"--n 7 --t 2 --traitors 5,6 --transport memory -v", 0, []string{"6 (traitor) → 1 2 3 4: 5 said that 0 said attack   a lie", "1 → 2 3 4 5: 6 said that 0 said retreat"}},
		{"--n 7 --t 2 --traitors 5,6 --transport memory --resolver flat", 0, []string{"which is wrong", "No agreement: 0 attack, 1 2 3 4 retreat."}},
		{"--n 5 --t 1 --traitors 0 --algorithm phase-king --adversary equivocate --transport memory", 0, []string{"general 0 is king", "All 4 loyal generals decide"}},
		{"--n 4 --t 1 --mode interactive --initial a,r,r,a --traitors 0 --transport memory", 0, []string{"opinions   0: attack, 1: retreat", "hold the same list"}},
		{"--n 31 --t 10 --traitors 0,1,2 --adversary random", 0, []string{"the traitors' paths were followed", "All 28 loyal generals"}},
		{"--n 19 --t 5 --traitors 1,2 --resolver fast", 0, []string{"All 17 loyal generals", "values carried"}},
		{"--n 2 --t 0 --transport memory", 0, []string{"as it was ordered", "All 2 loyal generals decide to attack"}},
		{"--n 2 --t 1 --traitors 0 --transport memory", 0, []string{"The one loyal general decides"}},
	} {
		code, out, errOut := run(t, append([]string{"run"}, strings.Fields(c.args)...)...)
		if code != c.code {
			t.Errorf("%s: exit %d, stderr %s", c.args, code, errOut)
		}
		for _, want := range c.want {
			if !strings.Contains(strings.ToLower(out), strings.ToLower(want)) {
				t.Errorf("%s: the story does not say %q:\n%s", c.args, want, out)
			}
		}
		for line := range strings.Lines(out) {
			if strings.TrimRight(line, " \n") != strings.TrimSuffix(line, "\n") {
				t.Errorf("%s: blanks at the end of %q", c.args, line)
			}
		}
	}
}

// A wrong argument exits with 2 and says what is allowed.
func TestUsage(t *testing.T) {
	for args, want := range map[string]string{
		"run --n 1":                                "2 to 64",
		"run --n 65":                               "2 to 64",
		"run --t -1":                               "0 to 63",
		"run --t 4":                                "0 to 3",
		"run --traitors 4":                         "0 to 3",
		"run --traitors x":                         "0 to 3",
		"run --traitors 1,2":                       "at most 1",
		"run --traitors 1,1":                       "twice",
		"run --commander 4":                        "0 to 3",
		"run --adversary filp":                     "did you mean flip",
		"run --algorithm paxos":                    "om, sm, phase-king",
		"run --mode both":                          "broadcast, interactive",
		"run --order wait":                         "attack, retreat",
		"run --transport smoke":                    "process, memory",
		"run --initial a,a,a,a":                    "interactive",
		"run --mode interactive --initial a,r":     "each of the 4",
		"run --mode interactive --initial a,r,x,a": "neither attack (a) nor retreat (r)",
		"run --mode interactive --algorithm sm":    "--algorithm om",
		"run --round-timeout 0s":                   "1ms to 1m",
		"run --kill 1":                             "ID@ROUND",
		"run --kill 1@3":                           "1 to 2",
		"run --kill 1@1 --transport memory":        "process",
		"run --kill 1@1 --traitors 2":              "raise --t",
		"run --resolver fast":                      "--transport memory",
		"run --resolver fast --algorithm sm":       "--algorithm om",
		"run --n 31 --t 15":                        "smaller",
		"run --n 6 --t 2 --resolver pruned --transport memory":      "n > 3t",
		"run --n 40 --t 13 --traitors 0,1,2,3,4,5,6,7,8,9,10,11,12": "smaller t",
		"run --n 20 --t 6 --transport process":                      "--transport memory",
		"run extra":                                                 "extra",
		"search --adversary flip":                                   "random, exhaustive",
		"search --n 10 --t 3 --adversary exhaustive":                "--adversary random",
		"search --n 1":                                              "2 to 64",
		"search --n 31 --t 10":                                      "smaller",
		"search --limit 0":                                          "at least 1",
		"general":                                                   "--keys",
	} {
		code, out, errOut := run(t, strings.Fields(args)...)
		if code != 2 || out != "" || !strings.Contains(errOut, want) {
			t.Errorf("%s: exit %d, stdout %q, stderr %q; want 2 and %q", args, code, out, errOut, want)
		}
	}
}

func TestSearch(t *testing.T) {
	for args, want := range map[string]string{
		"--n 3 --t 1 --adversary exhaustive":                "No agreement: 0 attack, 2 retreat.",
		"--n 6 --t 2 --adversary random":                    "No agreement",
		"--n 4 --t 1 --adversary exhaustive":                "in 32 runs (exhaustive search, seed 1).\nThere can be none",
		"--n 3 --t 1 --adversary exhaustive --algorithm sm": "There can be none",
		"--n 4 --t 1 --limit 50":                            "in 50 runs (random search",
	} {
		if code, out, errOut := run(t, append([]string{"search"}, strings.Fields(args)...)...); code != 0 || !strings.Contains(out, want) {
			t.Errorf("%s: exit %d, stderr %q; want %q in\n%s", args, code, errOut, want, out)
		}
	}
}

var jsonKeys = []string{
	"adversary", "agreement", "algorithm", "commander", "decision", "decisions", "guaranteed", "messages_per_round",
	"n", "order", "physical_messages", "t", "traitors", "validity",
}

func TestJSON(t *testing.T) {
	code, out, errOut := run(t, "run", "--n", "4", "--t", "1", "--order", "attack", "--traitors", "2", "--json", "--round-timeout", "20s")
	var got map[string]any
	if err := json.Unmarshal([]byte(out), &got); code != 0 || err != nil {
		t.Fatalf("exit %d, stderr %q, %v", code, errOut, err)
	}
	if keys := slices.Sorted(maps.Keys(got)); !slices.Equal(keys, jsonKeys) {
		t.Errorf("keys %v, want %v", keys, jsonKeys)
	}
	want := map[string]any{"0": "attack", "1": "attack", "3": "attack"}
	if !maps.Equal(got["decisions"].(map[string]any), want) || got["decision"] != "attack" || got["guaranteed"] != true || got["physical_messages"] != 9.0 {
		t.Errorf("%v", got)
	}
	if fmt.Sprint(got["messages_per_round"]) != "[3 6]" || fmt.Sprint(got["traitors"]) != "[2]" {
		t.Errorf("%v", got)
	}
	_, out, _ = run(t, "run", "--n", "3", "--t", "1", "--traitors", "2", "--json", "--transport", "memory")
	if err := json.Unmarshal([]byte(out), &got); err != nil || got["decision"] != "none" || got["agreement"] != false || got["guaranteed"] != false {
		t.Errorf("%v, %v", got, err)
	}
}

// A general whose process is killed in the middle of its broadcast costs a
// deadline per round, is silent to the others, and leaves no error.
func TestKilledGeneral(t *testing.T) {
	begin := time.Now()
	code, out, errOut := run(t, "run", "--n", "4", "--t", "1", "--kill", "2@2", "--round-timeout", "1s")
	took := time.Since(begin)
	if code != 0 || errOut != "" {
		t.Errorf("exit %d, stderr %q", code, errOut)
	}
	for _, want := range []string{"general 2   was killed", "All 3 loyal generals decide to attack, as the loyal commander ordered."} {
		if !strings.Contains(out, want) {
			t.Errorf("the story does not say %q:\n%s", want, out)
		}
	}
	if took < 2*time.Second {
		t.Errorf("the run took %v, less than its two rounds of a second", took)
	}
}

// Every kind of trial, at the border of what is guaranteed and beyond it.
func TestTrials(t *testing.T) {
	memory := func(more ...string) map[string]string {
		v := map[string]string{"transport": "memory"}
		for i := 0; i < len(more); i += 2 {
			v[more[i]] = more[i+1]
		}
		return v
	}
	for name, c := range map[string]struct {
		values   map[string]string
		low, top float64 // of the share of agreement
	}{
		"om":              {memory("n", "7", "t", "2", "traitors", "2", "adversary", "random"), 1, 1},
		"om, fast":        {memory("n", "13", "t", "4", "traitors", "4", "adversary", "collude", "resolver", "fast"), 1, 1},
		"om, pruned":      {memory("n", "22", "t", "7", "traitors", "7", "adversary", "random"), 1, 1},
		"om, too many":    {memory("n", "3", "traitors", "1", "commander", "loyal"), 0, 0},
		"flat":            {memory("n", "7", "t", "2", "traitors", "2", "commander", "loyal", "resolver", "flat"), 0, 0},
		"flat, split":     {memory("n", "10", "t", "3", "traitors", "3", "commander", "traitor", "adversary", "equivocate", "resolver", "flat"), 0, 0.9},
		"sm":              {memory("n", "4", "t", "2", "traitors", "2", "algorithm", "sm", "adversary", "equivocate"), 1, 1},
		"phase-king":      {memory("n", "9", "t", "2", "traitors", "2", "algorithm", "phase-king", "adversary", "half"), 1, 1},
		"interactive":     {memory("mode", "interactive", "adversary", "random"), 1, 1},
		"processes, sm":   {map[string]string{"algorithm": "sm", "n": "3", "commander": "traitor", "adversary": "equivocate", "round-timeout": "20s"}, 1, 1},
		"processes, king": {map[string]string{"algorithm": "phase-king", "n": "5", "adversary": "random", "round-timeout": "20s"}, 1, 1},
	} {
		t.Run(name, func(t *testing.T) {
			o := honest(t, c.values)
			if o.Verdict.Status == record.Undetermined {
				t.Skipf("the machine is too busy: %v", o.Verdict.Reasons())
			}
			if s := o.Scalars["agreement_share"]; s < c.low || s > c.top {
				t.Errorf("share of agreement %v, want %v to %v", s, c.low, c.top)
			}
			if theory, ok := o.Scalars["theory_values"]; ok && o.Scalars["values"] != theory && name != "om, pruned" {
				t.Errorf("%v values per run, by the formula %v", o.Scalars["values"], theory)
			}
		})
	}
}

func trial(t *testing.T, values map[string]string) record.Observation {
	t.Helper()
	v, err := byzantine.System.Resolve(values)
	if err != nil {
		t.Fatal(err)
	}
	set := systems.Setting{Seed: 5, Load: record.Load{Loop: "closed"}, Length: 50 * time.Millisecond}
	ctx, g, err := process.NewGroup(t.Context(), process.Options{System: byzantine.System, Setting: set, Dir: t.ArtifactDir(), Logf: t.Logf})
	if err != nil {
		t.Fatal(err)
	}
	o, err := byzantine.System.Trial(ctx, g, v)
	if err := errors.Join(err, g.Close()); err != nil {
		t.Fatal(err)
	}
	g.Witness(o.Evidence)
	o.Verdict = record.Judge(append(o.Verdict.Checks, evidence.Judge(byzantine.System.Metrics, &o)...)...)
	return o
}

func honest(t *testing.T, values map[string]string) record.Observation {
	t.Helper()
	o := trial(t, values)
	if err := o.Conform(byzantine.System.Metrics); err != nil || o.Verdict.Status == record.Invalid {
		t.Errorf("conforms: %v; verdict %s: %v", err, o.Verdict.Status, o.Verdict.Reasons())
	}
	return o
}

// Each figure that is wrong on purpose is found out, by its own road.
func TestLies(t *testing.T) {
	three := map[string]string{"transport": "memory", "n": "3", "commander": "loyal"}
	four := map[string]string{"algorithm": "sm", "adversary": "equivocate", "round-timeout": "20s"}
	seven := map[string]string{"algorithm": "sm", "adversary": "equivocate", "round-timeout": "20s", "n": "7", "t": "2"}
	for falsehood, c := range map[string]struct {
		values map[string]string
		check  string
	}{
		"all-agreed":     {three, "road-agreement_share"},
		"halved-latency": {four, "road-run"},
		"unframed-bytes": {four, "road-kilobytes"},
		"halved-cpu":     {seven, "road-cpu_ms"}, // much more than what readings of the kernel's clock may be late
	} {
		v := maps.Clone(c.values)
		v["lie"] = falsehood
		o := trial(t, v)
		if o.Verdict.Status == record.Undetermined {
			t.Skipf("the machine is too busy: %v", o.Verdict.Reasons())
		}
		if !slices.ContainsFunc(o.Verdict.Checks, func(k record.Check) bool { return k.Name == c.check && k.Status == record.Invalid }) {
			t.Errorf("%s: %s does not say so: %v", falsehood, c.check, o.Verdict.Reasons())
		}
	}
	if _, err := byzantine.System.Resolve(map[string]string{"lie": "honest"}); err == nil {
		t.Error("a lie that nobody knows is taken")
	}
}
