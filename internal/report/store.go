package report

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"sync"
	"syscall"

	"golang.org/x/sync/errgroup"

	"dyno/internal/record"
)

// Limits on what is read.
const (
	maxRunFile = 16 << 20 // bytes of run.json
	maxTrials  = 1 << 32  // bytes of trials.jsonl, which is read line by line
)

// Store is everything that was measured, by experiment.
type Store struct {
	Results  []*Result // in the order of their names
	Warnings []string  // what was left out, and why
	Broken   []string  // where results are not as they were written; what is drawn does without
}

// Result is one experiment's run.
type Result struct {
	Run    record.Run
	Trials []*record.Trial // in the order in which they were made; without those of controls
	Aside  []string        // which stored trials are not drawn, or drawn though they are of another build

	cells    []*cell
	controls []*control
	drawn    sync.Map // figures that were drawn, by name and metric
}

// Load reads all results under DIR/results. There may be none. A file that
// cannot be read, does not fit its run or contradicts itself is an error that
// names file and line; a line that is no trial is only a warning, and one that
// is not as it was sealed is left out too. Fields that this version does not
// know are ignored, so that results of a newer one can still be drawn: what must
// hold for a number to be shown is checked below, and those checks would miss
// nothing. Mixed draws trials of another build where there are none of the run's.
func Load(dir string, mixed bool) (*Store, error) {
	root := filepath.Join(dir, "results")
	entries, err := os.ReadDir(root)
	if errors.Is(err, fs.ErrNotExist) || errors.Is(err, syscall.ENOTDIR) {
		return &Store{}, nil
	}
	if err != nil {
		return nil, err
	}
	s := &Store{}
	var names []string
	for _, e := range entries {
		folder := filepath.Join(root, e.Name())
		if e.IsDir() && isFile(filepath.Join(folder, "run.json")) {
			names = append(names, e.Name())
		} else if isFile(filepath.Join(folder, "trials.jsonl")) {
			s.Warnings = append(s.Warnings, fmt.Sprintf("results/%s has no run.json: left out", e.Name()))
		}
	}
	s.Results = make([]*Result, len(names))
	chains := make([]*record.Chain, len(names))
	var all errgroup.Group
	all.SetLimit(runtime.GOMAXPROCS(0))
	for i, name := range names {
		all.Go(func() (err error) {
			s.Results[i], chains[i], err = loadResult(filepath.Join(root, name), name, mixed)
			return err
		})
	}
	if err := all.Wait(); err != nil {
		return nil, err
	}
	for i, name := range names {
		warnings, broken := faults(name, chains[i])
		s.Warnings, s.Broken = append(s.Warnings, warnings...), append(s.Broken, broken...)
	}
	return s, nil
}

// faults says what is wrong with a file of trials.
func faults(name string, c *record.Chain) (warnings, broken []string) {
	path := "results/" + name + "/trials.jsonl"
	for _, g := range c.Garbage {
		warnings = append(warnings, fmt.Sprintf("%s:%s: left out", path, g))
	}
	if c.Torn > 0 {
		warnings = append(warnings, fmt.Sprintf("%s:%d: the last line is cut short (a crash while it was written): left out", path, c.Torn))
	}
	if c.Run != nil {
		broken = append(broken, fmt.Sprintf("results/%s/run.json: %v: its claims, units, cells or times; "+
			"run the experiment again, its trials are reused", name, c.Run))
	}
	for _, b := range c.Broken {
		broken = append(broken, fmt.Sprintf("%s:%s", path, b))
	}
	return warnings, broken
}

func isFile(path string) bool {
	info, err := os.Stat(path)
	return err == nil && info.Mode().IsRegular()
}

// Open reads one result, a folder with run.json and trials.jsonl, whatever the
// folder is called.
func Open(folder string) (*Store, error) {
	r, chain, err := loadResult(folder, "", false)
	if err != nil {
		return nil, err
	}
	s := &Store{Results: []*Result{r}}
	s.Warnings, s.Broken = faults(r.Run.Experiment.Name, chain)
	return s, nil
}

// loadResult reads a result; a name is what the experiment must be called.
func loadResult(folder, name string, mixed bool) (*Result, *record.Chain, error) {
	path := filepath.Join(folder, "run.json")
	text, err := readFile(path, maxRunFile)
	if err != nil {
		return nil, nil, err
	}
	r := &Result{}
	if err := json.Unmarshal(text, &r.Run); err != nil {
		return nil, nil, fmt.Errorf("%s: %w; put back what dyno run wrote, or move %s away", path, err, folder)
	}
	edited := record.CheckText(text)
	if got := r.Run.Experiment.Name; name != "" && got != name {
		return nil, nil, fmt.Errorf("%s: describes experiment %q; want %q, the name of its folder", path, got, name)
	}
	if r.Run.Sealed.Seal == "" {
		return nil, nil, fmt.Errorf("%s: %w", folder, record.ErrUnsealed)
	}
	if r.cells, err = cells(&r.Run); err != nil {
		return nil, nil, fmt.Errorf("%s: %w", path, err)
	}
	r.controls = controls(&r.Run)
	path = filepath.Join(folder, "trials.jsonl")
	chain, err := readTrials(path, &r.Run)
	if err != nil {
		return nil, nil, err
	}
	chain.Run = edited
	if err := r.choose(chain.Trials, mixed); err != nil {
		return nil, nil, fmt.Errorf("%s:%w", path, err)
	}
	if err := r.yardsticks(path); err != nil {
		return nil, nil, err
	}
	return r, chain, nil
}

// readTrials reads a file of trials; there is none when a run was cut short before
// the first.
func readTrials(path string, run *record.Run) (*record.Chain, error) {
	var in io.Reader = strings.NewReader("")
	f, err := os.Open(path)
	switch {
	case err == nil:
		defer f.Close()
		in = io.LimitReader(f, maxTrials)
	case !errors.Is(err, fs.ErrNotExist):
		return nil, err
	}
	chain, err := record.ReadChain(run.Experiment.Name, run.Sealed, in)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", path, err)
	}
	return chain, nil
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

// choose takes in the stored trials that are those of the run. An error begins
// with a line.
func (r *Result) choose(stored []*record.Trial, mixed bool) error {
	chosen := r.Run.Choose(stored, mixed)
	r.Aside = chosen.Aside()
	for _, t := range chosen.Trials {
		err := r.take(t)
		if err != nil && t.Binary != r.Run.Binary {
			r.Aside = append(r.Aside, fmt.Sprintf("trial %s of another build: not drawn: %v", t.ID, err))
			continue
		}
		if err != nil {
			return fmt.Errorf("%d: trial %s: %w", t.Line, t.ID, err)
		}
	}
	return nil
}

// take adds a trial that does not contradict itself.
func (r *Result) take(t *record.Trial) error {
	name := r.Run.Experiment.Name
	switch {
	case t.ID == "":
		return errors.New("has no id")
	case t.Experiment != name:
		return fmt.Errorf("belongs to experiment %q, the file to %q", t.Experiment, name)
	case (t.Observation == nil) == (t.Error == ""):
		return errors.New("want an observation or an error, and not both")
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
	c := r.cells[t.Cell-1]
	c.trials = append(c.trials, t)
	return nil
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
	missing := r.missing()
	if r.Run.Finished != nil && missing <= 0 {
		return ""
	}
	return fmt.Sprintf("%d of %d planned trials", r.Run.Planned-missing, r.Run.Planned)
}
