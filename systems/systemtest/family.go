package systemtest

import (
	"bytes"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"time"
)

const familyPause = 10 * time.Millisecond // between two looks

// family is the set of processes that descend from this test run, however many
// generations and dead parents lie between: they bear its mark in their
// environment. Where there is no /proc, it is empty and nothing is noticed.
type family map[int]string

func relatives() (family, error) {
	mark := os.Getenv(familyVar)
	if mark == "" {
		return nil, errors.New("the TestMain of this package is not systemtest.Main: roles cannot be started")
	}
	environs, err := filepath.Glob("/proc/[0-9]*/environ")
	if err != nil {
		return nil, err
	}
	f := make(family)
	for _, path := range environs {
		env, err := os.ReadFile(path)
		if err != nil || !bytes.Contains(env, []byte(familyVar+"="+mark+"\x00")) {
			continue // ended, another user's, or a stranger
		}
		dir := filepath.Dir(path)
		pid, err := strconv.Atoi(filepath.Base(dir))
		if err != nil || pid == os.Getpid() {
			continue
		}
		if cmdline, err := os.ReadFile(filepath.Join(dir, "cmdline")); err == nil {
			f[pid] = strings.TrimSpace(strings.ReplaceAll(string(cmdline), "\x00", " "))
		}
	}
	return f, nil
}

// newcomers waits until all processes are gone that were not there before, and
// is an error when some stay for longer than the bound.
func newcomers(before family, bound time.Duration) error {
	for end := time.Now().Add(bound); ; time.Sleep(familyPause) {
		now, err := relatives()
		if err != nil {
			return err
		}
		var errs []error
		for pid, cmdline := range now {
			if _, old := before[pid]; !old {
				errs = append(errs, fmt.Errorf("process %d was left behind: %s", pid, cmdline))
			}
		}
		if len(errs) == 0 || time.Now().After(end) {
			return errors.Join(errs...)
		}
	}
}
