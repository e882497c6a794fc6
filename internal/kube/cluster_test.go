package kube_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"maps"
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"testing"
	"time"

	"dyno/internal/kube"
)

// cluster is one where all goes well, until a test says otherwise.
func cluster(t *testing.T, files map[string]string) (*kube.Cluster, string) {
	t.Helper()
	dir := t.TempDir()
	var pack bytes.Buffer
	results := filepath.Join(dir, "results")
	write(t, filepath.Join(results, "results", "lb", "trials.jsonl"), "{}\n")
	if err := kube.MarkDone(results, 1); err != nil {
		t.Fatal(err)
	}
	if err := kube.Pack(&pack, results); err != nil {
		t.Fatal(err)
	}
	all := map[string]string{
		"before": "", "events": "", "made": "", "results.tar": pack.String(),
		"pods.json": podList(running("sweep", 0), running("sweep", 1), pod("sweep-runner", "", `"phase":"Running"`)),
	}
	maps.Copy(all, files)
	for name, text := range all {
		write(t, filepath.Join(dir, name), text)
	}
	// A link: a program that was just written cannot be run while another test forks.
	stand, err := filepath.Abs(filepath.Join("testdata", "kubectl"))
	if err := errors.Join(err, os.Symlink(stand, filepath.Join(dir, "kubectl"))); err != nil {
		t.Fatal(err)
	}
	return &kube.Cluster{Kubectl: filepath.Join(dir, "kubectl"), Logf: t.Logf, Said: t.Output()}, dir
}

func write(t *testing.T, path, text string) {
	t.Helper()
	if err := errors.Join(os.MkdirAll(filepath.Dir(path), 0o755), os.WriteFile(path, []byte(text), 0o644)); err != nil {
		t.Fatal(err)
	}
}

func podList(pods ...string) string { return `{"items":[` + strings.Join(pods, ",") + `]}` }

func pod(name, labels, status string) string {
	return fmt.Sprintf(`{"metadata":{"name":%q,"labels":{%s}},"status":{%s}}`, name, labels, status)
}

func machine(run string, index int, status string) string {
	return pod(fmt.Sprintf("%s-%d-x7k2p", run, index), fmt.Sprintf(`"dyno-run":%q,"batch.kubernetes.io/job-completion-index":"%d"`, run, index), status)
}

func running(run string, index int) string {
	return machine(run, index, `"phase":"Running","containerStatuses":[{"state":{"running":{}}}]`)
}

func TestExecute(t *testing.T) {
	for name, files := range map[string]map[string]string{
		"at once": nil, "a broken call is made again": {"broken": "yes"}, "an API server that is away is asked again": {"away": "yes"},
		"what is no archive does not hang": {"torn": "yes"}, "a pod that cannot be reached is asked again": {"deaf": "yes"},
		"what is there already": {"before": "job.batch/sweep\n"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			c, dir := cluster(t, files)
			c.Attach = files["before"] != ""
			out := t.TempDir()
			write(t, filepath.Join(out, "results", ".lock"), "")
			code, err := c.Execute(t.Context(), run(), keys, out)
			if code != 1 || err != nil {
				t.Errorf("exit code %d, %v; want the runner's 1", code, err)
			}
			if text, err := os.ReadFile(filepath.Join(out, "results", "lb", "trials.jsonl")); string(text) != "{}\n" {
				t.Errorf("the results are %q, %v", text, err)
			}
			deleted(t, dir)
			equipped(t, dir)
			if _, err := os.Stat(filepath.Join(dir, "received-sweep-runner-tmp-out")); err == nil {
				t.Error("the runner was brought a folder without results")
			}
			if _, err := os.Stat(filepath.Join(dir, "created")); (err == nil) == c.Attach {
				t.Errorf("created: %v", err)
			}
		})
	}
}

