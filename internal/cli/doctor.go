package cli

import (
	"fmt"
	"text/tabwriter"

	"github.com/spf13/cobra"

	"dyno/bench/doctor"
)

func (a *app) doctor() *cobra.Command {
	var asJSON bool
	c := &cobra.Command{
		Use:     "doctor",
		Short:   "What this machine has of what trials need, and what each lack costs",
		Example: "  dyno doctor\n  dyno doctor --json | jq '.[] | select(.here | not)'",
		Args:    noArgs,
		RunE: func(c *cobra.Command, _ []string) error {
			found := doctor.Examine(c.Context())
			if asJSON {
				return writeJSON(a.out, found)
			}
			w := tabwriter.NewWriter(a.out, 0, 0, 2, ' ', 0)
			for _, f := range found {
				if f.Here {
					fmt.Fprintf(w, "ok\t%s\t%s\n", f.Name, f.Found)
					continue
				}
				fmt.Fprintf(w, "lacks\t%s\t%s\n\t\tcosts: %s\n", f.Name, f.Found, f.Costs)
				if f.Get != "" {
					fmt.Fprintf(w, "\t\tmends it: %s\n", f.Get)
				}
			}
			return w.Flush()
		},
	}
	c.Flags().BoolVar(&asJSON, "json", false, "print JSON")
	return c
}
