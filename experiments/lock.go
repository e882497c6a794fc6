package experiments

import (
	"cmp"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
	"syscall"
)

// Lock keeps other runs out of a folder of results until it is closed, or this
// process ends, however that is: trials measured at once would disturb one
// another, and two writers a file.
func Lock(out string) (io.Closer, error) {
	path := filepath.Join(out, "results", ".lock")
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		return nil, unwritable(err)
	}
	f, err := os.OpenFile(path, os.O_RDWR|os.O_CREATE, 0o644)
	if err != nil {
		return nil, unwritable(err)
	}
	err = syscall.Flock(int(f.Fd()), syscall.LOCK_EX|syscall.LOCK_NB)
	if errors.Is(err, syscall.EWOULDBLOCK) {
		pid, _ := io.ReadAll(io.LimitReader(f, 20))
		err = fmt.Errorf("another run writes here (pid %s): %s; wait until it is over, or choose another folder with --out",
			cmp.Or(strings.TrimSpace(string(pid)), "not known yet"), out)
	}
	if err == nil {
		// Who the last holder was is of no use: a pid that is half written or
		// missing only spoils the message.
		_ = f.Truncate(0)
		_, _ = fmt.Fprintln(f, os.Getpid())
		return f, nil
	}
	return nil, errors.Join(err, f.Close())
}
