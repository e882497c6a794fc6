package gateway

import (
	"context"
	"errors"
	"time"

	strifev1 "dyno/proto/strife/v1"
	"dyno/systems"
	"dyno/systems/strife/core/coordinator"
	"dyno/systems/strife/security"
	"dyno/systems/strife/server"
)

// Prepare bounds what the prepare timeout may be.
const (
	DefaultPrepare = time.Second
	minPrepare     = time.Millisecond
	maxPrepare     = time.Minute
)

// Role is the role gateway.
func Role() systems.Role {
	return systems.Role{
		Serves: true,
		Probe:  strifev1.GatewayService_Login_FullMethodName,
		TLS:    server.TLS(func([]string) security.Party { return security.TheGateway }),
		Command: systems.Command{
			Name:    "gateway",
			Summary: "what users talk to: authentication, and the coordinator of two-phase commit",
			Example: "dyno strife gateway --dir state --prepare-timeout 500ms",
			Setup: func(fs systems.FlagSet) func(context.Context, systems.Shell) error {
				var o server.Options
				o.Declare(fs)
				prepare := DeclarePrepare(fs)
				return func(ctx context.Context, sh systems.Shell) error { return run(ctx, sh, o, *prepare) }
			},
		},
	}
}

// DeclarePrepare declares the flag of the prepare timeout.
func DeclarePrepare(fs systems.FlagSet) *time.Duration {
	return fs.Duration("prepare-timeout", DefaultPrepare, "how long banks have for their votes before a payment is aborted")
}

func run(ctx context.Context, sh systems.Shell, o server.Options, prepare time.Duration) (err error) {
	if err := o.Check(); err != nil {
		return err
	}
	if prepare < minPrepare || prepare > maxPrepare {
		return systems.Usagef("--prepare-timeout %v: want %v to %v", prepare, minPrepare, maxPrepare)
	}
	base, err := server.Open(ctx, security.TheGateway, o)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, base.Close()) }()
	g, err := open(ctx, base, prepare)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, g.close()) }()
	return base.Serve(ctx, sh, server.Service{
		Register: g.register,
		Stop:     g.stop,
		Failed:   []<-chan struct{}{g.host.Failed(), g.access.Failed()},
		Err:      func() error { return errors.Join(g.host.Err(), g.access.Err()) },
		DiskLow:  func(low bool) { _ = g.host.Step(coordinator.DiskLow{Low: low}) },
	})
}
