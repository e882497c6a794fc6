package config

import (
	"crypto/rand"
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

// Layout says where the files of a job are.
type Layout struct{ Out string }

// Scratch is the folder that a job lives in while it runs.
func (l Layout) Scratch() string { return filepath.Join(l.Out, scratchName) }

// Journal is the folder of the master's journal.
func (l Layout) Journal() string { return filepath.Join(l.Scratch(), "journal") }

// Address is the file in which the master says where it listens.
func (l Layout) Address() string { return filepath.Join(l.Scratch(), "master") }

// Staged is the folder of outputs that are not published yet.
func (l Layout) Staged() string { return filepath.Join(l.Scratch(), "out") }

// StagedOutput is where a reduce task leaves its output.
func (l Layout) StagedOutput(reduce int) string {
	return filepath.Join(l.Staged(), task.OutputName(reduce))
}

// Output is where it is published.
func (l Layout) Output(reduce int) string { return filepath.Join(l.Out, task.OutputName(reduce)) }

// RunPath is where a map task has left a run.
func RunPath(dir, jobID string, mapTask, reduceTask int) string {
	return filepath.Join(dir, task.RunName(jobID, mapTask, reduceTask))
}

// Make creates all folders.
func (l Layout) Make() error {
	err := os.MkdirAll(l.Scratch(), 0o777)
	if err == nil {
		err = disk.Spread(l.Scratch())
	}
	if err == nil {
		err = os.MkdirAll(l.Staged(), 0o777)
	}
	if err != nil {
		return fmt.Errorf("folder for the job: %w", err)
	}
	return nil
}

// Runs names a folder for runs that is not there yet: a new one each time, since
// the file system places folders by their names, see [disk.Spread].
func (l Layout) Runs() string { return filepath.Join(l.Scratch(), "runs-"+rand.Text()) }

// occupied says what is in the output folder: a job's scratch folder, and
// anything else.
func (l Layout) occupied() (scratch, other bool, err error) {
	entries, err := os.ReadDir(l.Out)
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

// Publish puts the finished outputs in place of what was there, and removes
// outputs of an earlier job beyond them. It may be repeated after a crash: an
// output that is not staged any more was published then. So the caller first
// has made sure, with sync, that what is staged stays.
func (l Layout) Publish(reduces int) error {
	for x := range reduces {
		err := os.Rename(l.StagedOutput(x), l.Output(x))
		if errors.Is(err, fs.ErrNotExist) {
			if _, there := os.Stat(l.Output(x)); there == nil {
				continue
			}
		}
		if err != nil {
			return fmt.Errorf("publishing %s: %w", l.Output(x), err)
		}
	}
	entries, err := os.ReadDir(l.Out)
	if err != nil {
		return err
	}
	for _, e := range entries {
		digits, ok := strings.CutPrefix(e.Name(), "mr-out-")
		if n, err := strconv.Atoi(digits); ok && err == nil && n >= reduces {
			if err := os.Remove(filepath.Join(l.Out, e.Name())); err != nil {
				return fmt.Errorf("removing the output of an earlier job: %w", err)
			}
		}
	}
	return disk.Disk{}.SyncDir(l.Out)
}

// Remove takes the scratch folder away.
func (l Layout) Remove() error { return os.RemoveAll(l.Scratch()) }

// presence says which folders were there before a job began.
type presence struct{ out, Scratch bool }

// Look says which folders are there.
func (l Layout) Look() presence {
	_, out := os.Stat(l.Out)
	_, scratch := os.Stat(l.Scratch())
	return presence{out: out == nil, Scratch: scratch == nil}
}

// Restore takes the scratch folder away, and the output folder if it is empty
// and was not there before.
func (l Layout) Restore(before presence) error {
	err := l.Remove()
	if !before.out {
		_ = os.Remove(l.Out) // it stays unless it is empty
	}
	return err
}

// Sync makes the names of staged outputs durable; the tasks did so with their
// content.
func (l Layout) Sync() error { return disk.Disk{}.SyncDir(l.Staged()) }
