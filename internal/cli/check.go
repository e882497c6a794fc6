package cli

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"

	"github.com/spf13/cobra"

	"dyno/internal/record"
	"dyno/systems"
)

func (a *app) check() *cobra.Command {
	f := climbFlags{impl: make(systems.Impl)}
	c := &cobra.Command{
		Use:   "check SYSTEM | BUNDLE",
		Short: "Climb a system's ladder with an implementation of it; or judge a failure bundle again",
		Long: `check SYSTEM climbs a ladder: from the easy to the hard, each rung a short trial
whose proof says whether one promise more is kept (docs/contract/SYSTEM.md). It
stops at the first rung that does not hold and shows the smallest history that
breaks its promise, the seed, and the command that runs it again.

check SYSTEM --class DIR climbs with each folder of DIR in a room of its own, some
at a time, and prints a table of who reached which rung (docs/teaching.md).

check BUNDLE reads what a trial that was not valid left below results/raw, and holds
its history against what the system promises, as the trial itself did. It starts nothing.

Exit codes: 0 valid, or all rungs up to --until hold; 1 not valid, or one does not;
2 neither a system nor a bundle, or a bundle of a system that cannot judge again.`,
		Example: `  dyno check branchbank --impl branch="python3 branch.py"
  dyno check branchbank --until replicas --junit out/check.xml
  dyno check results/raw/lb-policies-b01-c003`,
		Args: func(c *cobra.Command, args []string) error {
			if len(args) != 1 {
				return systems.Usagef("%s wants a system, or one folder such as results/raw/lb-policies-b01-c003", c.CommandPath())
			}
			return nil
		},
		RunE: func(c *cobra.Command, args []string) error {
			s := a.lookup(args[0])
			switch {
			case s != nil && f.class.dir != "":
				return a.class(c.Context(), s, &f)
			case s != nil:
				return a.climb(c.Context(), s, &f)
			}
			if _, err := os.Stat(args[0]); errors.Is(err, fs.ErrNotExist) && filepath.Base(args[0]) == args[0] {
				var names []string
				for _, s := range a.systems {
					names = append(names, s.Name)
				}
				return systems.Usagef("system %w", &systems.ChoiceError{Word: args[0], Allowed: names})
			}
			return a.checkBundle(args[0])
		},
	}
	fl := c.Flags()
	fl.Var(f.impl, "impl", systems.ImplHelp)
	fl.StringVar(&f.until, "until", "", "the last `RUNG` to climb (default: all)")
	fl.BoolVar(&f.all, "all", false, "go on above a rung that does not hold")
	fl.BoolVar(&f.json, "json", false, "print the scorecard as JSON")
	fl.StringVar(&f.junit, "junit", "", "write the scorecard as JUnit's XML to `FILE` too")
	fl.StringVar(&f.markdown, "markdown", "", "write the scorecard as Markdown to `FILE` too")
	fl.Uint64Var(&f.seed, "seed", 1, "where every random choice comes from")
	f.class.bind(fl)
	fl.Var((*folder)(&f.out), "out", "folder for trials, logs and diagrams (default: out/check)")
	return c
}

// checkBundle judges the trial of a bundle again.
func (a *app) checkBundle(dir string) error {
	was, now, err := a.catalog.Check(dir)
	if err != nil {
		return err
	}
	fmt.Fprintf(a.out, "stored: %s\nnow:    %s\n", outcome(was), now.Status)
	for _, c := range now.Checks {
		fmt.Fprintln(a.out, " ", checkLine(c))
	}
	if now.Status == record.Valid {
		return nil
	}
	fmt.Fprintf(a.err, "dyno: %s\n", strings.Join(now.Reasons(), "\n  "))
	return errFailed
}

// checkLine is a check in one line.
func checkLine(c record.Check) string {
	line := fmt.Sprintf("%s: %s, %d examined", c.Name, c.Status, c.Examined)
	if c.Detail != "" {
		line += ": " + c.Detail
	}
	return line
}
