package cli_test

import (
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
)

// The experiment of the tutorial can be planned at every scale and measured as it
// stands there: its figure is drawn, and its control is caught.
func TestTutorialExperiment(t *testing.T) {
	t.Parallel()
	page, err := os.ReadFile("../../docs/tutorials/experiment.md")
	if err != nil {
		t.Fatal(err)
	}
	m := regexp.MustCompile("(?s)```yaml title=\"experiments/([a-z-]+)\\.yaml\"\n(.*?)```").FindSubmatch(page)
	if m == nil {
		t.Fatal("the tutorial has no experiment file")
	}
	dir, name := t.TempDir(), string(m[1])
	file, out := filepath.Join(dir, name+".yaml"), filepath.Join(dir, "out")
	write(t, file, string(m[2]))
	for _, scale := range []string{"quick", "full", "deep"} {
		if code, _, errOut := dyno(t, "run", file, "--scale", scale, "--dry-run"); code != 0 {
			t.Errorf("scale %s: exit %d, %s", scale, code, errOut)
		}
	}
	code, said, errOut := dyno(t, "run", file, "--scale", "quick", "--blocks", "1", "--out", out, "--yardsticks=false")
	proven(t, said)
	if code != 0 {
		t.Fatalf("exit %d\n%s\n%s", code, said, errOut)
	}
	for _, made := range regexp.MustCompile("`((?:plots|results)/"+name+"[^`]*|REPORT.md)`").FindAllStringSubmatch(string(page), -1) {
		path := filepath.Join(out, made[1])
		if strings.HasSuffix(made[1], name) {
			continue // of the committed results: a folder
		}
		if info, err := os.Stat(path); err != nil || info.Size() == 0 {
			t.Errorf("the tutorial says that there is %s: %v", made[1], err)
		}
	}
}
