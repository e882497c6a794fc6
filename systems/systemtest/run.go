package systemtest

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"os/signal"
	"strings"
	"syscall"
	"testing"
	"time"

	"dyno/bench/process"
	"dyno/internal/record"
	"dyno/systems"
)

// Run returns a command line of the given systems that is just enough for
// [Main]: it parses the flags of a role or command and runs it until it is told
// to stop. Tests of rooms that internal/cli itself stands on use it; systems
// use cli.Main.
func Run(known ...*systems.System) func(ctx context.Context, args []string, stdin io.Reader, stdout, stderr io.Writer) int {
	return func(ctx context.Context, args []string, _ io.Reader, stdout, stderr io.Writer) int {
		ctx, stop := signal.NotifyContext(ctx, os.Interrupt, syscall.SIGTERM)
		defer stop()
		err := run(ctx, known, args, stdout, stderr)
		if err == nil {
			return 0
		}
		fmt.Fprintln(stderr, err)
		if systems.IsUsage(err) {
			return 2
		}
		return 1
	}
}

func run(ctx context.Context, known []*systems.System, args []string, stdout, stderr io.Writer) error {
	if len(args) < 2 {
		return systems.Usagef("%q is not SYSTEM COMMAND", args)
	}
	sys, cmd, err := lookup(known, args[0], args[1])
	if err != nil {
		return err
	}
	fs := flag.NewFlagSet(cmd.Name, flag.ContinueOnError)
	fs.SetOutput(stderr)
	action := cmd.Setup(fs)
	if err := fs.Parse(args[2:]); err != nil {
		return &systems.UsageError{Err: err}
	}
	return action(ctx, systems.Shell{
		Args: fs.Args(), Out: stdout, Err: stderr,
		Ready: process.Announce,
		Bench: func(ctx context.Context, s systems.Setting) (context.Context, systems.Bench, func() error, error) {
			return openBench(ctx, sys, s)
		},
	})
}

func lookup(known []*systems.System, system, command string) (*systems.System, systems.Command, error) {
	for _, s := range known {
		if s.Name != system {
			continue
		}
		for _, c := range commands(s) {
			if c.Name == command {
				return s, c, nil
			}
		}
	}
	return nil, systems.Command{}, systems.Usagef("there is no command %q of a system %q", command, system)
}

// openBench opens a group whose logs go to a scratch directory.
func openBench(ctx context.Context, sys *systems.System, s systems.Setting) (context.Context, systems.Bench, func() error, error) {
	dir, err := process.Scratch("dyno-systemtest")
	if err != nil {
		return nil, nil, nil, err
	}
	ctx, g, err := process.NewGroup(ctx, process.Options{System: sys, Setting: s, Dir: dir.Path})
	if err != nil {
		return nil, nil, nil, errors.Join(err, dir.Release())
	}
	return ctx, g, func() error { return errors.Join(g.Close(), dir.Release()) }, nil
}

// commands are all that can be typed after a system's name: its commands and
// its roles.
func commands(s *systems.System) []systems.Command {
	all := append([]systems.Command(nil), s.Commands...)
	for _, r := range s.Roles {
		all = append(all, r.Command)
	}
	return all
}

// What Main leaves in the environment of all processes that the tests start.
const (
	binaryVar = "DYNO_TEST_BINARY" // the test binary that acts as dyno
	familyVar = "DYNO_TEST_FAMILY" // tells the descendants of one test run from all others
)

// Main is the TestMain of every package whose tests start roles:
//
//	func TestMain(m *testing.M) { systemtest.Main(m, cli.Main) }
//
// Started by go test, it runs the tests. Started again by one of them, as
// [process.Group] does, the same binary is dyno: it runs its arguments as a
// command line and exits with what run returns. It does not return.
func Main(m *testing.M, run func(ctx context.Context, args []string, stdin io.Reader, stdout, stderr io.Writer) int) {
	exe, err := os.Executable()
	if err != nil {
		fmt.Fprintln(os.Stderr, "systemtest: cannot find the test binary:", err)
		os.Exit(1)
	}
	// The path, not just a flag: a go command that a test runs may start test
	// binaries of other packages, which are to run their tests.
	if os.Getenv(binaryVar) == exe {
		process.Adopt()
		os.Exit(run(context.Background(), os.Args[1:], os.Stdin, os.Stdout, os.Stderr))
	}
	env := map[string]string{
		binaryVar: exe,
		familyVar: fmt.Sprintf("%d-%d", os.Getpid(), time.Now().UnixNano()),
	}
	if os.Getenv("GORACE") == "" {
		// Under the race detector a process sleeps for a second before it
		// exits. Roles that are asked to stop are expected to be quicker.
		env["GORACE"] = "atexit_sleep_ms=10"
	}
	for name, value := range env {
		if err := os.Setenv(name, value); err != nil {
			fmt.Fprintln(os.Stderr, "systemtest:", err)
			os.Exit(1)
		}
	}
	os.Exit(m.Run())
}

// Try runs one trial in real processes, with seed 1 and a closed loop where the
// setting says nothing else. What it observes can be stored, and its verdict, which
// may be any, comes out the same when it is judged again. The test is skipped where
// software is missing that the trial needs.
func Try(t *testing.T, sys *systems.System, set systems.Setting, values map[string]string) record.Observation {
	t.Helper()
	v, err := sys.Resolve(values)
	if err != nil {
		t.Fatal(err)
	}
	opts := Options{Setting: set}.complete()
	set.Seed, set.Load = opts.Setting.Seed, opts.Setting.Load
	dir := t.ArtifactDir()
	ctx, g, err := process.NewGroup(t.Context(), process.Options{System: sys, Setting: set, Dir: dir, Logf: t.Logf})
	if err != nil {
		t.Fatal(err)
	}
	o, err := sys.Trial(ctx, g, v)
	if err := errors.Join(err, g.Close()); err != nil {
		if errors.As(err, new(*systems.AbsentError)) {
			t.Skip(err)
		}
		t.Fatal(err, context.Cause(ctx))
	}
	if err := o.Conform(sys.Metrics); err != nil {
		t.Error(err)
	}
	if sys.Judge != nil {
		again, err := sys.Judge(dir)
		if err := errors.Join(err, sameVerdict(o.Verdict, again)); err != nil {
			t.Error(err)
		}
	}
	t.Logf("%s: %v %v, %+v", values, o.Scalars, o.Verdict.Reasons(), o.Counts)
	return o
}

// Caught are the checks that failed, in order, with commas.
func Caught(v record.Verdict) string {
	var names []string
	for _, c := range v.Checks {
		if c.Status == record.Invalid {
			names = append(names, c.Name)
		}
	}
	return strings.Join(names, ",")
}
