package cluster_test

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"dyno/tools/kube/cluster"
)

// What make test-kube has built.
const (
	program = "../../../bin/kube"
	dyno    = "../../../bin/dyno"
	image   = "../../../out/image.tar"
	pause   = "../../../out/pause.tar"
)

// bed is a cluster with what the tests do to it.
type bed struct {
	*cluster.Cluster
	kubectl string // a script that knows the cluster
}

func open(t *testing.T) *bed {
	if os.Getuid() != 0 {
		t.Skip("a cluster of network namespaces needs root")
	}
	paths := make(map[string]string)
	for _, p := range []string{program, dyno, image, pause} {
		abs, err := filepath.Abs(p)
		if err == nil {
			_, err = os.Stat(abs)
		}
		if err != nil {
			t.Skipf("%v: make test-kube builds it", err)
		}
		paths[p] = abs
	}
	dir, err := os.MkdirTemp("", "dynokube") // short: sockets lie in it
	if err != nil {
		t.Fatal(err)
	}
	b := &bed{Cluster: &cluster.Cluster{Program: paths[program], Dir: dir}}
	t.Cleanup(func() {
		if err := b.Down(); err != nil {
			t.Error(err)
		}
		for _, left := range b.Left() {
			t.Errorf("left behind: %s", left)
		}
		if t.Failed() {
			t.Logf("logs are in %s", dir)
			return
		}
		if err := os.RemoveAll(dir); err != nil {
			t.Error(err)
		}
	})
	began := time.Now()
	if err := b.Up(t.Context(), paths[image], paths[pause]); err != nil {
		t.Fatal(err)
	}
	t.Logf("the cluster is ready after %v", time.Since(began).Round(time.Millisecond))
	if b.kubectl, err = b.Script(); err != nil {
		t.Fatal(err)
	}
	return b
}

// run is one dyno deploy k8s.
type run struct {
	name string
	out  string
	dir  string // the command's
	env  []string
	line []string
	cmd  *exec.Cmd
	said *stamped
	err  error
	done chan struct{}
}

// deploy starts a run of name on machines with a core each, unless words say else.
func (b *bed) deploy(t *testing.T, name string, nodes int, words []string, args ...string) *run {
	t.Helper()
	return b.into(t, filepath.Join(t.TempDir(), "out"), name, nodes, words, args...)
}

// into is deploy into a folder.
func (b *bed) into(t *testing.T, out, name string, nodes int, words []string, args ...string) *run {
	t.Helper()
	line := []string{
		dyno, "deploy", "k8s", "--kubectl", b.kubectl, "--out", out, "--name", name, "--nodes", strconv.Itoa(nodes),
		"--image", "localhost/dyno:1", "--cpus", "1", "--memory", "512Mi", "--patience", "1m", "--deadline", "10m",
	}
	r := &run{name: name, out: out, line: slices.Concat(line, words, []string{"--"}, args)}
	r.start(t)
	t.Cleanup(func() { r.wait(t) })
	return r
}

// start runs the command, also again: then it measures what is missing.
func (r *run) start(t *testing.T) {
	t.Helper()
	r.cmd, r.said, r.done = exec.Command(r.line[0], r.line[1:]...), new(stamped), make(chan struct{})
	r.cmd.Dir, r.cmd.Env, r.cmd.Stdout, r.cmd.Stderr = r.dir, r.env, r.said, r.said
	r.cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	if err := r.cmd.Start(); err != nil {
		t.Fatal(err)
	}
	go func() { r.err = r.cmd.Wait(); close(r.done) }()
}

// wait returns the exit code.
func (r *run) wait(t *testing.T) int {
	t.Helper()
	select {
	case <-r.done:
	case <-time.After(5 * time.Minute):
		_ = r.cmd.Process.Signal(syscall.SIGTERM)
		<-r.done
		t.Errorf("the run took too long: %s", r.said.String())
	}
	var status *exec.ExitError
	if errors.As(r.err, &status) {
		return status.ExitCode()
	}
	return 0
}

