package cluster_test

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
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
	cmd  *exec.Cmd
	said bytes.Buffer
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
	r := &run{name: name, out: out, done: make(chan struct{})}
	line := []string{
		"deploy", "k8s", "--kubectl", b.kubectl, "--out", r.out, "--name", name, "--nodes", strconv.Itoa(nodes),
		"--image", "localhost/dyno:1", "--cpus", "1", "--memory", "512Mi", "--patience", "1m", "--deadline", "10m",
	}
	r.cmd = exec.Command(dyno, append(append(append(line, words...), "--"), args...)...)
	r.cmd.Stdout, r.cmd.Stderr = &r.said, &r.said
	r.cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	if err := r.cmd.Start(); err != nil {
		t.Fatal(err)
	}
	go func() { r.err = r.cmd.Wait(); close(r.done) }()
	t.Cleanup(func() { r.wait(t) })
	return r
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

// trials are what a run has measured, by verdict.
func (r *run) trials(t *testing.T, experiment string) map[string]int {
	t.Helper()
	f, err := os.Open(filepath.Join(r.out, "results", experiment, "trials.jsonl"))
	if err != nil {
		t.Errorf("%v; it said: %s", err, r.said.String())
		return nil
	}
	defer f.Close()
	out := make(map[string]int)
	lines := bufio.NewScanner(f)
	lines.Buffer(nil, 64<<20)
	for lines.Scan() {
		var trial struct {
			Error       string
			Observation struct{ Verdict struct{ Status string } }
		}
		if err := json.Unmarshal(lines.Bytes(), &trial); err != nil {
			t.Fatal(err)
		}
		if trial.Error != "" {
			out["error"]++
			t.Logf("a trial: %s", trial.Error)
			continue
		}
		out[trial.Observation.Verdict.Status]++
	}
	return out
}

// sound checks that a run has measured, and nothing wrong. What proved nothing is the
// machine's fault: here it is all machines at once.
func (r *run) sound(t *testing.T, code int) {
	t.Helper()
	got := r.trials(t, "lb-policies")
	t.Logf("exit code %d, trials %v", code, got)
	unproved := min(got["unknown"], 1)
	if got["valid"] == 0 || len(got) != 1+unproved || code != unproved {
		t.Errorf("want valid trials, and none invalid or without a result: %s", r.said.String())
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
