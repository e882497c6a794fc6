package sample

import (
	"math"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

// write lays files under a folder.
func write(t *testing.T, root string, files map[string]string) {
	t.Helper()
	for name, text := range files {
		path := filepath.Join(root, name)
		if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
	}
}

const container = "0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef"

// A group is found by its folder, its path, or its container, in both versions
// of control groups.
func TestFindGroup(t *testing.T) {
	v1, v2 := t.TempDir(), t.TempDir()
	write(t, v1, map[string]string{
		"cpuacct/web/cpuacct.usage": "2500000000\n", "memory/web/memory.usage_in_bytes": "4096\n",
		"cpuacct/docker/" + container + "/cpuacct.usage": "1000000000\n",
		"unified/web/cgroup.procs":                       "",
	})
	write(t, v2, map[string]string{
		"web/cpu.stat": "usage_usec 2500000\nuser_usec 2000000\n", "web/memory.current": "4096\n",
		"system.slice/docker-" + container + ".scope/cpu.stat": "usage_usec 1000000\n",
		"empty/cpu.stat": "nr_periods 0\n",
	})
	for _, c := range []struct {
		root, name string
		seconds    float64
		memory     float64
	}{
		{v1, "web", 2.5, 4096},
		{v1, filepath.Join(v1, "cpuacct", "web"), 2.5, 4096},
		{v1, "cpuacct/web/", 2.5, 4096},
		{v2, "web", 2.5, 4096},
		{v2, filepath.Join(v2, "web"), 2.5, 4096},
		{v1, container, 1, math.NaN()},
		{v2, container[:12], 1, math.NaN()},
		{v1, filepath.Join(v2, "web"), 2.5, 4096}, // mounted elsewhere
	} {
		g, err := findGroup(c.root, c.name)
		if err != nil {
			t.Errorf("%s: %v", c.name, err)
			continue
		}
		r, err := g.probe()
		if err != nil || r[cpu] != c.seconds || r[rss] != c.memory && !math.IsNaN(c.memory) || math.IsNaN(r[rss]) != math.IsNaN(c.memory) {
			t.Errorf("%s: %v, %v; want %v s, %v B", c.name, r, err, c.seconds, c.memory)
		}
	}
	for _, name := range []string{"nothing", "empty", "../web", "fedcba987654", "/"} {
		if g, err := findGroup(v2, name); err == nil {
			t.Errorf("%s: found %+v", name, g)
		}
	}
}

// What a group uses while it is sampled is what its files say it grew by; that it
// goes is noticed.
func TestSampleGroup(t *testing.T) {
	dir := t.TempDir()
	write(t, dir, map[string]string{"cpu.stat": "usage_usec 1000000\n", "memory.current": "100\n"})
	begin := time.Now()
	s, err := Start(t.Context(), []Target{{Name: "service", Group: dir}}, time.Hour)
	if err != nil {
		t.Fatal(err)
	}
	write(t, dir, map[string]string{"cpu.stat": "usage_usec 1250000\n", "memory.current": "300\n"})
	got := s.Stop()
	if u := got.Window("service", begin, time.Now()); math.Abs(u.CPUSeconds-0.25) > 1e-9 || u.MaxRSSBytes != 300 || u.Ended {
		t.Errorf("%+v", u)
	}
	if _, err := Start(t.Context(), []Target{{Name: "service", Group: filepath.Join(dir, "gone")}}, 0); err == nil || !strings.Contains(err.Error(), "gone") {
		t.Errorf("a group that is not there: %v", err)
	}
}
