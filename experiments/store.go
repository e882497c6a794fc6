package experiments

import (
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"

	"dyno/internal/record"
)

// store writes one experiment's results: DIR/results/NAME/run.json and
// trials.jsonl. A trial is on disk before the next one starts.
type store struct {
	dir    string
	trials *os.File
}

// openStore replaces the results of an earlier run.
func openStore(out, name string) (*store, error) {
	dir := filepath.Join(out, "results", name)
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return nil, unwritable(err)
	}
	f, err := os.Create(filepath.Join(dir, "trials.jsonl"))
	if err != nil {
		return nil, unwritable(err)
	}
	return &store{dir: dir, trials: f}, nil
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

// describe writes run.json, whole or not at all.
func (s *store) describe(r *record.Run) error {
	text, err := json.MarshalIndent(r, "", " ")
	if err != nil {
		return err
	}
	path := filepath.Join(s.dir, "run.json")
	tmp := path + ".tmp"
	if err := os.WriteFile(tmp, append(text, '\n'), 0o644); err != nil {
		return unwritable(err)
	}
	return os.Rename(tmp, path)
}

func (s *store) close() error { return s.trials.Close() }
