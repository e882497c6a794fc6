package experiments

import (
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"

	"dyno/internal/atomicfile"
	"dyno/internal/record"
)

// store writes one experiment's results: DIR/results/NAME/run.json and
// trials.jsonl. A trial is on disk before the next one starts. Whoever opens a
// store holds the [Lock] of its folder.
type store struct {
	dir    string
	run    *record.Run
	trials trialsFile
	end    int64                   // where the next line goes
	open   bool                    // the last line has no newline yet
	old    *record.Run             // run.json as it was; nil: there was none
	done   map[place]*record.Trial // of this plan and binary, whenever they were measured
	ids    map[string]bool         // of all trials in the file
	notes  []string                // what somebody should know of the file
}

// place is where a trial stands in a plan.
type place struct{ cell, block int }

// trialsFile is what a store needs of trials.jsonl; tests put a full disk in.
type trialsFile interface {
	WriteAt(p []byte, at int64) (int, error)
	Truncate(size int64) error
	Sync() error
	Close() error
}

// openStore takes in what is stored of an experiment. Nothing is thrown away but
// a last line that a crash cut short, unless fresh: then all is.
func openStore(out string, run *record.Run, fresh bool, seed func(block int) uint64) (*store, error) {
	s := &store{
		dir: filepath.Join(out, "results", run.Experiment.Name), run: run,
		done: make(map[place]*record.Trial), ids: make(map[string]bool),
	}
	if err := os.MkdirAll(s.dir, 0o755); err != nil {
		return nil, unwritable(err)
	}
	path := filepath.Join(s.dir, "trials.jsonl")
	chain := &record.Chain{Head: record.NewHead(run.Experiment.Name)}
	if !fresh {
		var err error
		if chain, err = s.resume(path); err != nil {
			return nil, err
		}
	}
	s.take(chain, seed)
	f, err := os.OpenFile(path, os.O_RDWR|os.O_CREATE, 0o644)
	if err != nil {
		return nil, unwritable(err)
	}
	s.trials = f
	// In this order: an empty chain in run.json is not contradicted by trials.
	if err := errors.Join(s.describe(), f.Truncate(s.end)); err != nil {
		return nil, errors.Join(unwritable(err), f.Close())
	}
	return s, nil
}

// resume reads what is stored. It does not write behind a broken seal, which
// might hide it.
func (s *store) resume(path string) (*record.Chain, error) {
	f, err := os.OpenFile(path, os.O_RDONLY|os.O_CREATE, 0o644)
	if err != nil {
		return nil, unwritable(err)
	}
	defer f.Close()
	info, err := f.Stat()
	if err != nil {
		return nil, err
	}
	name := s.run.Experiment.Name
	head := record.NewHead(name)
	old, err := readRun(s.dir)
	switch {
	case errors.Is(err, fs.ErrNotExist):
	case err != nil:
		return nil, fmt.Errorf("%w; mend it, or replace what is stored with --fresh", err)
	case old.Sealed.Seal == "" && info.Size() > 0:
		return nil, fmt.Errorf("%s: %w; or replace what is stored with --fresh", path, record.ErrUnsealed)
	case old.Sealed.Seal != "":
		s.old, head = old, old.Sealed
	}
	chain, err := record.ReadVerdicts(name, head, f)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", path, err)
	}
	if len(chain.Broken) > 0 {
		return nil, fmt.Errorf("%s:%s; the seal is broken: mend the file, or replace what is stored with --fresh", path, chain.Broken[0])
	}
	for _, g := range chain.Garbage {
		s.notes = append(s.notes, fmt.Sprintf("%s:%s: left out", path, g))
	}
	if chain.Torn > 0 {
		s.notes = append(s.notes, fmt.Sprintf("%s:%d: the last line was cut short by a crash: dropped", path, chain.Torn))
	}
	s.open = chain.Open
	return chain, nil
}

// readRun reads run.json in a folder.
func readRun(dir string) (*record.Run, error) {
	path := filepath.Join(dir, "run.json")
	text, err := os.ReadFile(path)
	if err != nil {
		return nil, err
	}
	run := new(record.Run)
	if err := json.Unmarshal(text, run); err != nil {
		return nil, fmt.Errorf("%s: %w", path, err)
	}
	return run, nil
}

