package systemtest

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"os/signal"
	"syscall"

	"dyno/bench/process"
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
