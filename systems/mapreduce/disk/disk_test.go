package disk

import (
	"os"
	"strings"
	"syscall"
	"testing"
)

// What is no file is refused at once, also where opening it would wait.
func TestOpenRefuses(t *testing.T) {
	t.Chdir(t.TempDir())
	if err := os.Mkdir("folder", 0o700); err != nil {
		t.Fatal(err)
	}
	if err := syscall.Mkfifo("pipe", 0o600); err != nil {
		t.Fatal(err)
	}
	for name, want := range map[string]string{"folder": "folder is a folder", "pipe": "pipe is not a regular file", "absent": "no such file"} {
		f, err := Disk{}.Open(name)
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: %v, %v", name, f, err)
		}
	}
	if err := (Disk{}).SyncDir(""); err != nil {
		t.Error(err)
	}
}
