// Package role runs a role, or another command of a system, in the process that
// it is called in. The command line (package cli) has it for all that dyno can
// do; the slim program dyno-role has nothing else, so that what is measured is
// not what the command line, the report and their libraries cost.
package role

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"os/signal"
	"slices"
	"syscall"

	"github.com/mattn/go-isatty"

	"dyno/bench/process"
	"dyno/internal/rpc"
	"dyno/systems"
)

// Host is what a command finds where it runs.
type Host struct {
	In       io.Reader
	Out, Err io.Writer

	Impl systems.Impl // programs that stand in for roles, of a command that starts some
	// Open opens the bench of a command that starts roles; nil: the program cannot.
	Open func(context.Context, Host, *systems.System, systems.Setting) (context.Context, systems.Bench, func() error, error)
}

// Adopt binds the process to the dyno that started it, if one did, and returns a
// context that ends when a person or that dyno wants the process to.
func Adopt(ctx context.Context) (context.Context, context.CancelFunc) {
	process.Adopt()
	ctx, stop := signal.NotifyContext(ctx, os.Interrupt, syscall.SIGTERM)
	context.AfterFunc(ctx, stop) // a second Ctrl-C ends dyno at once; its processes follow
	return ctx, stop
}

// Run runs what a command of a system has set up.
func (h Host) Run(ctx context.Context, s *systems.System, run func(context.Context, systems.Shell) error, args []string) (err error) {
	stop, err := process.Profile()
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, stop()) }()
	defer func() { process.Testify(rpc.Tally()) }()
	var bench context.Context
	defer func() {
		if died := new(process.Failure); err != nil && bench != nil && errors.As(context.Cause(bench), &died) {
			err = died // that is why the rest failed
		}
	}()
	return run(ctx, systems.Shell{
		Args:     args,
		In:       h.In,
		Out:      h.Out,
		Err:      h.Err,
		Terminal: Terminal(h.Err),
		Ready:    process.Announce,
		Bench: func(ctx context.Context, set systems.Setting) (_ context.Context, b systems.Bench, done func() error, err error) {
			if h.Open == nil {
				return nil, nil, nil, errors.New("dyno-role starts no roles: dyno itself does")
			}
			set.Impl = h.Impl
			bench, b, done, err = h.Open(ctx, h, s, set)
			return bench, b, done, err
		},
	})
}

// Open opens a bench of processes for a command such as demo; its logs go when it
// closes.
func Open(ctx context.Context, h Host, s *systems.System, set systems.Setting) (context.Context, systems.Bench, func() error, error) {
	if err := s.Admit(set.Impl); err != nil {
		return nil, nil, nil, err
	}
	scratch, err := process.Scratch("dyno-" + s.Name)
	if err != nil {
		return nil, nil, nil, err
	}
	bctx, group, err := process.NewGroup(ctx, process.Options{
		System:  s,
		Setting: set,
		Dir:     scratch.Path,
		Logf:    func(format string, args ...any) { fmt.Fprintf(h.Err, format+"\n", args...) },
	})
	if err != nil {
		return nil, nil, nil, errors.Join(err, scratch.Release())
	}
	closeAll := func() error { return errors.Join(group.Close(), scratch.Release()) }
	return bctx, group, closeAll, nil
}

// Terminal says whether what is written there may be redrawn with ANSI codes.
func Terminal(w io.Writer) bool {
	f, ok := w.(*os.File)
	return ok && isatty.IsTerminal(f.Fd()) && os.Getenv("TERM") != "dumb"
}

// CommandLine runs a command line and returns the exit code.
type CommandLine = func(ctx context.Context, args []string, in io.Reader, out, errOut io.Writer) int

// Main runs "SYSTEM ROLE [flag]…", or a command of one of some systems. Tests of
// systems are linked with it, since the whole command line takes seconds to link,
// and longer to start.
func Main(known ...*systems.System) CommandLine { return Host{Open: Open}.line(known) }

// Slim runs the same, but nothing that starts roles: it does not link what does.
func Slim(known ...*systems.System) CommandLine { return Host{}.line(known) }

func (h Host) line(known []*systems.System) CommandLine {
	return func(ctx context.Context, args []string, in io.Reader, out, errOut io.Writer) int {
		ctx, stop := Adopt(ctx)
		defer stop()
		h.In, h.Out, h.Err = in, out, errOut
		return Exit(ctx, errOut, h.main(ctx, known, args))
	}
}

func (h Host) main(ctx context.Context, known []*systems.System, args []string) error {
	if len(args) < 2 {
		return systems.Usagef("dyno-role runs the roles that dyno starts: give SYSTEM ROLE and its flags, or type dyno")
	}
	s, c, err := lookup(known, args[0], args[1])
	if err != nil {
		return err
	}
	fs := flag.NewFlagSet(c.Name, flag.ContinueOnError)
	fs.SetOutput(io.Discard) // the error says it
	run := c.Setup(fs)
	given, plain := args[2:], []string(nil) // what follows "--" is no flag
	if i := slices.Index(given, "--"); i >= 0 {
		given, plain = given[:i], given[i+1:]
	}
	var words []string // flags may stand behind them, as on dyno's own command line
	for rest := given; ; rest = fs.Args()[1:] {
		if err := fs.Parse(rest); err != nil {
			return systems.Usagef("%s %s: %w", s.Name, c.Name, err)
		}
		if fs.NArg() == 0 {
			return h.Run(ctx, s, run, append(words, plain...))
		}
		words = append(words, fs.Arg(0))
	}
}
