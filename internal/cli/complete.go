package cli

import (
	"flag"

	"github.com/spf13/cobra"

	"dyno/experiments"
	"dyno/systems"
)

// complete lets a shell complete more than commands and flags: the names of
// experiments and systems, the scales. Wherever a file may stand the shell's own
// completion of files goes on.
func (a *app) complete(root *cobra.Command) {
	names := func(of func() []string) cobra.CompletionFunc {
		return func(*cobra.Command, []string, string) ([]cobra.Completion, cobra.ShellCompDirective) {
			return of(), cobra.ShellCompDirectiveDefault
		}
	}
	all := func() (out []string) {
		for _, s := range a.systems {
			out = append(out, s.Name)
		}
		return out
	}
	for word, of := range map[string]func() []string{
		"run": experiments.Names, "compare": experiments.Names, "export": experiments.Names,
		"init": all, "check": a.kits, "kit": a.kits, "contract": a.kits,
	} {
		c, _, err := root.Find([]string{word})
		if err != nil {
			panic(err) // the words are constants
		}
		c.ValidArgsFunction = names(of)
		if c.Flags().Lookup("scale") != nil {
			must(c.RegisterFlagCompletionFunc("scale", names(func() []string { return experiments.Scales })))
		}
	}
}

// completeKnobs lets a shell complete the levels of a command's knobs, where they
// are a few words.
func completeKnobs(c *cobra.Command, s *systems.System, fs *flag.FlagSet) {
	for _, k := range s.Knobs {
		if words, ok := k.Type.(systems.Choice); ok && fs.Lookup(k.Name) != nil {
			must(c.RegisterFlagCompletionFunc(k.Name, cobra.FixedCompletions(words, cobra.ShellCompDirectiveNoFileComp)))
		}
	}
}

// must panics on what only a mistake in the program can bring about.
func must(err error) {
	if err != nil {
		panic(err)
	}
}
