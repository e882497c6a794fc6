// Package directory is who there is: servers and balancers under leases in etcd
// ([Directory]), an etcd for where none runs ([Role]), and two ways of finding
// the balancer, by etcd ([Finder]) and by DNS ([DNS]).
package directory

import (
	"context"
	"crypto/rand"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"slices"
	"strings"
	"time"

	clientv3 "go.etcd.io/etcd/client/v3"
	"go.uber.org/zap"
	"google.golang.org/grpc"

	"dyno/internal/backoff"
	"dyno/internal/rpc"
	"dyno/systems"
)

const (
	// LeaseTTL is how long a dead process stays in the directory at least. etcd's
	// default configuration grants no less; and when etcd restarts, every lease
	// starts over, so that one who died before stays for so long from then on.
	LeaseTTL = 2 * time.Second

	Timeout = 2 * time.Second // of one call to etcd

	// retry is the wait before connecting again: etcd may start together with who looks for it.
	retry = 10 * time.Millisecond

	// A copy of the directory is read afresh this often even when the watch
	// says nothing: a watch on an etcd that came back without its data would
	// wait for a revision that is long in the future.
	refresh = 5 * time.Second
)

// Directory is the part of etcd that belongs to one service: who serves, and
// where the balancer is. Keys are
//
//	/dyno/lookaside/SERVICE/servers/ID/INSTANCE → {"address", "capacity"}
//	/dyno/lookaside/SERVICE/lb/INSTANCE         → {"address"}
//
// each under the lease of the process it names. Two lives of one id are two
// keys, so that the late expiry of the old lease cannot delete the new row.
type Directory struct {
	client    *clientv3.Client
	endpoints string
	Service   string
	Log       *slog.Logger
}

// Entry is one key of the directory.
type Entry struct {
	Path     []string // what follows the prefix, split at the slashes
	Address  string   // HOST:PORT
	Capacity float64  // servers only
	Revision int64    // etcd's create revision: the order of announcing
}

// Value is an entry's value in etcd.
type Value struct {
	Address  string  `json:"address"`
	Capacity float64 `json:"capacity,omitempty"`
}

// DiscoveryFlags declares what every role but the registry needs to find it.
func DiscoveryFlags(fs systems.FlagSet) (open func(systems.Shell) (*Directory, error)) {
	return Bind(fs, "where membership is kept: etcd://HOST:PORT[,HOST:PORT]...").Open
}

// Flags say where to look.
type Flags struct{ Discovery, Service string }

// Bind declares the flags; help is for --discovery.
func Bind(fs systems.FlagSet, help string) *Flags {
	w := new(Flags)
	fs.StringVar(&w.Discovery, "discovery", "etcd://127.0.0.1:2379", help)
	fs.StringVar(&w.Service, "service", "compute", "which of the services there")
	return w
}

// Open is [Open] of what the flags say.
func (w *Flags) Open(sh systems.Shell) (*Directory, error) {
	return Open(w.Discovery, w.Service, sh.Log())
}

// Open prepares for the directory of a service at etcd://HOST:PORT[,HOST:PORT]….
// It connects with the first call; a bad address or name is a usage error.
func Open(discovery, service string, log *slog.Logger) (*Directory, error) {
	endpoints, err := parseDiscovery(discovery)
	if err != nil {
		return nil, err
	}
	if service == "" || strings.Contains(service, "/") {
		return nil, systems.Usagef("--service %q: give a name without slashes", service)
	}
	client, err := clientv3.New(clientv3.Config{
		Endpoints:            endpoints,
		DialTimeout:          Timeout,
		DialKeepAliveTime:    10 * time.Second,
		DialKeepAliveTimeout: Timeout,
		DialOptions:          []grpc.DialOption{rpc.Reconnecting(retry)},
		Logger:               zap.NewNop(),
	})
	if err != nil {
		return nil, fmt.Errorf("--discovery %s: %w", discovery, err)
	}
	return &Directory{client: client, endpoints: strings.Join(endpoints, ","), Service: service, Log: log}, nil
}

// parseDiscovery reads etcd://HOST:PORT[,HOST:PORT]….
func parseDiscovery(text string) ([]string, error) {
	list, ok := strings.CutPrefix(text, "etcd://")
	if !ok {
		return nil, systems.Usagef("--discovery %s: give etcd://HOST:PORT[,HOST:PORT]...", text)
	}
	endpoints := strings.Split(list, ",")
	for _, e := range endpoints {
		if host, port, err := net.SplitHostPort(e); err != nil || host == "" || port == "" {
			return nil, systems.Usagef("--discovery %s: %q is not HOST:PORT", text, e)
		}
	}
	return endpoints, nil
}

