package experiments

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"dyno/internal/record"
	"dyno/systems"
)

// Migrate rewrites all results in a folder that were stored before cells and
// seals were: run.json gets the cells, the lines of trials.jsonl what identifies
// them, and a seal. What was measured stays as it is, byte for byte. It says what
// it did to each.
func Migrate(out string) (done []string, err error) {
	files, err := filepath.Glob(filepath.Join(out, "results", "*", "run.json"))
	if err != nil {
		return nil, err
	}
	for _, file := range files {
		dir := filepath.Dir(file)
		what, err := migrate(dir)
		if err != nil {
			return done, err
		}
		done = append(done, dir+": "+what)
	}
	return done, nil
}

// unsealed is a result of before, on its way.
type unsealed struct {
	*record.Run
	planned []string // ids of trials
	trials  []*record.Trial
	notes   []string // lines that hold none
}

func migrate(dir string) (string, error) {
	text, err := os.ReadFile(filepath.Join(dir, "run.json"))
	if err != nil {
		return "", err
	}
	u := &unsealed{Run: new(record.Run)}
	var planned struct {
		Trials []string `json:"trials"` // ids
	}
	if err := errors.Join(json.Unmarshal(text, u.Run), json.Unmarshal(text, &planned)); err != nil {
		return "", fmt.Errorf("%s: %w", filepath.Join(dir, "run.json"), err)
	}
	switch {
	case u.Sealed.Seal != "" && u.Seal != "":
		return "sealed already", nil
	case u.Sealed.Seal != "":
		return "run.json sealed", writeRun(dir, u.Run)
	}
	u.planned = planned.Trials
	path := filepath.Join(dir, "trials.jsonl")
	lines, err := u.seal(path)
	if err != nil {
		return "", err
	}
	if err := u.lay(); err != nil {
		return "", fmt.Errorf("%s: %w", dir, err)
	}
	if err := replace(path, lines); err != nil {
		return "", err
	}
	what := append([]string{fmt.Sprintf("%d trials sealed, %d cells stored", u.Sealed.Trials, len(u.Cells))}, u.notes...)
	return strings.Join(what, "; "), writeRun(dir, u.Run)
}

// seal makes the lines anew. Lines that are no trial stay where they are, but
// for a last one that was cut short.
func (u *unsealed) seal(path string) ([]byte, error) {
	text, err := os.ReadFile(path)
	if err != nil && !os.IsNotExist(err) {
		return nil, err
	}
	u.Sealed = record.NewHead(u.Experiment.Name)
	if c := record.ReadChain(u.Experiment.Name, u.Sealed, text); c.Head.Trials > 0 && len(c.Broken) == 0 {
		u.Sealed, u.trials = c.Head, c.Trials // a migration that did not come to run.json
		return text, nil
	}
	var out []byte
	seen := make(map[string]bool)
	number := 0
	for line := range bytes.Lines(text) {
		number++
		t := new(record.Trial)
		object, whole := bytes.CutSuffix(line, []byte("\n"))
		if err := json.Unmarshal(object, t); err != nil {
			u.notes = append(u.notes, fmt.Sprintf("line %d holds no trial: %v", number, err))
			if whole {
				out = append(out, line...)
			}
			continue
		}
		if seen[t.ID] {
			return nil, fmt.Errorf("%s:%d: trial %s is in an earlier line too", path, number, t.ID)
		}
		seen[t.ID] = true
		identity, err := json.Marshal(map[string]any{"binary": u.Binary, "load": u.Experiment.Load, "system": u.Experiment.System})
		if err != nil {
			return nil, err
		}
		object = append(append(bytes.TrimSuffix(object, []byte("}")), ','), identity[1:]...)
		line, u.Sealed = u.Sealed.Append(object)
		out = append(out, line...)
		u.trials = append(u.trials, t)
	}
	return out, nil
}

// lay stores the cells as they were planned. What knobs a cell had is known from
// its trials, or those of its sweep.
func (u *unsealed) lay() error {
	e := &Experiment{Experiment: u.Experiment} // no system: it may have other knobs by now
	all, err := cells(e)
	if err != nil {
		return err
	}
	if err := u.complete(all); err != nil {
		return err
	}
	controls, err := controlCells(e, all)
	if err != nil {
		return err
	}
	for i := range u.Experiment.Claims {
		claim := &u.Experiment.Claims[i]
		if claim.Cell, err = indexOf(all, claim.Where); err == nil && len(claim.Over) > 0 {
			claim.OverCell, err = indexOf(all, claim.Over)
		}
		if err != nil {
			return fmt.Errorf("claim %s: %w", claim.Name, err)
		}
	}
	u.Planned = 0
	for _, c := range append(all, controls...) {
		u.Cells = append(u.Cells, u.stored(c))
		u.Planned += u.Cells[len(u.Cells)-1].Blocks
	}
	return u.seeds()
}

func indexOf(all []*Cell, where record.Values) (int, error) {
	c, err := oneCore(all, where)
	if err != nil {
		return 0, err
	}
	return c.Index, nil
}

// complete takes the levels of the other knobs from the trials of a cell, or of
// one of the same sweep.
func (u *unsealed) complete(all []*Cell) error {
	known := make(map[int]record.Values)
	for _, t := range u.trials {
		if t.Control != "" {
			continue
		}
		if t.Cell < 1 || t.Cell > len(all) || !all[t.Cell-1].Factors.In(t.Values) {
			return fmt.Errorf("trial %s is not of cell %d, as it says", t.ID, t.Cell)
		}
		known[t.Cell] = t.Values
	}
	for _, c := range all {
		for _, near := range all {
			values := known[near.Index]
			if values == nil || near.Detail != c.Detail || !sameKnobs(near.Factors, c.Factors) || known[c.Index] != nil && near != c {
				continue
			}
			complete := maps.Clone(values)
			maps.Copy(complete, c.Values)
			c.Values = systems.Values(complete)
			break
		}
	}
	return nil
}

func sameKnobs(a, b record.Values) bool {
	return slices.Equal(slices.Sorted(maps.Keys(a)), slices.Sorted(maps.Keys(b)))
}

// stored is a cell with its times, and in how many blocks it was planned.
func (u *unsealed) stored(c *Cell) record.Cell {
	out := c.stored(0)
	scale := u.Experiment.Scales[u.Scale]
	out.Warmup, out.Length = scale.Warmup, scale.Length
	for _, t := range u.trials {
		if t.Cell == c.Index {
			out.Warmup, out.Length, out.Blocks = t.Warmup, t.Length, max(out.Blocks, t.Block)
			if t.Control != "" {
				out.Values = t.Values
			}
		}
	}
	for _, id := range u.planned {
		var block, cell int
		if _, err := fmt.Sscanf(strings.TrimPrefix(id, u.Experiment.Name), "-b%d-c%d", &block, &cell); err == nil && cell == c.Index {
			out.Blocks = max(out.Blocks, block)
		}
	}
	return out
}

// seeds notes the seed of each block.
func (u *unsealed) seeds() error {
	for _, t := range u.trials {
		for len(u.Seeds) < t.Block {
			u.Seeds = append(u.Seeds, mix(u.Seed, u.Experiment.Name, len(u.Seeds)+1))
		}
	}
	first := make(map[int]*record.Trial)
	for _, t := range u.trials {
		if f := first[t.Block]; f != nil && f.Seed != t.Seed {
			return fmt.Errorf("trials %s and %s are of one block, and have two seeds", f.ID, t.ID)
		}
		first[t.Block], u.Seeds[t.Block-1] = t, t.Seed
	}
	return nil
}
