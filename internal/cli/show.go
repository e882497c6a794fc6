package cli

import (
	"context"
	"errors"
	"fmt"
	"os"
	"strings"

	"github.com/spf13/cobra"

	"dyno/bench/process"
	"dyno/internal/rpc"
	"dyno/systems"
)

// tracesHelp says what --traces is.
const tracesHelp = "`HOST:PORT` of a collector of OpenTelemetry (OTLP over gRPC, plain text): it is sent a span for each half of every RPC"

// showing declares the flags by which a role, or a command that starts roles,
// shows others what it does.
func showing(c *cobra.Command, service string, role, starts bool) *rpc.Shown {
	o := &rpc.Shown{Service: service}
	if role {
		c.Flags().StringVar(&o.Metrics, "metrics", "", "`HOST:PORT` to serve /metrics on, for Prometheus; port 0 takes a free one")
	}
	if role || starts {
		c.Flags().StringVar(&o.Traces, "traces", os.Getenv(process.TracesVar), tracesHelp)
	}
	return o
}

// logging declares how logs are written, for this process and those that it starts;
// not before a command runs, since to be asked for help changes nothing.
func logging(root *cobra.Command) {
	said := make(map[string]string)
	root.PersistentPreRunE = func(*cobra.Command, []string) error {
		for name, word := range said {
			if err := os.Setenv(name, word); err != nil {
				return err
			}
		}
		return nil
	}
	for _, f := range []struct {
		name, env, help string
		words           systems.Choice
	}{
		{"log-format", systems.LogFormatVar, "`FORMAT` of the lines of logs and of progress", systems.LogFormats},
		{"log-level", systems.LogLevelVar, "`LEVEL` from which on lines are logged", systems.LogLevels},
	} {
		root.PersistentFlags().Func(f.name, f.help+": "+strings.Join(f.words, ", "), func(word string) error {
			word, err := f.words.Parse(word)
			if err != nil {
				return err
			}
			said[f.env] = word
			return nil
		})
		must(root.RegisterFlagCompletionFunc(f.name, cobra.FixedCompletions(f.words, cobra.ShellCompDirectiveNoFileComp)))
	}
}

// whole lets the program that links what few commands need go on in place of this
// one, where a command may need it and it is there.
func (a *app) whole(needed bool) error { return a.needs(needed, false)() }

// needs is [app.whole] for what another program may do, too, if it is large.
func (a *app) needs(whole, large bool) func() error {
	return func() error {
		if !whole && !large || process.Linked {
			return nil
		}
		path := process.Whole()
		if path == "" && !whole {
			path = process.Large()
		}
		if path == "" {
			return nil
		}
		return process.Become(path, a.args)
	}
}

// show begins what the flags ask for. Processes that this one starts do it too.
func (a *app) show(ctx context.Context, o rpc.Shown) (stop func() error, err error) {
	if o.Traces == "" && o.Metrics == "" {
		return func() error { return nil }, nil
	}
	if err := a.whole(true); err != nil {
		return nil, err
	}
	if rpc.Telemetry == nil {
		return nil, errors.New("--metrics and --traces need dyno-whole beside dyno, which is not there or of other sources: make build makes it")
	}
	if o.Traces != "" {
		if err := os.Setenv(process.TracesVar, o.Traces); err != nil {
			return nil, err
		}
	}
	return rpc.Telemetry(ctx, o, func(addr string) { fmt.Fprintf(a.err, "metrics at http://%s/metrics\n", addr) })
}
