package experiments

import (
	"embed"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"go.yaml.in/yaml/v3"

	"dyno/internal/record"
	"dyno/systems"
)

//go:embed *.yaml
var builtin embed.FS

// Catalog is what an experiment file may refer to.
type Catalog struct {
	Systems     []*systems.System
	FigureKinds map[string]record.Kind // by name: what a figure of that kind shows
}

// Experiment is a checked experiment file with the system it is about.
type Experiment struct {
	record.Experiment
	System *systems.System
	Path   string // as it was given; built-in files as experiments/NAME.yaml
	File   string // as it was given; empty: built in
	cells  []record.Cell

	root *yaml.Node // of the file, for the places of errors
}

// Header is what the results of an experiment say of it, before any trial and
// of any scale.
func (e *Experiment) Header() record.Run {
	run := record.Run{Experiment: e.Experiment, Metrics: e.System.Metrics, File: e.File, Cells: e.cells}
	for _, k := range e.System.Knobs {
		run.KnobUnits = append(run.KnobUnits, record.KnobUnit{Name: k.Name, Unit: k.Unit, Help: k.Help})
	}
	return run
}

// Names lists the built-in experiments, sorted.
func Names() []string {
	paths, err := fs.Glob(builtin, "*.yaml")
	if err != nil {
		panic(err) // the pattern is a constant
	}
	for i, p := range paths {
		paths[i] = strings.TrimSuffix(p, ".yaml")
	}
	return paths
}

// Open reads an experiment by built-in name, or from a file when the word ends
// in .yaml.
func (c Catalog) Open(word string) (*Experiment, error) {
	if strings.HasSuffix(word, ".yaml") {
		text, err := os.ReadFile(word)
		if err != nil {
			return nil, systems.Usagef("experiment file: %w; dyno init SYSTEM writes one, dyno list names those that are built in", err)
		}
		e, err := c.Read(word, text)
		if err == nil {
			e.File = word
		}
		return e, err
	}
	text, err := fs.ReadFile(builtin, word+".yaml")
	if err != nil {
		return nil, systems.Usagef("experiment %w (or give a file that ends in .yaml)",
			&systems.ChoiceError{Word: word, Allowed: Names(), See: "dyno list"})
	}
	return c.Read("experiments/"+word+".yaml", text)
}

// All opens every built-in experiment.
func (c Catalog) All() ([]*Experiment, error) {
	var out []*Experiment
	for _, name := range Names() {
		e, err := c.Open(name)
		if err != nil {
			return nil, err
		}
		out = append(out, e)
	}
	return out, nil
}

// Read decodes and checks the text of an experiment file. Errors are usage
// errors of the form path:line: what is wrong and what is allowed.
func (c Catalog) Read(path string, text []byte) (*Experiment, error) {
	spec, root, err := decode(path, text)
	if err != nil {
		return nil, &systems.UsageError{Err: err}
	}
	e := &Experiment{Experiment: spec, Path: path, root: root}
	k := checker{catalog: c, e: e}
	if err := k.run(); err != nil {
		return nil, &systems.UsageError{Err: err}
	}
	return e, nil
}

// system finds a system by name.
func (c Catalog) system(name string) (*systems.System, error) {
	var names []string
	for _, s := range c.Systems {
		if s.Name == name {
			return s, nil
		}
		names = append(names, s.Name)
	}
	return nil, fmt.Errorf("system %w", &systems.ChoiceError{Word: name, Allowed: names})
}

// Scales are the names of the scales, from least to most.
var Scales = []string{"quick", "full", "deep"}

// stem is the file name without folder and ending: what name must be.
func stem(path string) string {
	return strings.TrimSuffix(filepath.Base(path), ".yaml")
}

// swept lists the knobs that vary, in the order of the file.
func swept(e *record.Experiment) []string {
	var out []string
	for _, sweep := range slices.Concat(e.Core, e.Detail) {
		for _, f := range sweep {
			if !slices.Contains(out, f.Knob) {
				out = append(out, f.Knob)
			}
		}
	}
	return out
}

// levels lists the levels of a swept knob, in the order of the file.
func levels(e *record.Experiment, knob string) []string {
	var out []string
	for _, sweep := range slices.Concat(e.Core, e.Detail) {
		for _, f := range sweep {
			for _, l := range f.Levels {
				if f.Knob == knob && !slices.Contains(out, l) {
					out = append(out, l)
				}
			}
		}
	}
	return out
}

var errEmpty = errors.New("is missing or empty")
