package agent

import (
	"errors"
	"os"
	"path/filepath"
	"testing"
	"time"
)

func TestPod(t *testing.T) {
	t.Setenv("KUBERNETES_SERVICE_HOST", "10.96.0.1")
	for text, want := range map[string]string{"-997\n": "Guaranteed", "1000\n": "BestEffort", "983\n": "Burstable", "0\n": "", "": ""} {
		root := tree(t, "proc/self/oom_score_adj", text)
		if got := qosClass(root); got != want {
			t.Errorf("adjusted by %q: class %q, want %q", text, got, want)
		}
	}
	for file, text := range map[string]string{
		"sys/fs/cgroup/cpu.stat":     "usage_usec 9\nthrottled_usec 1500\n",
		"sys/fs/cgroup/cpu/cpu.stat": "nr_periods 9\nthrottled_time 1500000\n",
	} {
		if got := throttled(tree(t, file, text)); got != int64(1500*time.Microsecond) {
			t.Errorf("%s: %d ns, want 1.5 ms", file, got)
		}
	}
	if got := throttled(t.TempDir()); got != 0 {
		t.Errorf("without control groups %d", got)
	}
}

// tree is a folder with one file.
func tree(t *testing.T, file, text string) string {
	t.Helper()
	root := t.TempDir()
	path := filepath.Join(root, file)
	if err := errors.Join(os.MkdirAll(filepath.Dir(path), 0o755), os.WriteFile(path, []byte(text), 0o644)); err != nil {
		t.Fatal(err)
	}
	return root
}
