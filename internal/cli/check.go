package cli

import (
	"fmt"
	"strings"

	"github.com/spf13/cobra"

	"dyno/internal/record"
	"dyno/systems"
)

func (a *app) check() *cobra.Command {
	return &cobra.Command{
		Use:   "check BUNDLE",
		Short: "Judge the trial of a failure bundle again, by the history it left; starts nothing",
		Long: `check reads what a trial that was not valid left below results/raw, and holds
its history against what the system promises, as the trial itself did.

Exit codes: 0 valid; 1 not valid; 2 not a bundle, or of a system that cannot judge again.`,
		Example: `  dyno check results/raw/lb-policies-b01-c003
  dyno check out/quick/results/raw/lb-policies-b01-c003`,
		Args: func(c *cobra.Command, args []string) error {
			if len(args) != 1 {
				return systems.Usagef("%s wants one folder, for example results/raw/lb-policies-b01-c003", c.CommandPath())
			}
			return nil
		},
		RunE: func(_ *cobra.Command, args []string) error {
			was, now, err := a.catalog.Check(args[0])
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
		},
	}
}

// checkLine is a check in one line.
func checkLine(c record.Check) string {
	line := fmt.Sprintf("%s: %s, %d examined", c.Name, c.Status, c.Examined)
	if c.Detail != "" {
		line += ": " + c.Detail
	}
	return line
}
