package cli

import (
	"errors"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"dyno/systems"
)

// helps completes what the library brings: help refuses a topic that is none, as
// completion does a shell, and both have examples.
func helps(root *cobra.Command) {
	root.InitDefaultHelpCmd()
	root.InitDefaultCompletionCmd()
	for _, c := range root.Commands() {
		switch c.Name() {
		case "help":
			c.Example, c.Run, c.RunE = "  dyno help lookaside demo", nil, helpOn
		case "completion":
			needsCommand(c)
			for _, shell := range c.Commands() {
				shell.Args = noArgs
				shell.Example = map[string]string{
					"fish":       "  dyno completion fish | source",
					"powershell": "  dyno completion powershell | Out-String | Invoke-Expression",
				}[shell.Name()]
				if shell.Example == "" {
					shell.Example = "  source <(dyno completion " + shell.Name() + ")"
				}
			}
		}
	}
}

// helpOn prints the help of a command.
func helpOn(c *cobra.Command, words []string) error {
	on, rest, err := c.Root().Find(words)
	switch {
	case err != nil:
		return &systems.UsageError{Err: err}
	case len(rest) > 0 && on.HasSubCommands():
		return on.RunE(on, rest) // which names those that there are
	case len(rest) > 0:
		return systems.Usagef("%s has no command %q below it: leave that word out", on.CommandPath(), rest[0])
	}
	return on.Help()
}

// knobFlag is flagError of dyno run, on whose command line a knob is no flag.
func (a *app) knobFlag(c *cobra.Command, err error) error {
	var unknown *pflag.NotExistError
	if !errors.As(err, &unknown) {
		return flagError(c, err)
	}
	name := unknown.GetSpecifiedName()
	for _, s := range a.systems {
		if _, err := s.Knob(name); err == nil {
			return systems.Usagef("--%s is a knob of %s, no flag of %s: keep levels that an experiment has with --only %s=LEVEL, or set "+
				"others in a file, which dyno init %s writes", name, s.Name, c.CommandPath(), name, s.Name)
		}
	}
	return flagError(c, err)
}