// trials are what a run has measured, by the last verdict of each: what proved nothing
// stays in the file when it is measured again, under a number of its own.
func (r *run) trials(t *testing.T, experiment string) map[string]int {
	t.Helper()
	f, err := os.Open(filepath.Join(r.out, "results", experiment, "trials.jsonl"))
	if err != nil {
		t.Errorf("%v; it said: %s", err, r.said.String())
		return nil
	}
	defer f.Close()
	latest, out := make(map[string]string), make(map[string]int)
	lines := bufio.NewScanner(f)
	lines.Buffer(nil, 64<<20)
	for lines.Scan() {
		var trial struct {
			ID, Error   string
			Control     string // it is broken on purpose: it is as it should be when it is caught
			Observation struct {
				Verdict struct{ Status string }
				Flags   []struct{ Name, Detail string }
			}
		}
		if err := json.Unmarshal(lines.Bytes(), &trial); err != nil {
			t.Fatal(err)
		}
		for _, f := range trial.Observation.Flags {
			t.Logf("%s is flagged %s: %s", trial.ID, f.Name, f.Detail)
		}
		id, _, _ := strings.Cut(trial.ID, ".")
		if latest[id] == "valid" {
			t.Errorf("%s was measured already", id)
		}
		switch status := trial.Observation.Verdict.Status; {
		case trial.Error != "":
			latest[id] = "error"
			t.Logf("a trial: %s", trial.Error)
		case trial.Control != "" && status == "valid":
			latest[id] = "missed"
		case trial.Control != "" && status == "invalid":
			latest[id] = "valid"
		default:
			latest[id] = status
		}
	}
	for _, verdict := range latest {
		out[verdict]++
	}
	return out
}

// attempts is how often a run is made that leaves trials which prove nothing: this one
// machine is all machines at once, and others may be at work on it, too.
const attempts = 3

// sound waits for a run, and wants that every trial of it is valid. What proved nothing
// is measured again.
func (r *run) sound(t *testing.T, experiments ...string) {
	t.Helper()
	for attempt := 1; ; attempt++ {
		code, got := r.wait(t), make(map[string]int)
		for _, e := range experiments {
			for verdict, n := range r.trials(t, e) {
				got[verdict] += n
			}
		}
		t.Logf("attempt %d: exit code %d, trials %v", attempt, code, got)
		switch {
		case code == 0 && got["valid"] > 0 && len(got) == 1:
			return
		case code != 1 || got["unknown"] == 0 || len(got) > 2 || got["valid"] == 0 && len(got) > 1 || attempt == attempts:
			t.Errorf("want valid trials and no others: %s", r.said.String())
			return
		}
		r.start(t)
	}
}

// clean checks that nothing of any run is in the cluster.
func (b *bed) clean(t *testing.T) {
	t.Helper()
	left, err := b.Kubectl(t.Context(), "get", "job,service,pod,secret", "-l", "dyno-run", "-o", "name")
	if err != nil || strings.TrimSpace(left) != "" {
		t.Errorf("left in the cluster: %q, %v", left, err)
	}
}

// agent waits until a machine of a run is there and returns its container.
func (b *bed) agent(ctx context.Context, t *testing.T, r *run, index int) string {
	t.Helper()
	label := fmt.Sprintf("dyno-run=%s,batch.kubernetes.io/job-completion-index=%d", r.name, index)
	for {
		id, err := b.Kubectl(ctx, "get", "pods", "-l", label, "-o", "jsonpath={.items[0].status.containerStatuses[0].containerID}")
		if id, there := strings.CutPrefix(strings.TrimSpace(id), "containerd://"); err == nil && there {
			return id
		}
		select {
		case <-r.done:
			t.Fatalf("the run is over already: %s", r.said.String())
		case <-time.After(100 * time.Millisecond):
		}
	}
}
