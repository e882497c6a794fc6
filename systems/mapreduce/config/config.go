// Package config says what a job is asked to be, the same for all who take part
// in it: its knobs and flags, what is wrong with it on purpose, and where its
// files are.
package config

import (
	"crypto/sha256"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"time"

	"dyno/systems"
	"dyno/systems/mapreduce/core/job"
	"dyno/systems/mapreduce/core/task"
)

// Bounds on what may be asked for.
const (
	maxReduces = 10_000
	MaxMaps    = 1_000_000
	MaxWorkers = 100
)

// How soon a worker counts as lost.
const (
	DefaultLease = time.Second
	minLease     = 50 * time.Millisecond
	LeaseBeats   = 40 // beats in a lease
)

// Config is a job as it was typed: the same for run, which checks it before it
// starts anything, and for master.
type Config struct {
	Knobs  systems.Values
	Job    job.Job
	Args   map[string]string
	Files  []string // as typed
	sizes  []int64  // of the files, in bytes
	times  []int64  // when they were changed, Unix ns
	Out    string   // as typed
	Lease  time.Duration
	resume bool
	Force  bool
	Keep   bool

	Given map[string]string // values of the arguments of all jobs
}

// Reduces is how many reduce tasks there are.
func (c *Config) Reduces() int { return c.Knobs.Int(KnobReduces) }

// Memory is the budget of a task, in bytes.
func (c *Config) Memory() int64 { return int64(c.Knobs.Int(KnobMemory)) << 20 }

// Stream says that map output reaches reduce tasks over gRPC.
func (c *Config) Stream() bool { return c.Knobs.Text(KnobShuffle) == ShuffleStream }

// On says whether a knob is on.
func (c *Config) On(knob string) bool { return c.Knobs.Text(knob) == "on" }

// shuffles are how map output reaches reduce tasks.
var shuffles = systems.Choice{"files", ShuffleStream}

// ShuffleStream is the shuffle over gRPC.
const ShuffleStream = "stream"

// jobKnobs are those by which a job is described, and RoleKnobs those by which a
// role is told what to do wrong.
var (
	jobKnobs  = []string{KnobReduces, KnobMaps, KnobSplitSize, KnobMemory, KnobShuffle, KnobCombiner, KnobBackups}
	RoleKnobs = []string{KnobLie, KnobMutant}
)

// Declare makes the flags that run and master share, and those of more knobs.
// What a person wants at first is one output and large tasks.
func (c *Config) Declare(fs systems.FlagSet, more ...string) {
	knobs := Knobs.With(KnobReduces, "1").With(KnobSplitSize, "16384")
	c.Knobs, c.Given = knobs.Bind(fs, slices.Concat(jobKnobs, more)...), map[string]string{}
	fs.StringVar(&c.Out, "out", "mr-out", "folder for mr-out-0, mr-out-1 …")
	fs.DurationVar(&c.Lease, "lease", DefaultLease, "silence after which a worker's task is given to another")
	fs.BoolVar(&c.resume, "resume", false, "go on with the job whose master was killed: finished tasks are not done again")
	fs.BoolVar(&c.Force, "force", false, "replace what is in the output folder")
	fs.BoolVar(&c.Keep, "keep", false, "keep the scratch folder "+scratchName+" with journal and intermediate files")
	for _, j := range job.All {
		for _, a := range j.Args {
			if fs.Lookup(a.Name) == nil {
				c.Given[a.Name] = a.Default
				fs.Func(a.Name, a.Help+" (for "+j.Name+")", func(text string) error { c.Given[a.Name] = text; return nil })
			}
		}
	}
}

// Check reads the positional arguments and refuses what cannot work.
func (c *Config) Check(args []string) error {
	if len(args) == 0 {
		return systems.Usagef("which job? one of %s", strings.Join(jobNames(), ", "))
	}
	i := slices.IndexFunc(job.All, func(j job.Job) bool { return j.Name == args[0] })
	if i < 0 {
		return systems.Usagef("job %w", &systems.ChoiceError{Word: args[0], Allowed: jobNames()})
	}
	c.Job, c.Files = job.All[i], args[1:]
	switch {
	case c.Lease < minLease:
		return systems.Usagef("--lease %v: want at least %v", c.Lease, minLease)
	case c.Force && c.resume:
		return systems.Usagef("--force starts anew and --resume goes on: give one of them")
	case len(c.Files) == 0:
		return systems.Usagef("%s of what? name one or more input files", c.Job.Name)
	}
	if err := c.checkArgs(); err != nil {
		return err
	}
	if err := c.checkFiles(); err != nil {
		return err
	}
	return c.checkOut()
}

