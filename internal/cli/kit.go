package cli

import (
	"flag"
	"fmt"

	"github.com/spf13/cobra"

	"dyno/internal/kit"
	"dyno/internal/ladder"
	"dyno/systems"
)

func (a *app) kit() *cobra.Command {
	var language string
	c := &cobra.Command{
		Use:   "kit SYSTEM DIR",
		Short: "Write a starter for an implementation of your own: it compiles, is well, and has all to do",
		Long: `kit writes into a new folder: a server for each role that another program can stand
in for, the protocol, a page that says what to do, and a workflow for GitHub.`,
		Example: `  dyno kit branchbank --lang python out/kit
  dyno check branchbank --impl "branch=/usr/bin/python3 out/kit/branch.py"`,
		Args: func(c *cobra.Command, args []string) error {
			if len(args) != 2 {
				return systems.Usagef("%s wants a system and a new folder", c.CommandPath())
			}
			return nil
		},
		RunE: func(_ *cobra.Command, args []string) error {
			s := a.lookup(args[0])
			if s == nil {
				return systems.Usagef("system %w", &systems.ChoiceError{Word: args[0], Allowed: a.kits()})
			}
			if _, err := systems.Choice(kit.Languages).Parse(language); err != nil {
				return systems.Usagef("--lang %w", err)
			}
			k, err := starter(s)
			if err != nil {
				return err
			}
			names, err := kit.Write(args[1], language, k)
			if err != nil {
				return &systems.UsageError{Err: err}
			}
			for _, name := range names {
				fmt.Fprintln(a.out, name)
			}
			fmt.Fprintf(a.err, "it needs %s\nnext: read %s/README.md\n", kit.Needs(language), args[1])
			return nil
		},
	}
	c.Flags().StringVar(&language, "lang", kit.Languages[0], "go or python")
	return c
}

// kits are the systems of which there are kits.
func (a *app) kits() (names []string) {
	for _, s := range a.systems {
		if len(s.Open()) > 0 {
			names = append(names, s.Name)
		}
	}
	return names
}

// starter is what a kit needs to know of a system.
func starter(s *systems.System) (kit.Kit, error) {
	book, err := ladder.Read(s)
	k := kit.Kit{System: s.Name, Summary: s.Summary, Contract: "docs/contract/" + s.Name + ".md of dyno"}
	if len(book.Ladder) > 0 {
		k.First = book.Ladder[0].Name
	}
	for _, r := range s.Roles {
		if r.Probe == "" {
			continue
		}
		role := kit.Role{Name: r.Name, Summary: r.Summary, Serves: r.Serves, Flags: flag.NewFlagSet(r.Name, flag.ContinueOnError)}
		r.Setup(role.Flags)
		for _, call := range book.Duty(r.Name).Calls {
			role.Calls = append(role.Calls, kit.Call{Method: call.Full(s), Does: call.Does})
		}
		k.Roles = append(k.Roles, role)
	}
	return k, err
}
