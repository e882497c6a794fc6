package mapreduce

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strconv"
	"strings"

	"dyno/systems/mapreduce/core/task"
	"dyno/systems/mapreduce/disk"
)

// scratchName is the folder within the output folder that a job lives in while
// it runs.
const scratchName = ".dyno-mapreduce"

// layout says where the files of a job are.
type layout struct{ out string }

func (l layout) scratch() string { return filepath.Join(l.out, scratchName) }
func (l layout) journal() string { return filepath.Join(l.scratch(), "journal") }
func (l layout) address() string { return filepath.Join(l.scratch(), "master") }
func (l layout) staged() string  { return filepath.Join(l.scratch(), "out") }

func (l layout) stagedOutput(reduce int) string {
	return filepath.Join(l.staged(), task.OutputName(reduce))
}

func (l layout) output(reduce int) string { return filepath.Join(l.out, task.OutputName(reduce)) }

// make creates all folders.
func (l layout) make() error {
	err := os.MkdirAll(l.scratch(), 0o777)
	if err == nil {
		err = disk.Spread(l.scratch())
	}
	if err == nil {
		err = os.MkdirAll(l.staged(), 0o777)
	}
	if err != nil {
		return fmt.Errorf("folder for the job: %w", err)
	}
	return nil
}

// makeRuns makes a folder for runs and returns its name. It is a new one each
// time, since the file system places folders by their names: see
// [disk.Spread].
func (l layout) makeRuns() (string, error) {
	dir, err := os.MkdirTemp(l.scratch(), "runs-")
	if err != nil {
		return "", fmt.Errorf("folder for the runs: %w", err)
	}
	return dir, nil
}

// occupied says what is in the output folder: a job's scratch folder, and
// anything else.
func (l layout) occupied() (scratch, other bool, err error) {
	entries, err := os.ReadDir(l.out)
	if errors.Is(err, fs.ErrNotExist) {
		return false, false, nil
	}
	if err != nil {
		return false, false, err
	}
	for _, e := range entries {
		if e.Name() == scratchName {
			scratch = true
		} else {
			other = true
		}
	}
	return scratch, other, nil
}

// publish puts the finished outputs in place of what was there, and removes
// outputs of an earlier job beyond them. It may be repeated after a crash: an
// output that is not staged any more was published then. So the caller first
// has made sure, with sync, that what is staged stays.
func (l layout) publish(reduces int) error {
	for x := range reduces {
		err := os.Rename(l.stagedOutput(x), l.output(x))
		if errors.Is(err, fs.ErrNotExist) {
			if _, there := os.Stat(l.output(x)); there == nil {
				continue
			}
		}
		if err != nil {
			return fmt.Errorf("publishing %s: %w", l.output(x), err)
		}
	}
	entries, err := os.ReadDir(l.out)
	if err != nil {
		return err
	}
	for _, e := range entries {
		digits, ok := strings.CutPrefix(e.Name(), "mr-out-")
		if n, err := strconv.Atoi(digits); ok && err == nil && n >= reduces {
			if err := os.Remove(filepath.Join(l.out, e.Name())); err != nil {
				return fmt.Errorf("removing the output of an earlier job: %w", err)
			}
		}
	}
	return syncDir(l.out)
}

// remove takes the scratch folder away.
func (l layout) remove() error { return os.RemoveAll(l.scratch()) }

// presence says which folders were there before a job began.
type presence struct{ out, scratch bool }

func (l layout) look() presence {
	_, out := os.Stat(l.out)
	_, scratch := os.Stat(l.scratch())
	return presence{out: out == nil, scratch: scratch == nil}
}

// restore takes the scratch folder away, and the output folder if it is empty
// and was not there before.
func (l layout) restore(before presence) error {
	err := l.remove()
	if !before.out {
		_ = os.Remove(l.out) // it stays unless it is empty
	}
	return err
}

// writeFile replaces a small file at once.
func writeFile(name, content string) error {
	temp := name + ".new"
	if err := os.WriteFile(temp, []byte(content), 0o666); err != nil {
		return err
	}
	return os.Rename(temp, name)
}

// sync makes the names of staged outputs durable; the tasks did so with their
// content.
func (l layout) sync() error { return syncDir(l.staged()) }

func syncDir(name string) error {
	f, err := os.Open(name)
	if err != nil {
		return err
	}
	return errors.Join(f.Sync(), f.Close())
}
