package agent

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
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
	if got := throttled(t.TempDir()); got != 0 {
		t.Errorf("without control groups %d", got)
	}
}

// A quota may be that of the own control group, or of one around it, in both versions.
func TestThrottled(t *testing.T) {
	for file, own := range map[string]string{
		"cpu.stat":                          "0::/", // a container
		"user.slice/ssh.scope/cpu.stat":     "0::/user.slice/ssh.scope",
		"user.slice/cpu.stat":               "1:name=systemd:/\n0::/user.slice/ssh.scope\n",
		"unified/user.slice/cpu.stat":       "2:memory:/\n0::/user.slice\n",
		"cpu/cpu.stat":                      "3:cpu:/",
		"cpu,cpuacct/user/session/cpu.stat": "4:cpu,cpuacct:/user/session\n5:cpuset:/other\n",
	} {
		text := "usage_usec 9\nthrottled_usec 1500\n"
		if strings.HasPrefix(file, "cpu/") || strings.HasPrefix(file, "cpu,") {
			text = "nr_periods 9\nthrottled_time 1500000\n"
		}
		root := tree(t, "sys/fs/cgroup/"+file, text)
		put(t, root, "proc/self/cgroup", own)
		put(t, root, "sys/fs/cgroup/other/cpu.stat", text)
		if got := throttled(root); got != int64(1500*time.Microsecond) {
			t.Errorf("%s of %q: %d ns, want 1.5 ms", file, own, got)
		}
	}
}

// tree is a folder with one file.
func tree(t *testing.T, file, text string) string {
	t.Helper()
	root := t.TempDir()
	put(t, root, file, text)
	return root
}

func put(t *testing.T, root, file, text string) {
	t.Helper()
	path := filepath.Join(root, file)
	if err := errors.Join(os.MkdirAll(filepath.Dir(path), 0o755), os.WriteFile(path, []byte(text), 0o644)); err != nil {
		t.Fatal(err)
	}
}
