package experiments

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"

	"dyno/internal/record"
	"dyno/systems"
)

// Find reads a stored trial by its id, with the run it belongs to.
func Find(out, id string) (*record.Run, *record.Trial, error) {
	files, err := filepath.Glob(filepath.Join(out, "results", "*", "trials.jsonl"))
	if err != nil {
		return nil, nil, err
	}
	var ids []string
	for _, path := range files {
		found, others, err := findIn(path, id)
		if err != nil {
			return nil, nil, err
		}
		ids = append(ids, others...)
		if found == nil {
			continue
		}
		run, err := readRun(filepath.Dir(path))
		if err == nil && found.Seal == "" {
			err = fmt.Errorf("%s: %w", path, record.ErrUnsealed)
		}
		return run, found, err
	}
	if len(ids) == 0 {
		return nil, nil, systems.Usagef("no trials are stored in %s: say where with --out DIR", filepath.Join(out, "results"))
	}
	return nil, nil, systems.Usagef("%s holds no trial %q; the first of %d is %s", filepath.Join(out, "results"), id, len(ids), ids[0])
}

// findIn looks for a trial in one file; ids are those it passed.
func findIn(path, id string) (found *record.Trial, ids []string, err error) {
	f, err := os.Open(path)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil, nil
	}
	if err != nil {
		return nil, nil, err
	}
	defer f.Close()
	lines := bufio.NewScanner(f)
	lines.Buffer(nil, record.MaxLine)
	for lines.Scan() {
		t := new(record.Trial)
		if json.Unmarshal(lines.Bytes(), t) != nil {
			continue // garbage, or torn by a crash: dyno report names it
		}
		if t.ID == id {
			return t, ids, nil
		}
		ids = append(ids, t.ID)
	}
	return nil, ids, lines.Err()
}

// Replay measures a stored trial once more: same knobs, same seed, same times, and
// the same implementation unless the runner names another one.
// The results are not touched; the logs stay in the returned folder.
func (r *Runner) Replay(ctx context.Context, c Catalog, run *record.Run, old *record.Trial) (*record.Trial, string, error) {
	if len(old.Machines) > 0 {
		return nil, "", systems.Usagef("trial %s ran on other machines, of which a replay here says nothing: "+
			"dyno run %s --hosts FILE --only KNOB=LEVEL", old.ID, old.Experiment)
	}
	sys, err := c.system(old.System)
	if err != nil {
		return nil, "", &systems.UsageError{Err: err}
	}
	sys = standing(sys, run.Experiment.Impl)
	values, err := sys.Resolve(old.Values)
	if err != nil {
		return nil, "", systems.Usagef("trial %s was made by another version: %w", old.ID, err)
	}
	plan := &Plan{Experiment: &Experiment{Experiment: run.Experiment, System: sys}}
	if err := sys.Admit(r.Impl); err != nil {
		return nil, "", err
	}
	if len(r.Impl) > 0 {
		plan.Impl = record.Impls{values[knobImpl]: r.Impl}
	}
	plan.Load = old.Load // the experiment may have been edited since
	trial := &Trial{ID: old.ID, Block: old.Block, Seed: old.Seed, Cell: &Cell{
		Index:   old.Cell,
		Detail:  old.Detail,
		Control: old.Control,
		Values:  values,
		Warmup:  old.Warmup.Duration(),
		Length:  old.Length.Duration(),
	}}
	done, bundle, err := r.observe(ctx, plan, trial, 0)
	if err != nil {
		return nil, "", fmt.Errorf("replay %s: %w", old.ID, err)
	}
	return done, bundle, leave(bundle, done)
}
