package experiments

import (
	"os"
	"os/exec"
	"path/filepath"
	"testing"
)

// A program that is built anew while this process runs has another fingerprint.
func TestFingerprintIsOfNow(t *testing.T) {
	path := filepath.Join(t.TempDir(), "dyno")
	var p printed
	var sums []string
	for _, text := range []string{"one", "one", "three"} {
		if err := os.WriteFile(path, []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
		sum, err := p.fingerprint(path, "")
		if err != nil {
			t.Fatal(err)
		}
		sums = append(sums, sum)
	}
	if sums[0] != sums[1] || sums[1] == sums[2] {
		t.Errorf("%q", sums)
	}
}

// Who runs dyno in the repository of another program does not have that one's
// commit shown for dyno's.
func TestCheckoutIsDynos(t *testing.T) {
	if _, err := exec.LookPath("git"); err != nil {
		t.Skip("no git")
	}
	for module, want := range map[string]bool{"dyno": true, "shop": false} {
		dir := t.TempDir()
		write := func(name, text string) {
			if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o644); err != nil {
				t.Fatal(err)
			}
		}
		git := func(args ...string) {
			c := exec.Command("git", append([]string{"-C", dir, "-c", "user.name=x", "-c", "user.email=x@example.org"}, args...)...)
			if out, err := c.CombinedOutput(); err != nil {
				t.Fatalf("git %q: %v: %s", args, err, out)
			}
		}
		git("init", "-q")
		write("go.mod", "module "+module+"\n")
		git("add", ".")
		git("commit", "-q", "-m", "x")
		for _, changed := range []bool{false, true} {
			if changed {
				write("main.go", "package main\n")
			}
			commit, dirty := checkout(t.Context(), dir)
			if (len(commit) == 40) != want || dirty != (want && changed) {
				t.Errorf("module %s, changed %v: commit %q, dirty %v", module, changed, commit, dirty)
			}
		}
	}
	if commit, dirty := checkout(t.Context(), t.TempDir()); commit != "" || dirty {
		t.Errorf("no repository: commit %q, dirty %v", commit, dirty)
	}
}