// equipped checks that every pod was brought its own certificates, and no other key.
func equipped(t *testing.T, dir string) {
	t.Helper()
	for pod, want := range map[string]kube.Keys{
		"sweep-0-x7k2p": {"authority.pem": []byte("A"), "agent.pem": []byte("B"), "agent.key": []byte("C")},
		"sweep-1-x7k2p": {"authority.pem": []byte("A"), "agent.pem": []byte("B"), "agent.key": []byte("C")},
		"sweep-runner":  {"authority.pem": []byte("A"), "runner.pem": []byte("D"), "runner.key": []byte("E")},
	} {
		archive, err := os.ReadFile(filepath.Join(dir, "received-"+pod+"-keys-run"))
		if err != nil {
			t.Error(err)
			continue
		}
		at := filepath.Join(t.TempDir(), "[a]", "run") // no pattern
		if err := os.Mkdir(filepath.Dir(at), 0o755); err != nil {
			t.Fatal(err)
		}
		for range 2 { // a call whose answer is lost is made again
			var said strings.Builder
			if err := kube.Receive(bytes.NewReader(archive), at, &said); err != nil || said.Len() > 0 {
				t.Errorf("%s: %v; it says %q", pod, err, said.String())
			}
		}
		if got, err := kube.ReadKeys(at); err != nil || !reflect.DeepEqual(got, want) {
			t.Errorf("%s was brought %s, %v", pod, got, err)
		}
		if err := kube.Receive(bytes.NewReader(archive[:len(archive)/2]), at+"2", io.Discard); err == nil {
			t.Errorf("%s takes half an archive for whole", pod)
		}
		if left, _ := os.ReadDir(filepath.Dir(at)); len(left) != 1 {
			t.Errorf("half an archive leaves %v", left)
		}
	}
}

// deleted checks that the last thing asked of the cluster was to forget the run.
func deleted(t *testing.T, dir string) {
	t.Helper()
	asked, _ := os.ReadFile(filepath.Join(dir, "asked"))
	lines := strings.Split(strings.TrimSpace(string(asked)), "\n")
	if last := lines[len(lines)-1]; !strings.Contains(last, "delete job,service,pod -l dyno-run=sweep") {
		t.Errorf("what the cluster was asked last is %q", last)
	}
}

// A barrier that is not reached names every machine that is absent and why.
func TestAbsent(t *testing.T) {
	runner := pod("sweep-runner", "", `"phase":"Running"`)
	for name, c := range map[string]struct {
		files map[string]string
		says  []string
	}{
		"no cores": {
			map[string]string{"pods.json": podList(runner, running("sweep", 0), machine("sweep", 1,
				`"phase":"Pending","conditions":[{"type":"PodScheduled","status":"False","message":"0/2 nodes are available: 2 Insufficient cpu."}]`))},
			[]string{"1 of 3 pods did not come within 1s", "sweep-1 is not scheduled: 0/2 nodes are available: 2 Insufficient cpu."},
		},
		"no image": {
			map[string]string{"pods.json": podList(runner, running("sweep", 0), machine("sweep", 1,
				`"phase":"Pending","containerStatuses":[{"state":{"waiting":{"reason":"ErrImagePull","message":"not found"}}}]`))},
			[]string{"sweep-1 waits: ErrImagePull: not found"},
		},
		"ended": {
			map[string]string{"pods.json": podList(runner, running("sweep", 0), machine("sweep", 1,
				`"phase":"Failed","containerStatuses":[{"state":{"terminated":{"exitCode":137}}}]`))},
			[]string{"one cannot come any more", "sweep-1 has ended: exit code 137"},
		},
		"quota": {
			map[string]string{"pods.json": podList(runner), "events": "exceeded quota: small\n"},
			[]string{"sweep-0 has no pod yet", "sweep-1 has no pod yet", "the job: exceeded quota: small"},
		},
		"no runner": {map[string]string{"pods.json": podList(running("sweep", 0), running("sweep", 1))}, []string{"sweep-runner has no pod yet"}},
		"refused":   {map[string]string{"refuse": "pods is forbidden"}, []string{"kubectl create", "pods is forbidden"}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			cl, dir := cluster(t, c.files)
			r := run()
			r.Patience = time.Second
			_, err := cl.Execute(t.Context(), r, keys, t.TempDir())
			for _, want := range c.says {
				if err == nil || !strings.Contains(err.Error(), want) {
					t.Errorf("%v does not say %q", err, want)
				}
			}
			deleted(t, dir)
		})
	}
}

