package experiments

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strconv"
	"strings"
	"time"

	"go.yaml.in/yaml/v3"

	"dyno/bench/process"
	"dyno/internal/record"
	"dyno/systems"
)

// checkLimit bounds the time in which a binary plans a cell.
const checkLimit = time.Minute

// stopGrace is how long a binary that is asked to stop may take: longer than
// its own grace for the processes it started.
const stopGrace = 4 * process.DefaultGrace

// single is one cell measured once by one binary.
type single struct {
	run    *record.Run
	trial  *record.Trial
	noise  record.Noise
	bundle string // logs of a trial that was not valid; empty: none
}

// noYardsticks asks a binary not to measure the yardsticks.
const noYardsticks = "--yardsticks=false"

// Check asks both binaries whether they understand every cell of a plan. What
// they do not is a usage error with their own words.
func (r *Rivals) Check(ctx context.Context, p *Plan) error {
	if err := r.vacant(p); err != nil {
		return err
	}
	for _, side := range Sides {
		for i, c := range p.Cells {
			file, err := r.write(p, c)
			if err != nil {
				return err
			}
			args := []string{"--scale", p.Scale, "--blocks", "1", "--dry-run"}
			if i == 0 {
				_, err := r.call(ctx, side, file, checkLimit, append(args, noYardsticks)...)
				r.bare[side] = err == nil
			}
			out, err := r.call(ctx, side, file, checkLimit, args...)
			if ctx.Err() != nil {
				return context.Cause(ctx)
			}
			if err != nil {
				return systems.Usagef("--%s %s cannot run %s, cell %s: %s", side, r.Binary[side], p.Name, c.Label(p.Experiment), lastWords(err))
			}
			if !bytes.Contains(out, []byte(p.Name)) {
				return systems.Usagef("--%s %s is not a dyno binary: run %s --dry-run does not name the experiment", side, r.Binary[side],
					filepath.Base(file))
			}
		}
	}
	return nil
}

// lastWords is what a binary said of its own failure, or how it ended.
func lastWords(err error) string {
	var f *process.Failure
	if !errors.As(err, &f) {
		return err.Error()
	}
	for i := len(f.Log) - 1; i >= 0; i-- {
		if words, ok := strings.CutPrefix(f.Log[i], "dyno: "); ok {
			return words
		}
	}
	return err.Error()
}

// trial measures one cell by one binary, with the yardsticks before it or not.
// An error means that the comparison must stop; a
// trial that failed is a record.
func (r *Rivals) trial(ctx context.Context, p *Plan, t *Trial, side Side, yardsticks bool) (*single, error) {
	file, err := r.write(p, t.Cell)
	if err != nil {
		return nil, err
	}
	out := filepath.Join(r.Work, "out")
	if err := os.RemoveAll(out); err != nil {
		return nil, err
	}
	limit := attempts*(t.Cell.cost()+patience) + yardstickCost + patience // its own limits come first
	args := []string{"--scale", p.Scale, "--blocks", "1", "--seed", strconv.FormatUint(t.Seed, 10)}
	if r.bare[side] {
		args = append(args, "--yardsticks="+strconv.FormatBool(yardsticks))
	}
	_, err = r.call(ctx, side, file, limit, append(args, "--out", out)...)
	if ctx.Err() != nil {
		return nil, context.Cause(ctx)
	}
	one, readErr := r.read(p, t, out)
	var status *exec.ExitError
	switch {
	case readErr == nil && (err == nil || errors.As(err, &status) && status.ExitCode() == 1):
		return one, nil // 1: the trial failed its check, as its record says
	case err != nil:
		return nil, fmt.Errorf("--%s %s gave no result for %s: %w", side, r.Binary[side], t.ID, err)
	}
	return nil, fmt.Errorf("--%s %s gave no result for %s: %w", side, r.Binary[side], t.ID, readErr)
}

// call runs one command line of a binary to its end. The binary is bound to
// this process as the roles of a system are: it ends when this one does.
func (r *Rivals) call(ctx context.Context, side Side, file string, limit time.Duration, args ...string) (out []byte, err error) {
	ctx, cancel := context.WithTimeout(ctx, limit)
	defer cancel()
	ctx, group, err := process.NewGroup(ctx, process.Options{
		// "dyno run FILE" has the form of a role's command line.
		System: &systems.System{Name: "run", Roles: []systems.Role{{Command: systems.Command{Name: file}}}},
		Binary: r.Binary[side],
		Dir:    r.Work,
		Grace:  stopGrace,
	})
	if err != nil {
		return nil, err
	}
	defer func() {
		if closeErr := group.Close(); err == nil {
			err = closeErr
		}
	}()
	proc, err := group.Start(ctx, systems.Launch{Role: file, Name: side.String(), Args: args, CPUs: runtime.NumCPU()})
	if err != nil {
		return nil, err
	}
	return proc.Wait(ctx)
}

