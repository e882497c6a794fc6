package cli

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"time"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"dyno/experiments"
	"dyno/internal/class"
	"dyno/internal/confine"
	"dyno/internal/ladder"
	"dyno/systems"
)

// classFlags are those of dyno check SYSTEM --class.
type classFlags struct {
	dir       string
	jobs      int
	time      time.Duration
	memory    int64 // MiB
	processes int
	file      int64 // MiB
}

func (f *classFlags) bind(fl *pflag.FlagSet) {
	fl.StringVar(&f.dir, "class", "", "climb with each folder of `DIR`; in --impl "+class.Place+" stands for the folder")
	fl.IntVar(&f.jobs, "jobs", 0, "with --class: submissions at a time; 0: half the processors")
	fl.DurationVar(&f.time, "time", 10*time.Minute, "with --class: for one submission, at most")
	fl.Int64Var(&f.memory, "memory", 1024, "with --class: data of one process, at most, in `MiB`")
	fl.IntVar(&f.processes, "processes", 512, "with --class: processes and threads of one submission, at most")
	fl.Int64Var(&f.file, "file", 256, "with --class: the largest file that a submission may write, in `MiB`")
}

// class checks a folder of submissions.
func (a *app) class(ctx context.Context, s *systems.System, f *climbFlags) (err error) {
	if err := f.class.check(s, f); err != nil {
		return err
	}
	if f.out == "" {
		f.out = filepath.Join("out", "class")
	}
	out, err := outFolder(f.out, "")
	if err != nil {
		return err
	}
	lock, err := experiments.Lock(out)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, lock.Close()) }()
	exe, err := os.Executable()
	if err != nil {
		return err
	}
	show := a.out
	if f.json {
		show = a.err
	}
	o := class.Options{
		System: s, Dir: f.class.dir, Impl: f.impl, Exe: exe, Jobs: f.class.jobs, Time: f.class.time,
		Limits: confine.Limits{Memory: f.class.memory << 20, Processes: f.class.processes, File: f.class.file << 20},
		Args:   []string{"--seed", strconv.FormatUint(f.seed, 10)},
		End:    func(r class.Row) { fmt.Fprintln(show, r.Line()) },
	}
	if f.until != "" {
		o.Args = append(o.Args, "--until", f.until)
	}
	if o.Out, err = filepath.Abs(out); err != nil {
		return err
	}
	rows, err := class.Run(ctx, o)
	if err != nil {
		return err
	}
	text := class.Markdown(rows)
	fmt.Fprintf(show, "\n%s", text)
	if f.markdown != "" {
		if err := os.WriteFile(f.markdown, []byte(text), 0o644); err != nil {
			return err
		}
	}
	if f.json {
		e := json.NewEncoder(a.out)
		e.SetIndent("", "  ")
		return e.Encode(rows)
	}
	return nil
}

// check refuses what could not end well.
func (f *classFlags) check(s *systems.System, c *climbFlags) error {
	switch {
	case len(c.impl) == 0:
		return systems.Usagef("--class: give the command of the submissions, such as --impl %q", s.Open()[0]+"=python3 "+class.Place+"/server.py")
	case c.junit != "" || c.all:
		return systems.Usagef("--class: --junit and --all are for one implementation")
	case f.jobs < 0 || f.time <= 0 || f.memory < 1 || f.processes < 1 || f.file < 1:
		return systems.Usagef("--class: --jobs, --time, --memory, --processes and --file are 1 or more")
	}
	return (&ladder.Climb{System: s, Impl: c.impl, Until: c.until}).Check()
}

// confine is what a class is checked with: it is not for people.
func (a *app) confine() *cobra.Command {
	c := &cobra.Command{Use: "confine", Hidden: true}
	needsCommand(c)
	var needs []string
	begin := &cobra.Command{Use: "begin", Args: cobra.MinimumNArgs(1), RunE: func(_ *cobra.Command, args []string) error {
		fmt.Fprintln(a.err, confine.Begin(needs, args)) // it returns only if it cannot
		return &systems.ExitError{Code: confine.ExitUnsupported}
	}}
	begin.Flags().StringSliceVar(&needs, "needs", nil, "paths that stay where they are")
	var l confine.Limits
	role := &cobra.Command{Use: "role", Args: cobra.MinimumNArgs(1), RunE: func(_ *cobra.Command, args []string) error {
		return confine.Become(l, args)
	}}
	fl := role.Flags()
	fl.IntVar(&l.UID, "uid", 0, "")
	fl.Int64Var(&l.Memory, "memory", 0, "")
	fl.IntVar(&l.Processes, "processes", 0, "")
	fl.Int64Var(&l.File, "file", 0, "")
	fl.StringVar(&l.Room, "room", "", "")
	fl.StringVar(&l.Home, "home", "", "")
	c.AddCommand(begin, role)
	return c
}
