package process

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"dyno/systems"
)

const (
	mountV1 = "32 24 0:26 / /sys/fs/cgroup/cpu,cpuacct rw,nosuid shared:9 - cgroup cgroup rw,cpu,cpuacct\n"
	mountV2 = "30 24 0:25 / /sys/fs/cgroup rw,nosuid shared:4 - cgroup2 cgroup2 rw\n"
	inside  = "30 24 0:25 /docker/abc /sys/fs/cgroup rw - cgroup2 cgroup2 rw\n"
)

// machine lays out the files of a machine.
func machine(t *testing.T, files map[string]string) (root string) {
	t.Helper()
	root = t.TempDir()
	for name, text := range files {
		path := filepath.Join(root, name)
		if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	return root
}

func TestFindGroupHome(t *testing.T) {
	const mounts, own, control = "proc/self/mountinfo", "proc/self/cgroup", "/cgroup.subtree_control"
	for name, c := range map[string]struct {
		files map[string]string
		dir   string // or the words of the error
		v2    bool
		err   string
	}{
		"version 1":            {map[string]string{mounts: mountV2 + mountV1, own: "0::/x\n4:cpuacct,cpu:/a/b\n"}, "sys/fs/cgroup/cpu,cpuacct/a/b", false, ""},
		"version 2, beside":    {map[string]string{mounts: mountV2, own: "0::/user/me\n", "sys/fs/cgroup/user" + control: "cpu io\n"}, "sys/fs/cgroup/user", true, ""},
		"version 2, the root":  {map[string]string{mounts: mountV2, own: "0::/\n", "sys/fs/cgroup" + control: "memory cpu\n"}, "sys/fs/cgroup", true, ""},
		"version 2, container": {map[string]string{mounts: inside, own: "0::/docker/abc/me\n", "sys/fs/cgroup" + control: "cpu\n"}, "sys/fs/cgroup", true, ""},
		"not delegated":        {map[string]string{mounts: mountV2, own: "0::/user/me\n", "sys/fs/cgroup/user" + control: "memory\n"}, "", false, "not enabled"},
		"not mounted":          {map[string]string{mounts: "1 2 0:1 / / rw - ext4 x rw\n", own: "0::/\n"}, "", false, "is mounted"},
		"no control groups":    {map[string]string{mounts: ""}, "", false, "in no control group"},
		"another system":       {nil, "", false, "no control groups"},
	} {
		t.Run(name, func(t *testing.T) {
			root := machine(t, c.files)
			home, err := findGroupHome(root, "cpu")
			if c.err != "" {
				if !errors.Is(err, systems.ErrNoQuota) || !strings.Contains(err.Error(), c.err) {
					t.Errorf("error %v, want one that says %q", err, c.err)
				}
				return
			}
			if err != nil || home.dir != filepath.Join(root, c.dir) || home.v2 != c.v2 {
				t.Errorf("%+v, %v; want %s", home, err, c.dir)
			}
		})
	}
}

// What is written is what the kernel's documents say; a file that is missing is
// not made.
func TestGroupLimit(t *testing.T) {
	root := machine(t, map[string]string{"a/cpu.cfs_period_us": "", "a/cpu.cfs_quota_us": "", "a/cgroup.procs": "", "b/cpu.max": "", "b/cgroup.procs": ""})
	if err := (groupHome{}).limit(filepath.Join(root, "a"), 77, 0.2); err != nil {
		t.Error(err)
	}
	if err := (groupHome{v2: true}).limit(filepath.Join(root, "b"), 77, 0.05); err != nil {
		t.Error(err)
	}
	for name, want := range map[string]string{
		"a/cpu.cfs_period_us": "10000", "a/cpu.cfs_quota_us": "2000", "a/cgroup.procs": "77",
		"b/cpu.max": "1000 20000", "b/cgroup.procs": "77",
	} {
		if got, err := os.ReadFile(filepath.Join(root, name)); err != nil || string(got) != want {
			t.Errorf("%s: %q, %v; want %q", name, got, err, want)
		}
	}
	if err := (groupHome{}).limit(filepath.Join(root, "b"), 77, 0.2); !errors.Is(err, systems.ErrNoQuota) {
		t.Errorf("without the files of version 1: %v", err)
	}
}
