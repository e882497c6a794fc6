package cli

import (
	"encoding/json"
	"fmt"
	"io"
	"text/tabwriter"

	"github.com/spf13/cobra"

	"dyno/experiments"
	"dyno/systems"
)

func (a *app) list() *cobra.Command {
	var asJSON bool
	c := &cobra.Command{
		Use:     "list",
		Short:   "Systems with their roles, commands and knobs; experiments with their question",
		Example: "  dyno list\n  dyno list --json | jq '.experiments[].name'",
		Args:    noArgs,
		RunE: func(*cobra.Command, []string) error {
			found, err := a.catalog.All()
			if err != nil {
				return err
			}
			if asJSON {
				return writeJSON(a.out, listing(a.systems, found))
			}
			return a.printList(found)
		},
	}
	c.Flags().BoolVar(&asJSON, "json", false, "print JSON")
	return c
}

// The JSON of dyno list. Scripts rely on these keys.
type (
	listJSON struct {
		Systems     []systemJSON     `json:"systems"`
		Experiments []experimentJSON `json:"experiments"`
	}
	systemJSON struct {
		Name     string     `json:"name"`
		Summary  string     `json:"summary"`
		Roles    []wordJSON `json:"roles"`
		Commands []wordJSON `json:"commands"`
		Knobs    []knobJSON `json:"knobs"`
	}
	wordJSON struct {
		Name    string `json:"name"`
		Summary string `json:"summary"`
	}
	knobJSON struct {
		Name    string `json:"name"`
		Unit    string `json:"unit"`
		Default string `json:"default"`
		Allowed string `json:"allowed"`
		Help    string `json:"help"`
	}
	experimentJSON struct {
		Name     string `json:"name"`
		System   string `json:"system"`
		Question string `json:"question"`
		Flagship bool   `json:"flagship"`
	}
)

func listing(all []*systems.System, found []*experiments.Experiment) listJSON {
	l := listJSON{Systems: []systemJSON{}, Experiments: []experimentJSON{}}
	for _, s := range all {
		j := systemJSON{Name: s.Name, Summary: s.Summary, Roles: []wordJSON{}, Commands: []wordJSON{}, Knobs: []knobJSON{}}
		for _, r := range s.Roles {
			j.Roles = append(j.Roles, wordJSON{r.Name, r.Summary})
		}
		for _, c := range s.Commands {
			j.Commands = append(j.Commands, wordJSON{c.Name, c.Summary})
		}
		for _, k := range s.Knobs {
			j.Knobs = append(j.Knobs, knobJSON{k.Name, k.Unit, k.Default, k.Type.Allowed(), k.Help})
		}
		l.Systems = append(l.Systems, j)
	}
	for _, e := range found {
		l.Experiments = append(l.Experiments, experimentJSON{e.Name, e.System.Name, e.Question, e.Flagship})
	}
	return l
}

func (a *app) printList(found []*experiments.Experiment) error {
	w := tabwriter.NewWriter(a.out, 0, 0, 2, ' ', 0)
	fmt.Fprintln(w, "Systems")
	for _, s := range a.systems {
		fmt.Fprintf(w, "\n  %s: %s\n", s.Name, s.Summary)
		for _, r := range s.Roles {
			fmt.Fprintf(w, "    role\t%s\t%s\n", r.Name, r.Summary)
		}
		for _, c := range s.Commands {
			fmt.Fprintf(w, "    command\t%s\t%s\n", c.Name, c.Summary)
		}
		for _, k := range s.Knobs {
			fmt.Fprintf(w, "    knob\t%s\t%s (%s; default %s)\n", k.Name, k.Help, k.Type.Allowed(), orNone(k.Default))
		}
	}
	fmt.Fprintln(w, "\nExperiments")
	for _, e := range found {
		fmt.Fprintf(w, "\n  %s (%s)\n    %s\n", e.Name, e.System.Name, e.Question)
	}
	return w.Flush()
}

func orNone(text string) string {
	if text == "" {
		return "none"
	}
	return text
}

func writeJSON(w io.Writer, v any) error {
	e := json.NewEncoder(w)
	e.SetIndent("", "  ")
	return e.Encode(v)
}

// noArgs refuses positional arguments by name.
func noArgs(c *cobra.Command, args []string) error {
	if len(args) > 0 {
		return systems.Usagef("%s takes no argument, got %q", c.CommandPath(), args[0])
	}
	return nil
}
