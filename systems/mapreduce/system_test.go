package mapreduce_test

import (
	"cmp"
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"text/template"

	"dyno/bench/evidence"
	"dyno/bench/process"
	"dyno/internal/record"
	"dyno/systems"
	"dyno/systems/mapreduce"
	"dyno/systems/systemtest"
)

func TestConforms(t *testing.T) {
	input := filepath.Join(t.TempDir(), "input.txt")
	if err := os.WriteFile(input, []byte("one word"), 0o666); err != nil {
		t.Fatal(err)
	}
	out := t.TempDir()
	systemtest.Conform(t, mapreduce.System, systemtest.Options{
		RoleArgs: func(context.Context, string, systems.Bench) ([]string, error) {
			return []string{"--force", "--out", out, "wordcount", input}, nil
		},
		Funcs: template.FuncMap{"experiment": func(string) any { return nil }},
	})
}

// Every job, shuffle and fault: the output is that of a sequential run, and
// the counters tell what happened.
func TestTrials(t *testing.T) {
	for name, c := range map[string]struct {
		values map[string]string
		check  func(o record.Observation) (problem string)
	}{
		"index, stream":        {map[string]string{"job": "invertedindex", "shuffle": "stream", "files": "5", "input": "0.3", "distinct": "3000"}, calm},
		"grep":                 {map[string]string{"job": "grep", "input": "0.3"}, calm},
		"sort, no combiner":    {map[string]string{"job": "sort", "combiner": "off", "input": "0.3", "reduces": "7"}, calm},
		"total order":          {map[string]string{"job": "totalsort", "input": "0.5", "reduces": "5", "split-size": "64"}, even},
		"one worker before":    {map[string]string{"baseline": "on", "input": "1"}, faster},
		"many tiny tasks":      {map[string]string{"input": "0.05", "maps": "20", "reduces": "9", "workers": "3"}, calm},
		"tight memory":         {map[string]string{"input": "3", "memory": "1", "distinct": "400000", "split-size": "2048"}, spilled},
		"kill":                 {faulty("kill", "files"), rerun(1)},
		"kill, stream":         {faulty("kill", "stream"), rerun(2)},
		"pause":                {faulty("pause", "files"), struck},
		"slow, without backup": {map[string]string{"fault": "slow", "backups": "off", "input": "1", "split-size": "64"}, nothing},
	} {
		t.Run(name, func(t *testing.T) {
			problem := c.check(trial(t, c.values))
			// A fault strikes at half of the job; on a busy machine the worker may
			// have done nothing until then, or have nothing left to do.
			for tries := 1; problem != "" && c.values["fault"] != "" && tries < 5; tries++ {
				problem = c.check(trial(t, c.values))
			}
			if problem != "" {
				t.Error(problem)
			}
		})
	}
}

// Each peer's answer passes the same check.
func TestPeers(t *testing.T) {
	for job, engines := range map[string][]string{
		"wordcount": {"go-limit", "go-sequential", "coreutils", "mawk"}, "totalsort": {"go-limit", "coreutils"},
		"invertedindex": {"go-limit", "coreutils", "mawk"},
	} {
		for _, engine := range engines {
			t.Run(job+" by "+engine, func(t *testing.T) {
				if _, err := exec.LookPath(engine); err != nil && engine == "mawk" {
					t.Skip("mawk is not installed")
				}
				files := map[string]string{"invertedindex": "3"}[job]
				trial(t, map[string]string{"engine": engine, "job": job, "input": "0.5", "files": cmp.Or(files, "1"), "scripts": "latin"})
			})
		}
	}
}

// even: ranges that were taken from a sample hold about as much.
func even(o record.Observation) string {
	if skew := o.Scalars["skew"]; skew > 1.5 {
		return fmt.Sprintf("the largest range has %.2f times its share", skew)
	}
	return calm(o)
}

// faulty makes map tasks long enough to be struck in the middle.
func faulty(kind, shuffle string) map[string]string {
	return map[string]string{"fault": kind, "shuffle": shuffle, "input": "6", "split-size": "256", "workers": "3", "combiner": "off"}
}

