package menu

import (
	"context"

	"dyno/systems"
	"dyno/systems/standby/client"
)

// Command is the command client.
func Command() systems.Command {
	return systems.Command{
		Name:    "client",
		Summary: "the menu: look up a balance, withdraw, save",
		Example: "dyno standby client --config serverhost.config\n" +
			"dyno standby client --config serverhost.config --script",
		Setup: func(fs systems.FlagSet) func(context.Context, systems.Shell) error {
			dial := client.Bind(fs)
			script := fs.Bool("script", false, "read choice, account and amount line by line from standard input; answers are lines of their own")
			return func(ctx context.Context, sh systems.Shell) error {
				bank, err := dial()
				if err != nil {
					return err
				}
				defer bank.Close()
				s := Screen{In: sh.In, Out: sh.Out, Script: *script}
				if !*script {
					s.Key = KeyOf(sh.In, sh.Out)
				}
				return Run(ctx, s, bank.Session())
			}
		},
	}
}
