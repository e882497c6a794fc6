// Command dyno-rivals loads PostgreSQL for trials that measure it beside dyno's
// own systems. It is a module of its own, so that dyno needs no driver; dyno
// finds it beside its own binary or in PATH, and starts it like a client of its
// own: flags in, a report as JSON out.
package main

import (
	"context"
	"encoding/json"
	"flag"
	"fmt"
	"os"
	"os/signal"
	"syscall"
)

// command declares its flags and returns what runs once they are parsed.
type command func(*flag.FlagSet) func(context.Context) (any, error)

var commands = map[string]command{
	"pay":     pay,      // payments across clusters, by two-phase commit
	"resolve": resolve,  // what a coordinator that was killed left in doubt
	"branch":  branch,   // deposits at a primary, reads at its standby
	"deposit": deposits, // deposits at a primary with a synchronous standby
	"fortio":  fortio,   // calls to an echo server, paced and timed by fortio
}

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	if err := run(ctx, os.Args[1:]); err != nil {
		fmt.Fprintln(os.Stderr, "dyno-rivals:", err)
		os.Exit(1)
	}
}

func run(ctx context.Context, args []string) error {
	if len(args) == 0 || commands[args[0]] == nil {
		return fmt.Errorf("%q: the first word is one of pay, resolve, branch, deposit, fortio", args)
	}
	fs := flag.NewFlagSet(args[0], flag.ContinueOnError)
	act := commands[args[0]](fs)
	if err := fs.Parse(args[1:]); err != nil {
		return err
	}
	report, err := act(ctx)
	if err != nil {
		return err
	}
	return json.NewEncoder(os.Stdout).Encode(report)
}
