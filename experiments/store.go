package experiments

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"reflect"

	"dyno/internal/record"
)

// store writes one experiment's results: DIR/results/NAME/run.json and
// trials.jsonl. A trial is on disk before the next one starts.
type store struct {
	dir    string
	run    *record.Run
	trials *os.File
	done   map[string]*record.Trial // what an interrupted run had finished
}

// openStore continues an interrupted run of the same plan by the same binary,
// unless fresh; any other earlier results are replaced.
func openStore(out string, run *record.Run, fresh bool) (*store, error) {
	s := &store{dir: filepath.Join(out, "results", run.Experiment.Name), run: run, done: make(map[string]*record.Trial)}
	if err := os.MkdirAll(s.dir, 0o755); err != nil {
		return nil, unwritable(err)
	}
	path := filepath.Join(s.dir, "trials.jsonl")
	var keep int64
	if !fresh {
		var err error
		if keep, err = s.resume(path); err != nil {
			return nil, err
		}
	}
	f, err := os.OpenFile(path, os.O_RDWR|os.O_CREATE, 0o644)
	if err != nil {
		return nil, unwritable(err)
	}
	s.trials = f
	if err := f.Truncate(keep); err != nil {
		return nil, errors.Join(unwritable(err), f.Close())
	}
	if _, err := f.Seek(keep, 0); err != nil {
		return nil, errors.Join(err, f.Close())
	}
	return s, s.describe()
}

// resume reads what an earlier run left, if it is this run cut short, and
// returns how many bytes of its trials are whole. A line that was torn by a
// crash is measured again.
func (s *store) resume(path string) (int64, error) {
	text, err := os.ReadFile(filepath.Join(s.dir, "run.json"))
	if errors.Is(err, fs.ErrNotExist) {
		return 0, nil
	}
	if err != nil {
		return 0, err
	}
	var old record.Run
	if json.Unmarshal(text, &old) != nil || !continues(&old, s.run) {
		return 0, nil
	}
	lines, err := os.ReadFile(path)
	if errors.Is(err, fs.ErrNotExist) {
		return 0, nil
	}
	if err != nil {
		return 0, err
	}
	s.run.Started, s.run.Blocks = old.Started, old.Blocks
	var keep int64
	for line := range bytes.Lines(lines) {
		t := new(record.Trial)
		if !bytes.HasSuffix(line, []byte("\n")) || json.Unmarshal(line, t) != nil {
			break
		}
		keep += int64(len(line))
		s.done[t.ID] = t
	}
	return keep, nil
}

// continues reports whether a stored run is an unfinished one of the same
// files, selection, seed and binary.
func continues(old, now *record.Run) bool {
	return old.Finished == nil && old.Binary == now.Binary && old.Scale == now.Scale && old.Seed == now.Seed &&
		reflect.DeepEqual(old.Trials, now.Trials) && sameJSON(old.Experiment, now.Experiment)
}

// sameJSON compares by what is stored: an absent list and an empty one are
// the same there.
func sameJSON(a, b any) bool {
	x, errX := json.Marshal(a)
	y, errY := json.Marshal(b)
	return errX == nil && errY == nil && bytes.Equal(x, y)
}

// unwritable says what to do about a folder that takes no results.
func unwritable(err error) error {
	var pe *os.PathError
	if errors.As(err, &pe) {
		return fmt.Errorf("cannot write results to %s: %w; choose another folder with --out", pe.Path, pe.Err)
	}
	return err
}

// append adds one trial and syncs it.
func (s *store) append(t *record.Trial) error {
	line, err := json.Marshal(t)
	if err != nil {
		return fmt.Errorf("trial %s: %w", t.ID, err)
	}
	if _, err := s.trials.Write(append(line, '\n')); err != nil {
		return unwritable(err)
	}
	return s.trials.Sync()
}

// describe writes run.json.
func (s *store) describe() error { return writeJSON(filepath.Join(s.dir, "run.json"), s.run) }

// writeJSON writes a file whole or not at all.
func writeJSON(path string, v any) error {
	text, err := json.MarshalIndent(v, "", " ")
	if err != nil {
		return err
	}
	tmp := path + ".tmp"
	if err := writeSynced(tmp, append(text, '\n')); err != nil {
		return unwritable(err)
	}
	return os.Rename(tmp, path)
}

func writeSynced(path string, text []byte) error {
	f, err := os.Create(path)
	if err != nil {
		return err
	}
	_, err = f.Write(text)
	return errors.Join(err, f.Sync(), f.Close())
}

func (s *store) close() error { return s.trials.Close() }
