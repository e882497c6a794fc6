// Package deploy makes the folder of one strife, and runs all of its servers.
package deploy

import (
	"context"
	"encoding/json"
	"fmt"
	"text/tabwriter"

	"dyno/systems"
	"dyno/systems/strife/site"
)

// Init is the command init.
func Init() systems.Command {
	return systems.Command{
		Name:    "init",
		Summary: "makes a folder with an authority, certificates, banks with accounts, and users with passwords",
		Example: "dyno strife init --dir state --banks 2 --users 4",
		Setup: func(fs systems.FlagSet) func(context.Context, systems.Shell) error {
			dir := fs.String("dir", "", "folder to make; it must not hold a setup.yaml yet")
			var p site.Plan
			fs.IntVar(&p.Banks, "banks", 2, "how many banks, 1 to 64")
			fs.IntVar(&p.Users, "users", 4, "how many users with an account, 1 to 10000, and an admin beside them")
			fs.Uint64Var(&p.Seed, "seed", 1, "the balances come from it; keys and passwords come from no seed")
			fs.StringVar(&p.Currency, "currency", "EUR", "of all accounts: a code of ISO 4217")
			asJSON := fs.Bool("json", false, "print what was made as JSON")
			return func(_ context.Context, sh systems.Shell) error {
				if *dir == "" {
					return systems.Usagef("--dir: name the folder to make")
				}
				made, err := site.Dir(*dir).Init(p)
				if err != nil {
					return err
				}
				if *asJSON {
					e := json.NewEncoder(sh.Out)
					e.SetIndent("", "  ")
					return e.Encode(made)
				}
				return tell(sh, made)
			}
		},
	}
}

// tell shows people what was made.
func tell(sh systems.Shell, m site.Made) error {
	w := tabwriter.NewWriter(sh.Out, 0, 0, 2, ' ', 0)
	fmt.Fprintln(w, "user\tbank/account\tbalance\tpassword in")
	for _, u := range m.Users {
		fmt.Fprintf(w, "%s\t%s/%s\t%s %s\t%s\n", u.User, u.Bank, u.Account, u.Balance, u.Currency, u.PasswordFile)
	}
	fmt.Fprintf(w, "%s\t\t\t%s\n", m.Admin.User, m.Admin.PasswordFile)
	for _, a := range m.Spare {
		fmt.Fprintf(w, "(nobody)\t%s/%s\t%s %s\t\n", a.Bank, a.Account, a.Balance, a.Currency)
	}
	fmt.Fprintf(w, "\nnext: dyno strife up --dir %s\n", m.Dir)
	return w.Flush()
}