// checkArgs takes the job's arguments from those given and tries them.
func (c *Config) checkArgs() error {
	c.Args = map[string]string{}
	for _, a := range c.Job.Args {
		c.Args[a.Name] = c.Given[a.Name]
		if a.Required && c.Given[a.Name] == "" {
			return systems.Usagef("%s needs --%s: %s", c.Job.Name, a.Name, a.Help)
		}
	}
	for _, name := range slices.Sorted(maps.Keys(c.Given)) {
		if _, has := c.Args[name]; !has && c.Given[name] != "" {
			return systems.Usagef("--%s: %s has no such argument", name, c.Job.Name)
		}
	}
	if _, err := c.Job.New(c.Args); err != nil {
		return &systems.UsageError{Err: err}
	}
	return nil
}

// checkFiles looks at every input, so that nothing starts if one is missing.
func (c *Config) checkFiles() error {
	c.sizes, c.times = nil, nil
	for _, name := range c.Files {
		if c.Job.Name == job.Invertedindex.Name && strings.ContainsAny(name, ",\n") {
			return systems.Usagef("input %q: a name with a comma or a newline cannot stand in the index; rename or link the file", name)
		}
		info, err := os.Stat(name)
		if err != nil {
			return systems.Usagef("input %s: %w", name, reason(err))
		}
		if info.IsDir() {
			return systems.Usagef("input %s is a folder: name the files in it", name)
		}
		f, err := os.Open(name)
		if err != nil {
			return systems.Usagef("input %s: %w", name, reason(err))
		}
		_ = f.Close() // it was only to be seen whether it opens
		c.sizes = append(c.sizes, info.Size())
		c.times = append(c.times, info.ModTime().UnixNano())
	}
	return nil
}

// checkOut refuses to mix the output with what is there.
func (c *Config) checkOut() error {
	scratch, other, err := c.Layout().occupied()
	switch {
	case err != nil:
		return systems.Usagef("--out %s: %w", c.Out, reason(err))
	case c.Force:
		return nil
	case scratch && !c.resume:
		return systems.Usagef("--out %s holds an unfinished job: go on with --resume, or start anew with --force", c.Out)
	case other && !scratch && c.resume:
		return systems.Usagef("--out %s is not empty and holds no unfinished job: there is nothing to resume; --force replaces what is there",
			c.Out)
	case other && !scratch:
		return systems.Usagef("--out %s is not empty: choose another folder, or replace what is there with --force", c.Out)
	}
	return nil
}

// Layout says where the job's files are.
func (c *Config) Layout() Layout {
	out, err := filepath.Abs(c.Out)
	if err != nil { // there is no current folder: a relative name is all there is
		out = c.Out
	}
	return Layout{out}
}

// SplitBytes is the split size that --maps or --split-size ask for.
func (c *Config) SplitBytes() int64 {
	if maps := c.Knobs.Int(KnobMaps); maps > 0 {
		return task.SplitBytesFor(c.sizes, maps)
	}
	return int64(c.Knobs.Int(KnobSplitSize)) << 10
}

// Useful is how many workers can have a task and a processor: more would only be
// started.
func (c *Config) Useful() int {
	return min(runtime.NumCPU(), MaxWorkers, max(int(task.About(c.sizes, c.SplitBytes())), c.Reduces()))
}

// Identity names the job by all that its output and its tasks depend on: a
// journal of another identity is no use to it.
func (c *Config) Identity() string {
	text, err := json.Marshal([]any{
		c.Job.Name, c.Args, c.Files, c.sizes, c.times, c.Reduces(), c.SplitBytes(), c.Stream(),
		c.On(KnobCombiner),
	})
	if err != nil {
		panic(err) // strings and numbers only
	}
	sum := sha256.Sum256(text)
	return fmt.Sprintf("mapreduce %s of %d files, %d reduces, %x", c.Job.Name, len(c.Files), c.Reduces(), sum[:8])
}

// CommandLine is the config as arguments for the role master. What is to be
// replaced was looked at by then, so a crash in between cannot lose anything.
func (c *Config) CommandLine() []string {
	line := append(c.Knobs.Args(slices.Concat(jobKnobs, RoleKnobs)...),
		"--out", c.Out, "--lease", c.Lease.String(),
		fmt.Sprintf("--resume=%t", c.resume), fmt.Sprintf("--force=%t", c.Force), "--keep")
	for _, name := range slices.Sorted(maps.Keys(c.Args)) {
		line = append(line, "--"+name+"="+c.Args[name])
	}
	return append(append(line, "--", c.Job.Name), c.Files...)
}

func jobNames() []string {
	names := make([]string, len(job.All))
	for i, j := range job.All {
		names[i] = j.Name
	}
	return names
}

// reason strips what the caller says anyway: operation and path.
func reason(err error) error {
	if p, ok := errors.AsType[*os.PathError](err); ok {
		return p.Err
	}
	return err
}
