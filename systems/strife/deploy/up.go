package deploy

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"sync"
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
