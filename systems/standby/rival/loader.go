package rival

import (
	"context"
	"encoding/json"
	"strconv"
	"strings"

	"dyno/bench/deposit"
	"dyno/bench/driver"
	"dyno/bench/rival"
	"dyno/systems"
)

// The keys: a balance for each client, or a list of its writes, and the list of
// the client who stays.
func balanceKey(client int) string { return "account:" + strconv.Itoa(client) }
func listKey(client int) string    { return "writes:" + strconv.Itoa(client) }

const stayKey = "writes:stay"

func loaderRole(system string) systems.Role {
	return systems.Role{Command: systems.Command{
		Name:    rival.RoleLoader,
		Summary: "deposits at Redis or etcd, for trials that measure them beside the system",
		Example: "dyno " + system + " " + rival.RoleLoader + " --redis 127.0.0.1:6379 --clients 32 --length 2s",
		Setup: func(fs systems.FlagSet) func(context.Context, systems.Shell) error {
			l := deposit.Load{Flags: driver.BindFlags(fs)}
			fs.IntVar(&l.Clients, knobClients, 32, "clients, each with one write in flight")
			redis := fs.String("redis", "", "HOST:PORT of Redis's primary")
			etcd := fs.String("etcd", "", "HOST:PORT of etcd's members, separated by commas, the leader first")
			wait := fs.Bool("wait", true, "ask for the replica's receipt of each write")
			sentinels := fs.String("sentinels", "", "HOST:PORT of sentinels, separated by commas: who the primary is, they say")
			fs.BoolVar(&l.Gone, "gone", false, "servers may be gone: try again, and tell writes apart")
			return func(ctx context.Context, sh systems.Shell) error {
				if err := l.Flags.Check(); err != nil {
					return err
				}
				switch {
				case (*redis == "") == (*etcd == ""):
					return systems.Usagef("%s: give --redis or --etcd, one of them", rival.RoleLoader)
				case *redis != "":
					redisLoad{addr: *redis, wait: *wait, sentinels: *sentinels}.set(&l)
				default:
					etcdLoad{members: strings.Split(*etcd, ",")}.set(&l)
				}
				r, err := l.Run(ctx)
				if err != nil {
					return err
				}
				if l.Flags.JSON {
					return json.NewEncoder(sh.Out).Encode(r)
				}
				return r.Print(sh.Out, driver.Closed, l.Flags.MaxFailures)
			}
		},
	}}
}
