package cluster_test

import (
	"context"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
)

// testPage runs what docs/many-machines.md tells, word by word, but for what this
// cluster is: it has the image without a registry, and two cores a node.
func testPage(ctx context.Context, t *testing.T, b *bed) {
	text, err := os.ReadFile("../../../docs/many-machines.md")
	if err != nil {
		t.Fatal(err)
	}
	_, section, _ := strings.Cut(string(text), "\n## On Kubernetes\n")
	section, _, _ = strings.Cut(section, "\n## ")
	dir := t.TempDir()
	path, err := filepath.Abs(filepath.Dir(dyno))
	if err != nil {
		t.Fatal(err)
	}
	lines := regexp.MustCompile(`(?m)^dyno deploy k8s .*$`).FindAllString(section, -1)
	if len(lines) != 3 {
		t.Fatalf("the commands of the page are %q", lines)
	}
	here := strings.NewReplacer("registry.example/dyno:1", "localhost/dyno:1", "--nodes 2 --image", "--nodes 2 --cpus 1 --memory 1Gi --image")
	for _, l := range []string{lines[0], lines[1] + "\n" + lines[2]} { // what is attached to was created before
		_, out, _ := strings.Cut(l, " --out ")
		out, _, _ = strings.Cut(out, " ")
		r := &run{
			out: filepath.Join(dir, out), dir: dir, line: []string{"sh", "-ec", here.Replace(l)},
			env: append(os.Environ(), "PATH="+filepath.Dir(b.kubectl)+":"+path+":"+os.Getenv("PATH")),
		}
		r.start(t)
		t.Cleanup(func() { r.wait(t) })
		r.sound(t, "lb-policies")
		t.Logf("$ %s\n%s", l, r.said)
		if _, err := os.Stat(filepath.Join(r.out, "REPORT.md")); err != nil {
			t.Error(err)
		}
	}
	keep(t, filepath.Join(dir, "out/k8s"))
}

// keep copies a run's results where the environment says.
func keep(t *testing.T, out string) {
	t.Helper()
	if to := os.Getenv("DYNO_KEEP"); to != "" {
		if err := os.CopyFS(to, os.DirFS(out)); err != nil {
			t.Error(err)
		}
	}
}