// read takes in what the binary stored, and gives the trial its place in the
// plan.
func (r *Rivals) read(p *Plan, t *Trial, out string) (*single, error) {
	dir := filepath.Join(out, "results", p.Name)
	text, err := os.ReadFile(filepath.Join(dir, "run.json"))
	if err != nil {
		return nil, err
	}
	one := &single{run: new(record.Run), trial: new(record.Trial)}
	if err := json.Unmarshal(text, one.run); err != nil {
		return nil, fmt.Errorf("run.json: %w", err)
	}
	if text, err = os.ReadFile(filepath.Join(dir, "trials.jsonl")); err != nil {
		return nil, err
	}
	if n := bytes.Count(text, []byte("\n")); n != 1 {
		return nil, fmt.Errorf("trials.jsonl: %d trials; want 1", n)
	}
	if err := json.Unmarshal(text, one.trial); err != nil {
		return nil, fmt.Errorf("trials.jsonl: %w", err)
	}
	for knob, level := range t.Cell.Factors {
		if got := one.trial.Values[knob]; got != level {
			return nil, fmt.Errorf("the trial has %s=%s; %s was asked for", knob, got, level)
		}
	}
	if one.trial.Observation != nil {
		if err := one.trial.Observation.Conform(one.run.Metrics); err != nil {
			return nil, err
		}
	}
	if n := len(one.run.Blocks); n > 0 {
		one.noise = one.run.Blocks[n-1]
	}
	one.noise.Block = t.Block
	if bundle := filepath.Join(out, "results", "raw", one.trial.ID); one.trial.Status() != record.Valid && isDir(bundle) {
		one.bundle = bundle
	}
	one.trial.ID, one.trial.Block, one.trial.Cell = t.ID, t.Block, t.Cell.Index
	return one, nil
}

func isDir(path string) bool {
	info, err := os.Stat(path)
	return err == nil && info.IsDir()
}

// cellFile is an experiment file of one cell: what is measured, and nothing to
// draw.
type cellFile struct {
	Name     string                `yaml:"name"`
	Title    string                `yaml:"title"`
	Question string                `yaml:"question"`
	System   string                `yaml:"system"`
	Load     map[string]any        `yaml:"load"`
	Knobs    map[string]string     `yaml:"knobs,omitempty"`
	Impl     record.Impls          `yaml:"impl,omitempty"`
	Core     []map[string][]string `yaml:"core"`
	Scales   map[string]cellScale  `yaml:"scales"`

	MaxFailures *record.Share `yaml:"max-failures,omitempty"` // an older binary may not know it
}

type cellScale struct {
	Blocks int    `yaml:"blocks"`
	Warmup string `yaml:"warmup"`
	Length string `yaml:"length"`
}

// write makes the file of a cell; its name is the experiment's, as it must be.
func (r *Rivals) write(p *Plan, c *Cell) (string, error) {
	load, err := loadKeys(p.Load)
	if err != nil {
		return "", err
	}
	f := cellFile{
		Name: p.Name, Title: p.Title, Question: p.Question, System: p.System.Name,
		Load: load, Knobs: p.Knobs, Impl: p.Impl,
		Core:   []map[string][]string{{}},
		Scales: make(map[string]cellScale), MaxFailures: p.MaxFailures,
	}
	for knob, level := range c.Factors {
		f.Core[0][knob] = []string{level}
	}
	for _, name := range Scales {
		f.Scales[name] = cellScale{Blocks: 1, Warmup: c.Warmup.String(), Length: c.Length.String()}
	}
	text, err := yaml.Marshal(f)
	if err != nil {
		return "", err
	}
	path := filepath.Join(r.Work, p.Name+".yaml")
	return path, os.WriteFile(path, text, 0o600)
}

// loadKeys are the keys of a load model as a file has them, without those that
// were not given: an older binary may not know them.
func loadKeys(l record.Load) (map[string]any, error) {
	text, err := yaml.Marshal(l)
	if err != nil {
		return nil, err
	}
	keys := make(map[string]any)
	if err := yaml.Unmarshal(text, &keys); err != nil {
		return nil, err
	}
	maps.DeleteFunc(keys, func(_ string, v any) bool { return v == "" || v == "0s" || v == 0 || v == 0.0 })
	return keys, nil
}
