package mapreduce

import (
	"crypto/sha256"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"os"
	"path/filepath"
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
	maxMaps    = 1_000_000
	minMemory  = 1 << 20
)

// spec is a job as it was typed: the same for run, which checks it before it
// starts anything, and for master.
type spec struct {
	job     job.Job
	args    map[string]string
	files   []string // as typed
	sizes   []int64  // of the files, in bytes
	times   []int64  // when they were changed, Unix ns
	reduces int
	maps    int
	split   size
	memory  size
	out     string // as typed
	shuffle string
	combine bool
	backups bool
	lease   time.Duration
	resume  bool
	force   bool
	keep    bool

	given map[string]string // values of the arguments of all jobs
}

// shuffles are how map output reaches reduce tasks.
var shuffles = systems.Choice{"files", shuffleStream}

const shuffleStream = "stream"

// declare makes the flags that run and master share.
func (s *spec) declare(fs systems.FlagSet) {
	s.split, s.memory, s.shuffle, s.given = task.DefaultSplitBytes, task.DefaultMemoryBytes, "files", map[string]string{}
	fs.IntVar(&s.reduces, "reduces", 1, "how many reduce tasks, and output files")
	fs.IntVar(&s.maps, "maps", 0, "about how many map tasks; 0: as many as --split-size makes")
	fs.Var(&s.split, "split-size", "larger files are cut at line ends into map tasks of about this size")
	fs.Var(&s.memory, "memory", "budget of a task; beyond it sorted runs go to disk")
	fs.StringVar(&s.out, "out", "mr-out", "folder for mr-out-0, mr-out-1 …")
	fs.Func("shuffle", "how map output reaches reduce tasks: files in a shared folder, or stream over gRPC (default files)", func(text string) (err error) {
		s.shuffle, err = shuffles.Parse(text)
		return err
	})
	fs.BoolVar(&s.combine, "combine", true, "combine values of a key on the map side, if the job has a combiner")
	fs.BoolVar(&s.backups, "backups", true, "start a task a second time when its worker is slow or silent")
	fs.DurationVar(&s.lease, "lease", defaultLease, "silence after which a worker's task is given to another")
	fs.BoolVar(&s.resume, "resume", false, "go on with the job whose master was killed: finished tasks are not done again")
	fs.BoolVar(&s.force, "force", false, "replace what is in the output folder")
	fs.BoolVar(&s.keep, "keep", false, "keep the scratch folder "+scratchName+" with journal and intermediate files")
	for _, j := range job.All {
		for _, a := range j.Args {
			if fs.Lookup(a.Name) == nil {
				s.given[a.Name] = a.Default
				fs.Func(a.Name, a.Help+" (for "+j.Name+")", func(text string) error { s.given[a.Name] = text; return nil })
			}
		}
	}
}

// check reads the positional arguments and refuses what cannot work.
func (s *spec) check(args []string) error {
	if len(args) == 0 {
		return systems.Usagef("which job? one of %s", strings.Join(jobNames(), ", "))
	}
	i := slices.IndexFunc(job.All, func(j job.Job) bool { return j.Name == args[0] })
	if i < 0 {
		return systems.Usagef("job %w", &systems.ChoiceError{Word: args[0], Allowed: jobNames()})
	}
	s.job, s.files = job.All[i], args[1:]
	switch {
	case s.reduces < 1 || s.reduces > maxReduces:
		return systems.Usagef("--reduces %d: want 1 to %d reduce tasks", s.reduces, maxReduces)
	case s.maps < 0 || s.maps > maxMaps:
		return systems.Usagef("--maps %d: want at most %d map tasks, or 0 for as many as --split-size makes", s.maps, maxMaps)
	case s.memory < minMemory:
		return systems.Usagef("--memory %v: want at least %v", s.memory, size(minMemory))
	case s.lease < minLease:
		return systems.Usagef("--lease %v: want at least %v", s.lease, minLease)
	case s.force && s.resume:
		return systems.Usagef("--force starts anew and --resume goes on: give one of them")
	case len(s.files) == 0:
		return systems.Usagef("%s of what? name one or more input files", s.job.Name)
	}
	if err := s.checkArgs(); err != nil {
		return err
	}
	if err := s.checkFiles(); err != nil {
		return err
	}
	return s.checkOut()
}

