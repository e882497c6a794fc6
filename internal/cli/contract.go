package cli

import (
	"github.com/spf13/cobra"

	"dyno/internal/ladder"
	"dyno/systems"
)

// contract prints what a program must do that stands in for a role.
func (a *app) contract() *cobra.Command {
	return &cobra.Command{
		Use:     "contract SYSTEM",
		Short:   "Print what a program must do that stands in for a system's role (--impl)",
		Example: "  dyno contract branchbank",
		Args: func(c *cobra.Command, args []string) error {
			var open []string
			for _, s := range a.systems {
				if len(s.Open()) > 0 {
					open = append(open, s.Name)
				}
			}
			if len(args) != 1 {
				return systems.Usagef("%s wants one system, for example branchbank", c.CommandPath())
			}
			if s := a.lookup(args[0]); s == nil || len(s.Open()) == 0 {
				return systems.Usagef("%s: system %w", c.CommandPath(), &systems.ChoiceError{Word: args[0], Allowed: open})
			}
			return nil
		},
		RunE: func(_ *cobra.Command, args []string) error { return ladder.Contract(a.out, a.lookup(args[0])) },
	}
}
