package cli

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"strings"

	"github.com/mattn/go-isatty"
	"github.com/spf13/cobra"

	"dyno/bench/process"
	"dyno/internal/rpc"
	"dyno/systems"
)

// system builds the commands and roles of one system.
func (a *app) system(s *systems.System) *cobra.Command {
	c := &cobra.Command{Use: s.Name, Short: s.Summary}
	needsCommand(c)
	for _, cmd := range s.Commands {
		c.AddCommand(a.command(s, cmd))
	}
	for _, r := range s.Roles {
		c.AddCommand(a.command(s, r.Command))
	}
	return c
}

func (a *app) command(s *systems.System, cmd systems.Command) *cobra.Command {
	c := &cobra.Command{
		Use:     strings.TrimSpace(cmd.Name + " " + cmd.Args),
		Short:   cmd.Summary,
		Example: indent(cmd.Example),
		Args:    noArgs,
	}
	if cmd.Args != "" {
		c.Args = cobra.ArbitraryArgs
	}
	fs := flag.NewFlagSet(cmd.Name, flag.ContinueOnError)
	run := cmd.Setup(fs)
	c.Flags().AddGoFlagSet(fs)
	impl := make(systems.Impl)
	if cmd.Starts && len(s.Open()) > 0 {
		c.Flags().Var(impl, "impl", systems.ImplHelp)
	}
	c.RunE = func(c *cobra.Command, args []string) (err error) {
		stop, err := process.Profile()
		if err != nil {
			return err
		}
		defer func() { err = errors.Join(err, stop()) }()
		defer func() { process.Testify(rpc.Tally()) }()
		return run(c.Context(), systems.Shell{
			Args:     args,
			In:       a.in,
			Out:      a.out,
			Err:      a.err,
			Terminal: isTerminal(a.err),
			Ready:    process.Announce,
			Bench: func(ctx context.Context, set systems.Setting) (context.Context, systems.Bench, func() error, error) {
				set.Impl = impl
				return a.bench(ctx, s, set)
			},
		})
	}
	return c
}

// bench opens a bench for a command such as demo; its logs go when it closes.
func (a *app) bench(ctx context.Context, s *systems.System, set systems.Setting) (context.Context, systems.Bench, func() error, error) {
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
		Logf:    func(format string, args ...any) { fmt.Fprintf(a.err, format+"\n", args...) },
	})
	if err != nil {
		return nil, nil, nil, errors.Join(err, scratch.Release())
	}
	closeAll := func() error { return errors.Join(group.Close(), scratch.Release()) }
	return bctx, group, closeAll, nil
}

func isTerminal(w io.Writer) bool {
	f, ok := w.(*os.File)
	return ok && isatty.IsTerminal(f.Fd()) && os.Getenv("TERM") != "dumb"
}

func indent(text string) string {
	lines := strings.Split(strings.TrimSpace(text), "\n")
	for i, l := range lines {
		lines[i] = "  " + strings.TrimSpace(l)
	}
	return strings.Join(lines, "\n")
}
