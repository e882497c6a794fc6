package directory

import (
	"context"
	"errors"

	"dyno/systems"
)

// Registry serves etcd, embedded. Only the program for large roles links it, and the
// whole one; nil: this one does not.
var Registry func(ctx context.Context, sh systems.Shell, where *systems.Reach, data string) error

// Role is etcd, embedded. It answers the standard health service by
// itself; reflection is added.
func Role() systems.Role {
	return systems.Role{Serves: true, Large: true, Command: systems.Command{
		Name:    "registry",
		Summary: "etcd with one member, for where no etcd runs: the servers' membership and the balancer's address",
		Example: "dyno lookaside registry --listen 127.0.0.1:2379",
		Setup: func(fs systems.FlagSet) func(context.Context, systems.Shell) error {
			where := systems.BindReach(fs, "127.0.0.1:2379", "HOST:PORT to serve etcd's clients on; port 0 takes a free one")
			data := fs.String("data", "", "directory to keep the data in; without it they go when the registry stops")
			return func(ctx context.Context, sh systems.Shell) error {
				if err := where.Check(); err != nil {
					return err
				}
				if Registry == nil {
					return errors.New("etcd is in bin/dyno-large, which make build makes beside bin/dyno")
				}
				return Registry(ctx, sh, where, *data)
			}
		},
	}}
}
