package process

import (
	"os"
	"path/filepath"
	"testing"
)

func TestGroupCPU(t *testing.T) {
	for name, c := range map[string]struct {
		file, text string
		want       float64
	}{
		"version 2":                {"cpu.stat", "usage_usec 1500000\nuser_usec 1000000\n", 1.5},
		"version 1":                {"cpuacct.usage", "2500000000\n", 2.5},
		"version 1, limits only":   {"cpu.stat", "nr_periods 3\nnr_throttled 1\nthrottled_time 5\n", 0},
		"nothing":                  {"other", "", 0},
		"something else is there":  {"cpuacct.usage", "many\n", 0},
		"something else is in it":  {"cpu.stat", "usage_usec many\n", 0},
		"a line that is cut short": {"cpu.stat", "usage_usec", 0},
	} {
		dir := t.TempDir()
		if err := os.WriteFile(filepath.Join(dir, c.file), []byte(c.text), 0o600); err != nil {
			t.Fatal(err)
		}
		if got := groupCPU(dir); got != c.want {
			t.Errorf("%s: %v, want %v", name, got, c.want)
		}
	}
}
