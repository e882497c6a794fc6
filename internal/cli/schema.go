package cli

import "github.com/spf13/cobra"

func (a *app) schema() *cobra.Command {
	return &cobra.Command{
		Use:   "schema",
		Short: "Print the JSON Schema of experiment files, by which editors complete and check them",
		Long: `Prints the JSON Schema of experiment files. Editors that use yaml-language-server (VS Code with
the YAML extension, Neovim, Helix) take it from a comment in the first line of a file:

  # yaml-language-server: $schema=experiment.schema.json`,
		Example: "  dyno schema > experiment.schema.json",
		Args:    noArgs,
		RunE:    func(*cobra.Command, []string) error { return writeJSON(a.out, a.catalog.Schema()) },
	}
}
