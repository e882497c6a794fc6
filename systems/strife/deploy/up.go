// Package deploy makes the folder of one strife, and runs all of its servers.
package deploy

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"sync"
	"text/tabwriter"
	"time"

	"dyno/internal/backoff"
	"dyno/systems"
	"dyno/systems/strife/gateway"
	"dyno/systems/strife/site"
)

// Up is the command up.
func Up() systems.Command {
	return systems.Command{
		Name:    "up",
		Summary: "runs all banks and the gateway until it is interrupted; says \"ready\" when all serve",
		Example: "dyno strife up --dir state --prepare-timeout 500ms",
		Setup: func(fs systems.FlagSet) func(context.Context, systems.Shell) error {
			u := &up{}
			fs.StringVar(&u.dir, "dir", "", "folder that dyno strife init made")
			prepare := gateway.DeclarePrepare(fs)
			fs.BoolVar(&u.restart, "restart", false, "start what has ended again")
			return func(ctx context.Context, sh systems.Shell) error {
				u.prepare, u.shell = *prepare, sh
				return u.run(ctx)
			}
		},
	}
}

// up runs the servers of a folder.
type up struct {
	dir     string
	prepare time.Duration
	restart bool
	shell   systems.Shell
	watch   sync.WaitGroup
	say     sync.Mutex
}

func (u *up) run(ctx context.Context) (err error) {
	if u.dir == "" {
		return systems.Usagef("--dir: name the folder that dyno strife init made")
	}
	setup, err := site.Dir(u.dir).ReadGateway()
	if err != nil {
		return err
	}
	bctx, bench, closeBench, err := u.shell.Bench(ctx, systems.Setting{})
	if err != nil {
		return err
	}
	defer u.watch.Wait()
	defer func() { err = errors.Join(err, closeBench()) }()
	launches := []systems.Launch{{
		Role: "gateway", Name: "gateway", Expendable: true,
		Args: []string{"--dir", u.dir, "--prepare-timeout", u.prepare.String()},
	}}
	for _, name := range setup.Banks {
		launches = append(launches, systems.Launch{
			Role: "bank", Name: "bank-" + name, Expendable: true, Args: []string{"--dir", u.dir, "--name", name},
		})
	}
	if err := u.start(bctx, bench, launches); err != nil {
		if ctx.Err() != nil {
			return nil // interrupted before all were ready
		}
		return err
	}
	fmt.Fprintln(u.shell.Out, "ready")
	<-bctx.Done()
	if ctx.Err() != nil {
		return nil
	}
	return context.Cause(bctx)
}

// start starts all servers at once, and watches them.
func (u *up) start(ctx context.Context, bench systems.Bench, launches []systems.Launch) error {
	errs := make([]error, len(launches))
	var all sync.WaitGroup
	for i, l := range launches {
		all.Go(func() {
			p, err := bench.Start(ctx, l)
			if errs[i] = err; err == nil {
				u.watch.Go(func() { u.follow(ctx, p, l) })
			}
		})
	}
	all.Wait()
	return errors.Join(errs...)
}

// follow reports the end of a server, and starts it again if that is asked for.
func (u *up) follow(ctx context.Context, p systems.Process, l systems.Launch) {
	var pause backoff.Backoff
	for {
		pid := p.PID()
		_, err := p.Wait(ctx)
		if ctx.Err() != nil {
			return
		}
		u.logf("%s, process %d, has ended: %v", l.Name, pid, err)
		if !u.restart {
			u.logf("start it again with: dyno strife %s", commandLine(l))
			return
		}
		for ctx.Err() == nil {
			pause.Wait(ctx, nil)
			if err := p.Restart(ctx); err == nil {
				u.logf("%s runs again as process %d", l.Name, p.PID())
				break
			} else if ctx.Err() == nil {
				u.logf("%s cannot be started again: %v", l.Name, err)
			}
		}
	}
}

func commandLine(l systems.Launch) string { return l.Role + " " + strings.Join(l.Args, " ") }

func (u *up) logf(format string, args ...any) {
	u.say.Lock()
	defer u.say.Unlock()
	fmt.Fprintf(u.shell.Err, format+"\n", args...)
}

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