// take sorts out which stored trials are those of the run, and makes them part
// of its plan.
func (s *store) take(chain *record.Chain, seed func(block int) uint64) {
	last := 0
	for _, c := range s.run.Cells {
		last = max(last, c.Blocks)
	}
	for _, t := range chain.Trials {
		s.ids[t.ID] = true
		last = max(last, min(t.Block, maxTrials))
	}
	for block := 1; block <= last; block++ {
		s.run.Seeds = append(s.run.Seeds, seed(block))
	}
	for _, t := range s.run.Choose(chain.Trials, false).Trials {
		s.done[place{t.Cell, t.Block}] = t
		c := &s.run.Cells[t.Cell-1]
		if c.Blocks < t.Block {
			s.run.Planned += t.Block - c.Blocks
			c.Blocks = t.Block
		}
	}
	if s.old != nil {
		s.run.Blocks = s.old.Blocks
		if len(s.done) > 0 && s.old.Binary == s.run.Binary {
			s.run.Started = s.old.Started
		}
	}
	s.run.Sealed, s.end = chain.Head, chain.End
}

// reuse returns the stored trial at a place of the plan; nil: there is none, or
// it proved nothing.
func (s *store) reuse(t *Trial) *record.Trial {
	if done := s.done[place{t.Cell.Index, t.Block}]; done != nil && done.Proved() {
		return done
	}
	return nil
}

// failed says why an earlier run proved nothing at a place of the plan.
func (s *store) failed(t *Trial) []string {
	done := s.done[place{t.Cell.Index, t.Block}]
	if done == nil {
		return nil
	}
	return append(slices.Clone(done.Rejected), "an earlier run: "+done.Shortcoming())
}

// prepare names the trials that are to be measured as no other trial in the file
// is, and counts them. When there is none, the run stays described as it was.
func (s *store) prepare(p *Plan) (missing int, err error) {
	for i := range p.Trials {
		t := &p.Trials[i]
		if s.reuse(t) != nil {
			continue
		}
		missing++
		base := t.ID
		for n := 2; s.ids[t.ID]; n++ {
			t.ID = fmt.Sprintf("%s.%d", base, n)
		}
	}
	if missing > 0 || s.old == nil || s.old.Binary != s.run.Binary {
		return missing, nil
	}
	s.run.Finished, s.run.Command, s.run.Environment = s.old.Finished, s.old.Command, s.old.Environment
	return 0, s.describe()
}

// unwritable says what to do about a folder that takes no results.
func unwritable(err error) error {
	var pe *os.PathError
	if errors.As(err, &pe) {
		return fmt.Errorf("cannot write results to %s: %w; choose another folder with --out", pe.Path, pe.Err)
	}
	return err
}

// append adds one trial, syncs it, and notes the new head of the chain. What
// cannot be written whole is taken back.
func (s *store) append(t *record.Trial) error {
	line, head, err := s.run.Sealed.Add(t)
	if err != nil {
		return err
	}
	if s.open {
		line = append([]byte("\n"), line...)
	}
	if _, err = s.trials.WriteAt(line, s.end); err == nil {
		err = s.trials.Sync()
	}
	if err != nil {
		return errors.Join(unwritable(err), s.trials.Truncate(s.end))
	}
	s.run.Sealed, s.open, s.ids[t.ID] = head, false, true
	s.end += int64(len(line))
	return s.describe()
}

// describe writes run.json.
func (s *store) describe() error { return writeRun(s.dir, s.run) }

func writeRun(dir string, run *record.Run) error {
	text, err := run.Text()
	if err != nil {
		return err
	}
	return replace(filepath.Join(dir, "run.json"), text)
}

// writeJSON writes a file whole or not at all.
func writeJSON(path string, v any) error {
	text, err := json.MarshalIndent(v, "", " ")
	if err != nil {
		return err
	}
	return replace(path, append(text, '\n'))
}

// replace writes a file whole or not at all.
func replace(path string, text []byte) error { return unwritable(atomicfile.Write(path, text)) }

func (s *store) close() error { return s.trials.Close() }
