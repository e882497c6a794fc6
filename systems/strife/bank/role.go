package bank

import (
	"context"
	"errors"
	"time"

	"dyno/internal/node"
	strifev1 "dyno/proto/strife/v1"
	"dyno/systems"
	"dyno/systems/strife/core/participant"
	"dyno/systems/strife/failpoint"
	"dyno/systems/strife/security"
	"dyno/systems/strife/server"
)

// Role is the role bank.
func Role() systems.Role {
	return systems.Role{
		Serves: true,
		Probe:  strifev1.BankService_ListDoubts_FullMethodName,
		TLS:    server.TLS(func(args []string) security.Party { return party(server.Flag(args, "name")) }),
		Command: systems.Command{
			Name:    "bank",
			Summary: "one bank: its accounts, and its half of two-phase commit",
			Example: "dyno strife bank --dir state --name alpha",
			Setup: func(fs systems.FlagSet) func(context.Context, systems.Shell) error {
				var o server.Options
				o.Declare(fs)
				name := fs.String("name", "", "which of the banks in DIR/setup.yaml it is")
				return func(ctx context.Context, sh systems.Shell) error { return run(ctx, sh, o, *name) }
			},
		},
	}
}

func party(name string) security.Party { return security.Party{Role: security.Bank, Name: name} }

func run(ctx context.Context, sh systems.Shell, o server.Options, name string) (err error) {
	if err := o.Check(); err != nil {
		return err
	}
	if name == "" {
		return systems.Usagef("--name: say which bank this is")
	}
	base, err := server.Open(ctx, party(name), o)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, base.Close()) }()
	b, err := open(ctx, base, name)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, b.close()) }()
	return base.Serve(ctx, sh, server.Service{
		Register: b.register,
		Stop:     func() { close(b.stop) },
		Failed:   []<-chan struct{}{b.host.Failed()},
		Err:      b.host.Err,
		DiskLow:  func(low bool) { _ = b.host.Step(participant.DiskLow{Low: low}) },
	})
}

// The kinds of records at which a test has the bank die, as package participant
// documents them.
const kindPrepared = 3

// tap looks at what the core is about to write.
type tap struct{ *participant.Participant }

var _ node.Snapshotter = tap{} // or the journal would grow for ever

func (t tap) Step(now time.Duration, in participant.In) node.Effects[participant.Out] {
	e := t.Participant.Step(now, in)
	if failpoint.Armed(failpoint.BeforePrepare) {
		for _, record := range e.Write {
			if record[0] == kindPrepared {
				failpoint.Hit(failpoint.BeforePrepare)
			}
		}
	}
	return e
}
