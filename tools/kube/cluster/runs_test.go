package cluster_test

import (
	"context"
	"os"
	"strconv"
	"strings"
	"testing"
	"time"
)

// sweep is a small one: a policy of lookaside, a trial a block.
func sweep(blocks string) []string {
	return []string{"--scale", "quick", "--blocks", blocks, "--only", "policy=round_robin", "--yardsticks=false", "lb-policies"}
}

// TestRuns has one cluster for all cases, since it takes longer to start than any.
func TestRuns(t *testing.T) {
	b := open(t)
	ctx := t.Context()
	for name, test := range map[string]func(context.Context, *testing.T, *bed){
		"as the page says": testPage,
		"checked trials":   testChecked,
		"other systems":    testOthers,
		"two at once":      testTwo,
		"two sets":         testSets,
		"too little CPU":   testScarce,
		"a machine killed": testKilled,
		"a link down":      testCut,
		"interrupted":      testInterrupted,
	} {
		t.Run(name, func(t *testing.T) {
			test(ctx, t, b)
			b.clean(t)
		})
	}
}

// The experiment file of dyno itself, unchanged: every trial is valid.
func testChecked(_ context.Context, t *testing.T, b *bed) {
	r := b.deploy(t, "checked", 2, nil, sweep("2")...)
	r.sound(t, "lb-policies")
	if _, err := os.Stat(r.out + "/REPORT.md"); err != nil {
		t.Error(err)
	}
	t.Logf("it said: %s", r.said.String())
}

func testTwo(_ context.Context, t *testing.T, b *bed) {
	first, second := b.deploy(t, "first", 1, nil, sweep("1")...), b.deploy(t, "second", 1, nil, sweep("1")...)
	for _, r := range []*run{first, second} {
		r.sound(t, "lb-policies")
	}
}

// All other systems that several machines can run: branches that are struck, over links,
// a primary that is killed, generals, sessions, coordinators that crash.
func testOthers(_ context.Context, t *testing.T, b *bed) {
	others := []string{"branch-faults", "standby-failover", "byzantine-cost", "session-guarantees", "2pc-crashes", "lb-faults"}
	r := b.deploy(t, "others", 2, nil, append([]string{"--scale", "quick", "--blocks", "1", "--yardsticks=false"}, others...)...)
	r.sound(t, others...)
}

// Each machine measures blocks of its own; when one dies the other measures what is left,
// and no trial is lost, nor measured twice.
func testSets(ctx context.Context, t *testing.T, b *bed) {
	const blocks = 8
	r := b.deploy(t, "sets", 2, nil, append([]string{"--sets", "2"}, sweep(strconv.Itoa(blocks))...)...)
	agent := b.agent(ctx, t, r, 1)
	b.measuring(t, r)
	if err := b.Kill(ctx, agent); err != nil {
		t.Fatal(err)
	}
	r.wait(t)
	if said := r.said.String(); !strings.Contains(said, "set 2 of machines (sets-1) is given up, the others go on") {
		t.Errorf("the run goes on without a set, and does not say so: %s", said)
	}
	r.sound(t, "lb-policies")
	if got := r.trials(t, "lb-policies"); got["valid"] != 2*blocks { // one and a control in each block
		t.Errorf("trials %v, want %d", got, 2*blocks)
	}
}

// Kubernetes starts some machines and leaves others waiting for ever; each of those
// is named with the scheduler's own reason.
func testScarce(_ context.Context, t *testing.T, b *bed) {
	r := b.deploy(t, "scarce", 2, []string{"--cpus", "64", "--patience", "10s"}, sweep("1")...)
	if code := r.wait(t); code != 1 {
		t.Errorf("exit code %d", code)
	}
	for _, want := range []string{"scarce-0 is not scheduled: ", "scarce-1 is not scheduled: ", "Insufficient cpu"} {
		if !strings.Contains(r.said.String(), want) {
			t.Errorf("%q is not in %s", want, r.said.String())
		}
	}
}

// kill -9 of one agent: the run says which machine is lost, in seconds, the other
// machine is left alone, and what was measured stays: a later run goes on from it.
func testKilled(ctx context.Context, t *testing.T, b *bed) {
	r := b.deploy(t, "killed", 2, nil, sweep("50")...)
	agent := b.agent(ctx, t, r, 1)
	b.measuring(t, r)
	if err := b.Kill(ctx, agent); err != nil {
		t.Fatal(err)
	}
	began := time.Now()
	if code := r.wait(t); code == 0 {
		t.Error("the run went well without one of its machines")
	}
	t.Logf("the run was over %v after the kill", time.Since(began).Round(time.Millisecond))
	if !strings.Contains(r.said.String(), "machine killed-1 ") {
		t.Errorf("it does not name the machine: %s", r.said.String())
	}
	if got := r.trials(t, "lb-policies"); got["valid"] == 0 || got["invalid"] > 0 {
		t.Errorf("trials %v", got)
	}
	again := b.into(t, r.out, "killed", 2, nil, sweep("1")...)
	again.wait(t)
	if said := again.said.String(); strings.Contains(said, "reused 0)") || !strings.Contains(said, " 0 invalid") {
		t.Errorf("it does not go on with what there is: %s", said)
	}
}

// A node is off the network for 8 s: a cluster would not notice for 40 s and more.
// The trial at hand is given up, and the run goes on when the node is back.
func testCut(ctx context.Context, t *testing.T, b *bed) {
	r := b.deploy(t, "cut", 2, nil, sweep("6")...)
	b.agent(ctx, t, r, 1)
	b.measuring(t, r)
	if err := b.Cut(2); err != nil {
		t.Fatal(err)
	}
	time.Sleep(8 * time.Second) // how long the fault lasts
	if err := b.Mend(2); err != nil {
		t.Fatal(err)
	}
	code := r.wait(t)
	got := r.trials(t, "lb-policies")
	t.Logf("exit code %d, trials %v", code, got)
	if got["valid"] == 0 || got["invalid"] > 0 || got["error"] != 1 {
		t.Errorf("trials %v, want one that was given up and others valid: %s", got, r.said.String())
	}
	if !strings.Contains(r.said.String(), " is lost") {
		t.Errorf("it does not say that a machine was lost: %s", r.said.String())
	}
}

// Ctrl-C at the machine that deploys leaves nothing in the cluster.
func testInterrupted(ctx context.Context, t *testing.T, b *bed) {
	r := b.deploy(t, "interrupted", 2, nil, sweep("50")...)
	b.agent(ctx, t, r, 0)
	if err := r.cmd.Process.Signal(os.Interrupt); err != nil {
		t.Fatal(err)
	}
	if code := r.wait(t); code != 130 {
		t.Errorf("exit code %d: %s", code, r.said.String())
	}
}

// measuring waits until a run has finished its first trial.
func (b *bed) measuring(t *testing.T, r *run) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 2*time.Minute)
	defer cancel()
	for {
		lines, err := b.Kubectl(ctx, "exec", r.name+"-runner", "--", "/dyno", "results", "/tmp/out")
		if err == nil && strings.Contains(lines, "trials.jsonl") && strings.Contains(lines, `"verdict"`) {
			return
		}
		select {
		case <-r.done:
			t.Fatalf("the run is over already: %s", r.said.String())
		case <-ctx.Done():
			t.Fatalf("no trial was finished: %v", err)
		case <-time.After(200 * time.Millisecond):
		}
	}
}
