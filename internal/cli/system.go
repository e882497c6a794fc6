package cli

import (
	"errors"
	"flag"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	host "dyno/internal/role"
	"dyno/systems"
)

// system builds a system's command, and, where the command line names the system,
// those of its commands and roles: their flags are half of dyno's start.
func (a *app) system(s *systems.System) *cobra.Command {
	c := &cobra.Command{Use: s.Name, Short: s.Summary}
	needsCommand(c)
	if !slices.Contains(a.args, s.Name) {
		return c
	}
	for _, cmd := range s.Commands {
		c.AddCommand(a.command(s, cmd, false, a.needs(s.Whole, false)))
	}
	for _, r := range s.Roles {
		c.AddCommand(a.command(s, r.Command, true, a.needs(s.Whole || r.Whole, r.Large)))
	}
	return c
}

func (a *app) command(s *systems.System, cmd systems.Command, role bool, program func() error) *cobra.Command {
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
	completeKnobs(c, s, fs)
	impl := make(systems.Impl)
	if cmd.Starts && len(s.Open()) > 0 {
		c.Flags().Var(impl, "impl", systems.ImplHelp)
	}
	shows := showing(c, s.Name+" "+cmd.Name, role, cmd.Starts)
	c.RunE = func(c *cobra.Command, args []string) (err error) {
		if err := program(); err != nil {
			return err
		}
		stop, err := a.show(c.Context(), *shows)
		if err != nil {
			return err
		}
		defer func() { err = errors.Join(err, stop()) }()
		return host.Host{In: a.in, Out: a.out, Err: a.err, Impl: impl, Open: host.Open}.Run(c.Context(), s, run, args)
	}
	return c
}

func indent(text string) string {
	lines := strings.Split(strings.TrimSpace(text), "\n")
	for i, l := range lines {
		lines[i] = "  " + strings.TrimSpace(l)
	}
	return strings.Join(lines, "\n")
}
