package report_test

import (
	"strings"
	"testing"

	"dyno/internal/record"
)

// peered is the synthetic run with two peers, one of which is better.
func peered(t *testing.T, change func(*record.Run, []record.Trial)) string {
	t.Helper()
	run, trials := lbRun(), lbTrials()
	run.Experiment.Figures = nil
	peer := func(name, policy, over string) record.Peer {
		p := record.Peer{
			Name: name, Rival: name, Promise: "nothing", Metric: "throughput_rps", Says: "So it is.",
			Where: record.Values{"policy": policy, "clients": "100"},
		}
		if over != "" {
			p.Over = record.Values{"policy": over, "clients": "100"}
		}
		return p
	}
	run.Experiment.Peers = []record.Peer{peer("slow", "round_robin", "least_load"), peer("fast", "least_load", "round_robin"), peer("alone", "pick_first", "")}
	change(&run, trials)
	dir := t.TempDir()
	store(t, dir, run, trials)
	return string(build(t, load(t, dir))["results/compared.md"])
}

// Who is better stands first and says so; the figures and the ratio are those of
// the blocks, and the software is what the trials tell.
func TestCompared(t *testing.T) {
	text := peered(t, func(_ *record.Run, trials []record.Trial) {
		for i := range trials {
			if o := trials[i].Observation; o != nil && trials[i].Values["policy"] == "least_load" {
				c := record.Pass("software", 1)
				c.Detail = "fast 7.0-1"
				o.Verdict = record.Judge(append(o.Verdict.Checks, c)...)
			}
		}
	})
	rows, notes := strings.Split(text, "\n| "), strings.Split(text, "\n- ")
	if len(rows) != 5 || !strings.HasPrefix(rows[2], "**fast**") || !strings.HasPrefix(rows[3], "slow") || !strings.HasPrefix(rows[4], "alone") {
		t.Fatalf("%d rows:\n%s", len(rows), text)
	}
	if len(notes) != 4 || !strings.HasPrefix(notes[1], "**fast** (fast 7.0-1)") || !strings.HasPrefix(notes[2], "slow (not told)") {
		t.Fatalf("%d notes:\n%s", len(notes), text)
	}
	for want, row := range map[string]string{
		"1.05 (all 4 blocks) |": rows[2], "| 0.95": rows[3], "So it is.": notes[2], "of 6 trials valid": notes[1],
	} {
		if !strings.Contains(row, want) {
			t.Errorf("no %q in: %s", want, row)
		}
	}
	if alone, _, _ := strings.Cut(rows[4], "\n"); !strings.HasSuffix(strings.ReplaceAll(alone, " ", ""), ")|||") {
		t.Errorf("compared with nobody: %s", rows[4])
	}
}

// What was not installed is said to be that; a metric that is not there is an
// error; without peers there is no page.
func TestComparedWithNobody(t *testing.T) {
	text := peered(t, func(_ *record.Run, trials []record.Trial) {
		for i := range trials {
			if trials[i].Values["policy"] == "pick_first" {
				trials[i].Observation, trials[i].Error, trials[i].Absent = nil, "Slow 7 is not installed", true
			}
		}
	})
	if !strings.Contains(text, "not installed") || !strings.Contains(text, "left out") {
		t.Error(text)
	}
	if text := peered(t, func(r *record.Run, _ []record.Trial) { r.Experiment.Peers = nil }); text != "" {
		t.Error(text)
	}
}
