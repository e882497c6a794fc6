package doctor

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// Each finding says what it found, and what is not here what that costs.
func TestExamine(t *testing.T) {
	names := make(map[string]bool)
	for _, f := range Examine(t.Context()) {
		if f.Name == "" || names[f.Name] || f.Found == "" || f.Here != (f.Costs == "") {
			t.Errorf("%+v", f)
		}
		names[f.Name] = true
	}
	for _, want := range []string{"processor cores", "durable writes", "nginx 1", "etcd 3"} {
		if !names[want] {
			t.Errorf("nothing is said of %s", want)
		}
	}
}

func TestLacks(t *testing.T) {
	if f := cores(1); f.Here || f.Costs == "" {
		t.Errorf("one core: %+v", f)
	}
	if f := cores(2); !f.Here {
		t.Errorf("two cores: %+v", f)
	}
	if f := sync(filepath.Join(t.TempDir(), "none")); f.Here || !strings.Contains(f.Found, "none") {
		t.Errorf("no folder: %+v", f)
	}
	t.Setenv("PATH", t.TempDir())
	if f := program("mawk", "this"); f.Here || f.Costs != "this" || f.Get == "" {
		t.Errorf("no mawk: %+v", f)
	}
	if f := client(); f.Here || f.Get == "" {
		t.Errorf("no client: %+v", f)
	}
}

// Nothing is left behind.
func TestNothingStays(t *testing.T) {
	dir := t.TempDir()
	if f := sync(dir); !strings.Contains(f.Found, dir) {
		t.Errorf("%+v", f)
	}
	if left, err := os.ReadDir(dir); err != nil || len(left) > 0 {
		t.Errorf("%v, %v", left, err)
	}
}