// checkArgs takes the job's arguments from those given and tries them.
func (s *spec) checkArgs() error {
	s.args = map[string]string{}
	for _, a := range s.job.Args {
		s.args[a.Name] = s.given[a.Name]
		if a.Required && s.given[a.Name] == "" {
			return systems.Usagef("%s needs --%s: %s", s.job.Name, a.Name, a.Help)
		}
	}
	for _, name := range slices.Sorted(maps.Keys(s.given)) {
		if _, has := s.args[name]; !has && s.given[name] != "" {
			return systems.Usagef("--%s: %s has no such argument", name, s.job.Name)
		}
	}
	if _, err := s.job.New(s.args); err != nil {
		return &systems.UsageError{Err: err}
	}
	return nil
}

// checkFiles looks at every input, so that nothing starts if one is missing.
func (s *spec) checkFiles() error {
	s.sizes, s.times = nil, nil
	for _, name := range s.files {
		if s.job.Name == job.Invertedindex.Name && strings.ContainsAny(name, ",\n") {
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
		s.sizes = append(s.sizes, info.Size())
		s.times = append(s.times, info.ModTime().UnixNano())
	}
	return nil
}

// checkOut refuses to mix the output with what is there.
func (s *spec) checkOut() error {
	scratch, other, err := s.layout().occupied()
	switch {
	case err != nil:
		return systems.Usagef("--out %s: %w", s.out, reason(err))
	case s.force:
		return nil
	case scratch && !s.resume:
		return systems.Usagef("--out %s holds an unfinished job: go on with --resume, or start anew with --force", s.out)
	case other && !scratch && s.resume:
		return systems.Usagef("--out %s is not empty and holds no unfinished job: there is nothing to resume; --force replaces what is there", s.out)
	case other && !scratch:
		return systems.Usagef("--out %s is not empty: choose another folder, or replace what is there with --force", s.out)
	}
	return nil
}

// layout says where the job's files are.
func (s *spec) layout() layout {
	out, err := filepath.Abs(s.out)
	if err != nil { // there is no current folder: a relative name is all there is
		out = s.out
	}
	return layout{out}
}

// splitBytes is the split size that --maps or --split-size ask for.
func (s *spec) splitBytes() int64 {
	if s.maps > 0 {
		return task.SplitBytesFor(s.sizes, s.maps)
	}
	return int64(s.split)
}

// identity names the job by all that its output and its tasks depend on: a
// journal of another identity is no use to it.
func (s *spec) identity() string {
	text, err := json.Marshal([]any{s.job.Name, s.args, s.files, s.sizes, s.times, s.reduces, s.splitBytes(), s.shuffle, s.combine})
	if err != nil {
		panic(err) // strings and numbers only
	}
	sum := sha256.Sum256(text)
	return fmt.Sprintf("mapreduce %s of %d files, %d reduces, %x", s.job.Name, len(s.files), s.reduces, sum[:8])
}

// commandLine is the spec as arguments for the role master. What is to be
// replaced was looked at by then, so a crash in between cannot lose anything.
func (s *spec) commandLine() []string {
	line := []string{
		"--reduces", fmt.Sprint(s.reduces), "--maps", fmt.Sprint(s.maps),
		"--split-size", fmt.Sprint(int64(s.split)), "--memory", fmt.Sprint(int64(s.memory)),
		"--out", s.out, "--shuffle", s.shuffle, "--lease", s.lease.String(),
		fmt.Sprintf("--combine=%t", s.combine), fmt.Sprintf("--backups=%t", s.backups),
		fmt.Sprintf("--resume=%t", s.resume), fmt.Sprintf("--force=%t", s.force), "--keep",
	}
	for _, name := range slices.Sorted(maps.Keys(s.args)) {
		line = append(line, "--"+name+"="+s.args[name])
	}
	return append(append(line, "--", s.job.Name), s.files...)
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