// Close ends the connection and everything that still uses it.
func (d *Directory) Close() { _ = d.client.Close() }

func (d *Directory) prefix() string { return "/dyno/lookaside/" + d.Service + "/" }

// ServersPrefix is what the keys of all servers begin with.
func (d *Directory) ServersPrefix() string { return d.prefix() + "servers/" }

// ServerPrefix is what the keys of all lives of one server begin with.
func (d *Directory) ServerPrefix(id string) string { return d.ServersPrefix() + id + "/" }

// BalancersPrefix is what the keys of all balancers begin with.
func (d *Directory) BalancersPrefix() string { return d.prefix() + "lb/" }

// Announce keeps a key in the directory until the context ends, and then takes
// it away. It tells held the key's create revision each time that the key is
// put, which is again after every loss of the lease (etcd was away, or this
// process was paused). Before each it waits for its turn, with a lease in hand.
func (d *Directory) Announce(ctx context.Context, key string, v Value, turn func(), held func(revision int64)) {
	value, err := json.Marshal(v)
	if err != nil {
		panic(err) // a NaN capacity: flags and the balancer refuse it
	}
	var b backoff.Backoff
	for ctx.Err() == nil {
		err := d.hold(ctx, key, string(value), turn, func(revision int64) {
			b.Reset()
			held(revision)
		})
		if ctx.Err() != nil {
			return
		}
		d.Log.Warn("not in the directory, trying again", "etcd", d.endpoints, "key", key, "error", err)
		b.Wait(ctx, nil)
	}
}

// hold puts the key under a lease of its own and returns when that is lost.
func (d *Directory) hold(ctx context.Context, key, value string, turn func(), held func(revision int64)) error {
	granting, granted := context.WithTimeout(ctx, Timeout)
	lease, err := d.client.Grant(granting, int64(LeaseTTL/time.Second))
	granted()
	if err != nil {
		return err
	}
	defer d.revoke(ctx, lease.ID)
	kept, drop := context.WithCancel(ctx)
	defer drop() // or a lease that cannot be revoked would be kept alive for nobody
	alive, err := d.client.KeepAlive(kept, lease.ID)
	if err != nil {
		return err
	}
	turn()
	call, cancel := context.WithTimeout(ctx, Timeout)
	defer cancel()
	// A key that an earlier lease still holds keeps its create revision, so the
	// put's own revision would not be it.
	done, err := d.client.Txn(call).Then(clientv3.OpPut(key, value, clientv3.WithLease(lease.ID)), clientv3.OpGet(key)).Commit()
	if err != nil {
		return err
	}
	created := done.Responses[1].GetResponseRange().Kvs[0].CreateRevision
	held(created)
	for range alive { // drained: a full channel makes the client complain
	}
	return errors.New("the lease was lost")
}

// revoke gives a lease up, so that its key goes at once.
func (d *Directory) revoke(ctx context.Context, id clientv3.LeaseID) {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), Timeout/2)
	defer cancel()
	_, _ = d.client.Revoke(ctx, id) // else it expires after LeaseTTL
}

// Find follows where the balancer is. Of several the one announced last counts:
// after a restart the old one's lease may live on for LeaseTTL.
func (d *Directory) Find(ctx context.Context, found func(addr string)) {
	d.Follow(ctx, d.BalancersPrefix(), func(entries []Entry, _ int64) {
		addr := ""
		if n := len(entries); n > 0 {
			addr = entries[n-1].Address
		}
		found(addr)
	})
}

// Servers returns the servers, oldest first, once there is one.
func (d *Directory) Servers(ctx context.Context) (out []Entry, err error) {
	read, cancel := context.WithCancel(ctx)
	defer cancel()
	d.Follow(read, d.ServersPrefix(), func(entries []Entry, _ int64) {
		out = slices.DeleteFunc(slices.Clone(entries), func(e Entry) bool { return len(e.Path) != 2 })
		if len(out) > 0 {
			cancel()
		}
	})
	if len(out) == 0 {
		return nil, fmt.Errorf("no server is registered for service %q: %w", d.Service, ctx.Err())
	}
	return out, nil
}

// NewInstance names one life of a process. It is no choice of an experiment:
// two lives must differ even when their seeds do not.
func NewInstance() string { return strings.ToLower(rand.Text()[:10]) }