func trial(t *testing.T, values map[string]string) record.Observation {
	t.Helper()
	g, o := observed(t, values)
	if o.Verdict.Status != record.Valid {
		t.Fatal(strings.Join(o.Verdict.Reasons(), "\n"))
	}
	for _, c := range roads(g, &o) {
		if c.Status == record.Invalid {
			t.Errorf("%s is refuted: %s", c.Name, c.Detail)
		}
	}
	return o
}

// observed is a trial's observation, and the group of its processes, closed.
func observed(t *testing.T, values map[string]string) (*process.Group, record.Observation) {
	t.Helper()
	v, err := mapreduce.System.Resolve(values)
	if err != nil {
		t.Fatal(err)
	}
	ctx, g, err := process.NewGroup(t.Context(), process.Options{
		System: mapreduce.System, Setting: systems.Setting{Seed: 7, Load: record.Load{Loop: "closed"}}, Dir: t.TempDir(), Logf: t.Logf,
	})
	if err != nil {
		t.Fatal(err)
	}
	o, err := mapreduce.System.Trial(ctx, g, v)
	if err := g.Close(); err != nil {
		t.Error(err)
	}
	if err != nil {
		t.Fatal(err)
	}
	if err := o.Conform(mapreduce.System.Metrics); err != nil {
		t.Error(err)
	}
	return g, o
}

// roads holds the figures of a trial on their second roads.
func roads(g *process.Group, o *record.Observation) []record.Check {
	g.Witness(o.Evidence)
	return evidence.Judge(mapreduce.System.Metrics, o)
}

// What is wrong on purpose is found out, by the check that is there for it. On
// a busy machine it may take a few tries: the bounds are too wide now and then.
func TestWrongOnPurpose(t *testing.T) {
	for _, c := range []struct{ knob, level, check string }{
		{"lie", "shortened-time", "road-time_s"},
		{"lie", "halved-cpu", "road-cpu_s"},
		{"lie", "other-output", "read-is-published"},
		{"mutant", "dropped-records", "output-equals-sequential"},
	} {
		var said []string
		found := false
		for tries := 0; !found && tries < 5; tries++ {
			g, o := observed(t, map[string]string{c.knob: c.level, "input": "4", "split-size": "1024"})
			o.Verdict = record.Judge(append(o.Verdict.Checks, roads(g, &o)...)...)
			said = o.Verdict.Reasons()
			found = slices.ContainsFunc(o.Verdict.Checks, func(k record.Check) bool { return k.Name == c.check && k.Status == record.Invalid })
		}
		if !found {
			t.Errorf("%s: %s does not say so: %v", c.level, c.check, said)
		}
	}
}

func nothing(record.Observation) string { return "" }

func calm(o record.Observation) string {
	if o.Scalars["reruns"] != 0 {
		return fmt.Sprintf("nothing went wrong, and %v tasks ran again", o.Scalars["reruns"])
	}
	return ""
}

// faster holds the speed-up's figures against each other, and not against a
// number: machines are busy.
func faster(o record.Observation) string {
	for _, name := range []string{"speedup", "amdahl_speedup", "serial_share"} {
		if o.Scalars[name] <= 0 {
			return fmt.Sprintf("%s is %v", name, o.Scalars[name])
		}
	}
	if serial := o.Scalars["serial_share"]; serial >= 1 || o.Scalars["amdahl_speedup"] > 1/serial {
		return fmt.Sprintf("a serial share of %v and a predicted speed-up of %v", serial, o.Scalars["amdahl_speedup"])
	}
	return ""
}

func spilled(o record.Observation) string {
	if o.Scalars["spilled_runs"] == 0 {
		return "no run was spilled"
	}
	return ""
}

func rerun(least float64) func(record.Observation) string {
	return func(o record.Observation) string {
		if o.Scalars["reruns"] < least {
			return fmt.Sprintf("%v tasks ran again, want at least %v", o.Scalars["reruns"], least)
		}
		return ""
	}
}

func struck(o record.Observation) string {
	if o.Scalars["backups"]+o.Scalars["reruns"] == 0 {
		return "a worker was stopped, and no task was tried a second time"
	}
	return ""
}
