package cli

import (
	"fmt"
	"maps"
	"runtime"
	"runtime/debug"
	"slices"
	"text/tabwriter"

	"github.com/spf13/cobra"

	"dyno/bench/process"
	"dyno/experiments"
)

// The JSON of dyno version.
type versionJSON struct {
	Version      string            `json:"version"`
	Sources      string            `json:"sources"` // hash of all that it was built from; empty: not by make
	Go           string            `json:"go"`
	Platform     string            `json:"platform"`
	Dependencies map[string]string `json:"dependencies"`
}

func (a *app) version() *cobra.Command {
	var asJSON, all bool
	c := &cobra.Command{
		Use:   "version",
		Short: "What this dyno is made of: its sources' hash, Go, and the libraries whose versions can change a figure",
		Example: `  dyno version
  dyno version --all
  dyno version --json | jq -r '.dependencies["google.golang.org/grpc"]'`,
		Args: noArgs,
		RunE: func(*cobra.Command, []string) error {
			v := thisVersion(all || asJSON)
			if asJSON {
				return writeJSON(a.out, v)
			}
			w := tabwriter.NewWriter(a.out, 0, 0, 2, ' ', 0)
			fmt.Fprintf(w, "dyno\t%s\nsources\t%s\ngo\t%s\nplatform\t%s\n", v.Version, orNone(v.Sources), v.Go, v.Platform)
			for _, name := range slices.Sorted(maps.Keys(v.Dependencies)) {
				fmt.Fprintf(w, "%s\t%s\n", name, v.Dependencies[name])
			}
			return w.Flush()
		},
	}
	c.Flags().BoolVar(&asJSON, "json", false, "print JSON, with all libraries")
	c.Flags().BoolVar(&all, "all", false, "all libraries, not only those whose versions can change a figure")
	return c
}

func thisVersion(all bool) versionJSON {
	v := versionJSON{
		Version: "(devel)", Sources: process.Stamp(), Go: runtime.Version(), Platform: runtime.GOOS + "/" + runtime.GOARCH,
		Dependencies: make(map[string]string),
	}
	if build, ok := debug.ReadBuildInfo(); ok && build.Main.Version != "" {
		v.Version = build.Main.Version
	}
	for _, m := range process.Libraries() {
		if all || experiments.Reported(m.Path) {
			v.Dependencies[m.Path] = m.Version
		}
	}
	return v
}
