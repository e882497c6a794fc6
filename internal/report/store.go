package report

import (
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"

	"dyno/internal/record"
)

// Limits on what is read.
const (
	maxRunFile = 16 << 20 // bytes of run.json
	maxTrials  = 1 << 30  // bytes of trials.jsonl
	maxLine    = 16 << 20 // bytes of one trial
	maxCells   = 100_000
)

// Store is everything that was measured, by experiment.
type Store struct {
	Results  []*Result // in the order of their names
	Warnings []string  // what was left out, and why
}

// Result is one experiment's run.
type Result struct {
	Run    record.Run
	Trials []*record.Trial // in the order in which they were made; without those of controls

	cells    []*cell
	controls []*control
}

// Load reads all results under DIR/results. There may be none. A file that
// cannot be read, does not fit its run or contradicts itself is an error that
// names file and line; the torn last line of a run that crashed is only a
// warning. Fields that this version does not know are ignored, so that results
// of a newer one can still be drawn: what must hold for a number to be shown is
// checked below, and those checks would miss nothing.
func Load(dir string) (*Store, error) {
	root := filepath.Join(dir, "results")
	entries, err := os.ReadDir(root)
	if errors.Is(err, fs.ErrNotExist) {
		return &Store{}, nil
	}
	if err != nil {
		return nil, err
	}
	s := &Store{}
	for _, e := range entries {
		folder := filepath.Join(root, e.Name())
		if !e.IsDir() || !isFile(filepath.Join(folder, "run.json")) {
			if isFile(filepath.Join(folder, "trials.jsonl")) {
				s.Warnings = append(s.Warnings, fmt.Sprintf("results/%s has no run.json: left out", e.Name()))
			}
			continue
		}
		r, warning, err := loadResult(folder, e.Name())
		if err != nil {
			return nil, err
		}
		s.Results = append(s.Results, r)
		if warning != "" {
			s.Warnings = append(s.Warnings, warning)
		}
	}
	return s, nil
}

func isFile(path string) bool {
	info, err := os.Stat(path)
	return err == nil && info.Mode().IsRegular()
}

// Open reads one result, a folder with run.json and trials.jsonl, whatever the
// folder is called. The warning is about what was left out; empty: nothing.
func Open(folder string) (r *Result, warning string, err error) { return loadResult(folder, "") }

// loadResult reads a result; a name is what the experiment must be called.
func loadResult(folder, name string) (r *Result, warning string, err error) {
	path := filepath.Join(folder, "run.json")
	text, err := readFile(path, maxRunFile)
	if err != nil {
		return nil, "", err
	}
	r = &Result{}
	if err := json.Unmarshal(text, &r.Run); err != nil {
		return nil, "", fmt.Errorf("%s: %w", path, err)
	}
	if got := r.Run.Experiment.Name; name != "" && got != name {
		return nil, "", fmt.Errorf("%s: describes experiment %q; want %q, the name of its folder", path, got, name)
	}
	if r.cells, err = cells(&r.Run.Experiment); err != nil {
		return nil, "", fmt.Errorf("%s: %w", path, err)
	}
	r.controls = controls(&r.Run.Experiment)
	path = filepath.Join(folder, "trials.jsonl")
	text, err = readFile(path, maxTrials)
	if errors.Is(err, fs.ErrNotExist) {
		text, err = nil, nil // cut short before the first trial
	}
	if err != nil {
		return nil, "", err
	}
	torn, err := r.read(path, text)
	if torn > 0 {
		warning = fmt.Sprintf("results/%s/trials.jsonl:%d: the last line is torn (a crash while it was written): left out", r.Run.Experiment.Name, torn)
	}
	if err == nil {
		err = r.yardsticks(path)
	}
	r.settle()
	return r, warning, err
}

func readFile(path string, limit int64) ([]byte, error) {
	info, err := os.Stat(path)
	if err != nil {
		return nil, err
	}
	if info.Size() > limit {
		return nil, fmt.Errorf("%s: %d bytes, more than the limit of %d", path, info.Size(), limit)
	}
	return os.ReadFile(path)
}

// read takes in the lines of trials.jsonl. torn is the number of a last line
// that was not written to its end; 0 when there is none.
func (r *Result) read(path string, text []byte) (torn int, err error) {
	seen := make(map[string]int)
	lines := strings.SplitAfter(string(text), "\n")
	for i, line := range lines {
		if line == "" {
			continue // after the last newline
		}
		if len(line) > maxLine {
			return 0, fmt.Errorf("%s:%d: a line of %d bytes, more than the limit of %d", path, i+1, len(line), maxLine)
		}
		t := new(record.Trial)
		if err := json.Unmarshal([]byte(line), t); err != nil {
			if !strings.HasSuffix(line, "\n") {
				return i + 1, nil
			}
			return 0, fmt.Errorf("%s:%d: %w", path, i+1, err)
		}
		if err := r.take(t, i+1, seen); err != nil {
			return 0, fmt.Errorf("%s:%d: trial %s: %w", path, i+1, t.ID, err)
		}
	}
	return 0, nil
}

// take adds a trial that fits the run and does not contradict itself.
func (r *Result) take(t *record.Trial, line int, seen map[string]int) error {
	name := r.Run.Experiment.Name
	switch {
	case t.ID == "":
		return errors.New("has no id")
	case t.Experiment != name:
		return fmt.Errorf("belongs to experiment %q, the file to %q", t.Experiment, name)
	case t.Block < 1:
		return fmt.Errorf("block %d: blocks count from 1", t.Block)
	case t.Control == "" && (t.Cell < 1 || t.Cell > len(r.cells)):
		return fmt.Errorf("cell %d: the experiment has cells 1 to %d", t.Cell, len(r.cells))
	case (t.Observation == nil) == (t.Error == ""):
		return errors.New("want an observation or an error, and not both")
	}
	place := fmt.Sprintf("block %d, cell %d", t.Block, t.Cell)
	for _, key := range []string{t.ID, place} {
		if first, ok := seen[key]; ok {
			return fmt.Errorf("%s was given in line %d already", key, first)
		}
		seen[key] = line
	}
	if t.Observation != nil {
		if err := t.Observation.Conform(r.Run.Metrics); err != nil {
			return err
		}
	}
	if t.Control != "" {
		return r.takeControl(t)
	}
	r.Trials = append(r.Trials, t)
	return r.cells[t.Cell-1].add(t)
}

// Lookup finds a result by the name of its experiment; nil when it was not run.
func (s *Store) Lookup(experiment string) *Result {
	for _, r := range s.Results {
		if r.Run.Experiment.Name == experiment {
			return r
		}
	}
	return nil
}

// Unfinished says how far a run got that did not come to its end; empty for
// one that did.
func (r *Result) Unfinished() string {
	n := r.measured()
	if r.Run.Finished != nil && n >= r.Run.Planned {
		return ""
	}
	return fmt.Sprintf("%d of %d planned trials", n, r.Run.Planned)
}
