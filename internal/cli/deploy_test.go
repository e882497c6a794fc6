package cli_test

import (
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"dyno/experiments"
)

// The page's commands print what a cluster is to create; make test-kube runs them on one.
func TestPodsPage(t *testing.T) {
	page := read(t, "../../docs/many-machines.md")
	lines := regexp.MustCompile(`(?m)^dyno (deploy k8s .*)$`).FindAllStringSubmatch(page, -1)
	if len(lines) < 3 {
		t.Fatalf("only %d command lines found", len(lines))
	}
	output := regexp.MustCompile(`--out \S+|--attach|\| .*`)
	for _, l := range lines {
		code, out, said := dyno(t, shellWords(t, output.ReplaceAllString(l[1], ""))...)
		if code != 0 || !strings.Contains(out, "\nkind: Job\n") {
			t.Errorf("%s: exit code %d: %s%s", l[0], code, said, out)
		}
	}
	for want, words := range map[string][]string{
		"--attach: give --out":                 {"--attach"},
		"when it was printed; leave out [\"lb": {"--attach", "--out", t.TempDir(), "--", "lb-policies"},
	} {
		code, _, said := dyno(t, append([]string{"deploy", "k8s", "--nodes", "1"}, words...)...)
		if code != 2 || !strings.Contains(said, want) {
			t.Errorf("%q: exit code %d: %s", words, code, said)
		}
	}
}

// That results cannot be written, or that somebody else does, is said before anything
// is asked of a cluster.
func TestPodsFolder(t *testing.T) {
	taken := t.TempDir()
	lock, err := experiments.Lock(taken)
	if err != nil {
		t.Fatal(err)
	}
	defer lock.Close()
	file := filepath.Join(t.TempDir(), "file")
	if err := os.WriteFile(file, nil, 0o644); err != nil {
		t.Fatal(err)
	}
	for out, want := range map[string]string{file: "cannot write to folder " + file, taken: "another run writes here"} {
		code, _, said := dyno(t, "deploy", "k8s", "--nodes", "1", "--kubectl", "no-kubectl", "--out", out)
		if code != 1 || !strings.Contains(said, want) || strings.Contains(said, "kubectl get") {
			t.Errorf("%s: exit code %d: %s", out, code, said)
		}
	}
}
