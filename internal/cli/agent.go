package cli

import (
	"context"
	"fmt"
	"os"
	"time"

	"github.com/spf13/cobra"

	"dyno/bench/agent"
	"dyno/internal/kube"
	"dyno/internal/rpc"
	"dyno/systems"
)

func (a *app) agent() *cobra.Command {
	var advertise, listen, credentials string
	var stdio, await bool
	var idle time.Duration
	c := &cobra.Command{
		Use:   "agent",
		Short: "Run roles on this machine for a runner on another one",
		Long: `Serves one runner (dyno run on another machine): starts roles here, watches and
samples them, and ends them with itself when the runner is gone: at once where it is
bound to its standard input, else after a minute without a heartbeat.

dyno run --hosts starts agents over SSH by itself. In a pod (dyno deploy k8s) an agent
listens under mutual TLS, and serves the certificate called runner alone: --credentials
is a folder with authority.pem, agent.pem and agent.key; with --await it may come later.`,
		Example: "  dyno agent --advertise 10.0.0.2 --listen 10.0.0.2:7500 --credentials run/certificates",
		Args:    noArgs,
		RunE: func(c *cobra.Command, _ []string) error {
			if idle <= 0 {
				return systems.Usagef("--idle %v: give a positive time", idle)
			}
			if stdio == (listen != "") || listen != "" && credentials == "" {
				return systems.Usagef("agent: give --stdio, or --listen with --credentials")
			}
			ctx, o := c.Context(), agent.Options{Advertise: advertise, Lookup: a.lookup, Idle: idle, Logf: func(format string, args ...any) {
				fmt.Fprintf(a.err, format+"\n", args...)
			}}
			if stdio {
				ctx, o.RPC.Listener = agent.Stdio(ctx, os.Stdin, os.Stdout)
				return agent.Serve(ctx, o)
			}
			if await {
				if err := awaitKeys(ctx, credentials, idle); err != nil {
					return err
				}
			}
			return serveAgent(ctx, o, listen, credentials)
		},
	}
	fl := c.Flags()
	fl.StringVar(&advertise, "advertise", "", "`IP` of this machine on which roles listen, and by which the other machines reach them")
	fl.BoolVar(&stdio, "stdio", false, "serve one runner on standard input and output, and end with them")
	fl.StringVar(&listen, "listen", "", "`HOST:PORT` to serve a runner on")
	fl.DurationVar(&idle, "idle", agent.Idle, "how long to live without a heartbeat of the runner")
	fl.StringVar(&credentials, "credentials", "", "`DIR` with the certificates of --listen: authority.pem, agent.pem, agent.key")
	fl.BoolVar(&await, "await", false, "wait for the folder of --credentials, as long as --idle")
	return c
}

func awaitKeys(ctx context.Context, credentials string, idle time.Duration) error {
	ctx, cancel := context.WithTimeoutCause(ctx, idle, fmt.Errorf("nobody has brought them for %v", idle))
	defer cancel()
	return kube.Await(ctx, credentials)
}

// serveAgent serves under mutual TLS.
func serveAgent(ctx context.Context, o agent.Options, listen, credentials string) (err error) {
	if o.RPC.TLS, err = rpc.LoadIdentity(credentials, agent.NameAgent); err != nil {
		return systems.Usagef("--credentials %s: %w", credentials, err)
	}
	o.RPC.Listen = listen
	o.RPC.Ready = func(addr string) { o.Logf("agent: listening on %s", addr) }
	return agent.Serve(ctx, o)
}