// A run of the same name is left alone.
func TestNameTaken(t *testing.T) {
	c, dir := cluster(t, map[string]string{"before": "job.batch/sweep\n"})
	_, err := c.Execute(t.Context(), run(), keys, t.TempDir())
	if err == nil || !strings.Contains(err.Error(), "--name") || !strings.Contains(err.Error(), "job.batch/sweep") {
		t.Error(err)
	}
	if asked, _ := os.ReadFile(filepath.Join(dir, "asked")); strings.Contains(string(asked), "delete") {
		t.Errorf("it was asked %s", asked)
	}
}

// A second one that follows a run fetches its results, and neither brings other
// certificates nor deletes what the first is following, also when it is interrupted.
func TestFollowedTwice(t *testing.T) {
	c, dir := cluster(t, nil)
	c.Attach = true
	write(t, filepath.Join(dir, "received-sweep-runner-keys-followed"), "by the first")
	out := t.TempDir()
	if code, err := c.Execute(t.Context(), run(), keys, out); code != 1 || err != nil {
		t.Errorf("exit code %d, %v; want the runner's 1", code, err)
	}
	if _, err := os.Stat(filepath.Join(out, "results", "lb", "trials.jsonl")); err != nil {
		t.Error(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := c.Execute(ctx, run(), keys, out); !errors.Is(err, context.Canceled) {
		t.Error(err)
	}
	if asked, _ := os.ReadFile(filepath.Join(dir, "asked")); strings.Contains(string(asked), "delete") || strings.Contains(string(asked), "/keys/run") {
		t.Errorf("it was asked %s", asked)
	}
}

// What was measured before is brought to the runner, but not what trials left.
func TestGoesOn(t *testing.T) {
	c, dir := cluster(t, nil)
	out, there := t.TempDir(), filepath.Join(t.TempDir(), "out")
	write(t, filepath.Join(out, "results", "lb", "trials.jsonl"), "earlier\n")
	write(t, filepath.Join(out, "results", "raw", "lb-1", "log"), "long\n")
	write(t, filepath.Join(out, "plots", "lb.svg"), "drawn again\n")
	if code, err := c.Execute(t.Context(), run(), keys, out); code != 1 || err != nil {
		t.Errorf("exit code %d, %v", code, err)
	}
	archive, err := os.Open(filepath.Join(dir, "received-sweep-runner-tmp-out"))
	if err != nil {
		t.Fatal(err)
	}
	defer archive.Close()
	if err := kube.Receive(archive, there, io.Discard); err != nil {
		t.Fatal(err)
	}
	if text, err := os.ReadFile(filepath.Join(there, "results", "lb", "trials.jsonl")); string(text) != "earlier\n" {
		t.Errorf("%q, %v", text, err)
	}
	if left, _ := filepath.Glob(there + "/*/*"); len(left) != 1 {
		t.Errorf("the runner was brought %s", left)
	}
	asked, _ := os.ReadFile(filepath.Join(dir, "asked"))
	if _, after, ok := strings.Cut(string(asked), "sweep-runner -- /dyno deploy receive /tmp/out"); !ok ||
		!strings.Contains(after, "sweep-runner -- /dyno deploy receive /keys/run") {
		t.Errorf("the runner begins without it: %s", asked)
	}
}

// Nor is something of that name that was not found, or came meanwhile: of what kubectl
// created beside it nothing stays.
func TestNameTakenMeanwhile(t *testing.T) {
	for _, made := range []string{"", "job.batch/sweep\npod/sweep-runner\n"} {
		c, dir := cluster(t, map[string]string{"refuse": `Error from server (AlreadyExists): services "sweep" already exists`, "made": made})
		if _, err := c.Execute(t.Context(), run(), keys, t.TempDir()); err == nil || !strings.Contains(err.Error(), "is left alone; give another --name") {
			t.Error(err)
		}
		asked, _ := os.ReadFile(filepath.Join(dir, "asked"))
		_, deleted, _ := strings.Cut(string(asked), "delete ")
		want := ""
		if made != "" {
			want = "job.batch/sweep pod/sweep-runner --wait --ignore-not-found\n"
		}
		if deleted != want {
			t.Errorf("deleted is %q, want %q", deleted, want)
		}
	}
}

// Whoever interrupts a run leaves nothing behind either.
func TestInterrupted(t *testing.T) {
	c, dir := cluster(t, map[string]string{"pods.json": podList()})
	ctx, cancel := context.WithCancel(t.Context())
	c.Logf = func(string, ...any) {}
	go func() {
		for range time.Tick(time.Millisecond) {
			if asked, _ := os.ReadFile(filepath.Join(dir, "asked")); strings.Contains(string(asked), "get pods") {
				cancel()
				return
			}
		}
	}()
	if _, err := c.Execute(ctx, run(), keys, t.TempDir()); !errors.Is(err, context.Canceled) {
		t.Errorf("%v, want that it was interrupted", err)
	}
	deleted(t, dir)
}

// A pod that nobody has brought certificates says who does.
func TestAwait(t *testing.T) {
	ctx, cancel := context.WithCancelCause(t.Context())
	cancel(errors.New("nobody came"))
	err := kube.Await(ctx, filepath.Join(t.TempDir(), "run"))
	if err == nil || !strings.Contains(err.Error(), "--attach") || !strings.Contains(err.Error(), "nobody came") {
		t.Error(err)
	}
}

func TestResults(t *testing.T) {
	from := t.TempDir()
	write(t, filepath.Join(from, "results", "a", "run.json"), "{}")
	pack := func() *bytes.Buffer {
		var b bytes.Buffer
		if err := kube.Pack(&b, from); err != nil {
			t.Fatal(err)
		}
		return &b
	}
	if _, err := kube.Unpack(pack(), t.TempDir()); err == nil || !strings.Contains(err.Error(), "not whole") {
		t.Errorf("results of a run that goes on: %v", err)
	}
	if err := kube.MarkDone(from, 3); err != nil {
		t.Fatal(err)
	}
	to := t.TempDir()
	if code, err := kube.Unpack(pack(), to); code != 3 || err != nil {
		t.Errorf("code %d, %v", code, err)
	}
	if text, err := os.ReadFile(filepath.Join(to, "results", "a", "run.json")); string(text) != "{}" {
		t.Errorf("%q, %v", text, err)
	}
	whole := pack().Bytes()
	for _, cut := range []int{0, 100, 512, 700, 1500} {
		if _, err := kube.Unpack(bytes.NewReader(whole[:cut]), t.TempDir()); err == nil {
			t.Errorf("an archive cut at byte %d is taken for whole", cut)
		}
	}
	earlier := filepath.Join(to, "results", "a", "run.json")
	write(t, earlier, "earlier")
	if _, err := kube.Unpack(bytes.NewReader(whole[:513]), to); err == nil {
		t.Error("an archive cut within a file is taken for whole")
	}
	if text, err := os.ReadFile(earlier); string(text) != "earlier" {
		t.Errorf("of what was there a broken connection leaves %q, %v", text, err)
	}
	if left, err := os.ReadDir(filepath.Dir(earlier)); len(left) != 1 {
		t.Errorf("it leaves %v, %v", left, err)
	}
}
