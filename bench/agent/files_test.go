package agent

import (
	"errors"
	"os"
	"path/filepath"
	"testing"

	agentv1 "dyno/proto/agent/v1"
)

// Copies go nowhere but into the trial's folder, whatever the other side names, and
// come from nowhere else; when it is gone they do not bring it back.
func TestCopiesStayInside(t *testing.T) {
	outside, inside := t.TempDir(), filepath.Join(t.TempDir(), "trial")
	if err := errors.Join(os.WriteFile(filepath.Join(outside, "secret"), []byte("s"), 0o600), os.Mkdir(inside, 0o700),
		os.Symlink(outside, filepath.Join(inside, "link"))); err != nil {
		t.Fatal(err)
	}
	root, err := os.OpenRoot(inside)
	if err != nil {
		t.Fatal(err)
	}
	put := func(path string) error {
		w := &writer{root: root}
		defer w.abandon()
		return errors.Join(w.begin(&agentv1.File{Path: path, Mode: 0o4644}), w.write([]byte("x")), w.end())
	}
	for _, path := range []string{"../x", "a/../../x", filepath.Join(outside, "x"), "link/x"} {
		if err := put(path); err == nil {
			t.Errorf("%s was written", path)
		}
	}
	if err := send(root, &agentv1.File{Path: "link/secret", Size: 1}, func(bool, []byte) error { return nil }); err == nil {
		t.Error("a file outside was sent")
	}
	if err := put("deep/x"); err != nil {
		t.Error(err)
	}
	if files, err := list(root, []string{"link", "link/secret", "absent", "."}); len(files) != 3 { // the folder, deep, deep/x
		t.Errorf("%v are listed, %v", files, err)
	}
	if left, err := os.ReadDir(outside); err != nil || len(left) != 1 {
		t.Errorf("outside are %v, %v", left, err)
	}
	if err := errors.Join(root.Close(), os.RemoveAll(inside)); err != nil {
		t.Fatal(err)
	}
	if err := put("deep/y"); err == nil {
		t.Error("a file of a trial that is over was written")
	}
	if _, err := os.Stat(inside); err == nil {
		t.Error("the folder of a trial that is over is there again")
	}
}
