package kube_test

import (
	"bytes"
	"flag"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"go.yaml.in/yaml/v3"

	"dyno/internal/kube"
	"dyno/systems"
)

var update = flag.Bool("update", false, "write testdata afresh")

func run() kube.Run {
	return kube.Run{
		Name: "sweep", Nodes: 2, Image: "localhost/dyno:1", CPUs: 2, Memory: "1Gi", Deadline: time.Hour, Patience: 2 * time.Minute,
		Args: []string{"--scale", "quick", "lb-policies"},
	}
}

var keys = kube.Keys{
	"authority.pem": []byte("A"), "agent.pem": []byte("B"), "agent.key": []byte("C"), "runner.pem": []byte("D"), "runner.key": []byte("E"),
}

func TestManifest(t *testing.T) {
	queued := run()
	queued.Name, queued.Nodes, queued.Namespace, queued.Queue = "queued", 40, "lab", "users"
	queued.Args = []string{"--only", `name=it's "a: b", $(HOME)`}
	for _, r := range []kube.Run{run(), queued} {
		var got bytes.Buffer
		if err := r.Manifest(&got); err != nil {
			t.Fatal(err)
		}
		golden := filepath.Join("testdata", r.Name+".yaml")
		if *update {
			if err := os.WriteFile(golden, got.Bytes(), 0o644); err != nil {
				t.Fatal(err)
			}
		}
		want, err := os.ReadFile(golden)
		if err != nil || !bytes.Equal(got.Bytes(), want) {
			t.Errorf("%s is not what is printed now (go test ./internal/kube -update): %v", golden, err)
		}
		checkObjects(t, r, got.Bytes())
	}
}

// checkObjects holds what is printed against what a run rests on.
func checkObjects(t *testing.T, r kube.Run, text []byte) {
	t.Helper()
	var kinds []string
	for d := yaml.NewDecoder(bytes.NewReader(text)); ; {
		var o map[string]any
		if d.Decode(&o) != nil {
			break
		}
		kind := o["kind"].(string)
		kinds = append(kinds, kind)
		if got := at(o, "metadata", "labels", kube.Label); got != r.Name {
			t.Errorf("%s %s is labelled %v: it would be left behind", r.Name, kind, got)
		}
		if got := at(o, "metadata", "namespace"); r.Namespace != "" && got != r.Namespace {
			t.Errorf("%s %s is in namespace %v", r.Name, kind, got)
		}
		switch kind {
		case "Job":
			for field, want := range map[string]any{
				"completions": r.Nodes, "parallelism": r.Nodes, "maxFailedIndexes": r.Nodes, "backoffLimitPerIndex": 0, "completionMode": "Indexed",
			} {
				if got := at(o, "spec", field); got != want {
					t.Errorf("%s: the job's %s is %v, want %v", r.Name, field, got, want)
				}
			}
			if at(o, "spec", "template", "spec", "automountServiceAccountToken") != false {
				t.Errorf("%s: the machines have a token of the cluster", r.Name)
			}
		case "Pod":
			c := at(o, "spec", "containers").([]any)[0].(map[string]any)
			got := c["args"].([]any)
			for i, arg := range r.Args {
				if want := strings.ReplaceAll(arg, "$(", "$$("); got[len(got)-len(r.Args)+i] != want {
					t.Errorf("%s: the runner is given %q, want %q", r.Name, got[len(got)-len(r.Args)+i], want)
				}
			}
		}
	}
	if got := strings.Join(kinds, " "); got != "Service Job Pod" {
		t.Errorf("%s is made of %s", r.Name, got)
	}
}

func at(o any, path ...string) any {
	for _, p := range path {
		m, ok := o.(map[string]any)
		if !ok {
			return nil
		}
		o = m[p]
	}
	return o
}

func TestCheck(t *testing.T) {
	if err := run().Check(); err != nil {
		t.Error(err)
	}
	for flag, spoil := range map[string]func(*kube.Run){
		"--name":      func(r *kube.Run) { r.Name = "Sweep" },
		"--nodes":     func(r *kube.Run) { r.Nodes = 0 },
		"--image":     func(r *kube.Run) { r.Image = "" },
		"--namespace": func(r *kube.Run) { r.Namespace = "a b" },
		"--queue":     func(r *kube.Run) { r.Queue = "a: b" },
		"--cpus":      func(r *kube.Run) { r.CPUs = 0 },
		"--memory":    func(r *kube.Run) { r.Memory = "2" },
		"--deadline":  func(r *kube.Run) { r.Deadline = time.Minute },
	} {
		r := run()
		spoil(&r)
		if err := r.Check(); !systems.IsUsage(err) || !strings.Contains(err.Error(), flag) {
			t.Errorf("%s: %v", flag, err)
		}
	}
}
