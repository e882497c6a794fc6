package directory

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"maps"
	"net"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"

	"go.etcd.io/etcd/api/v3/mvccpb"
	"google.golang.org/grpc"

	"dyno/internal/backoff"
	"dyno/internal/rpc"
	"dyno/systems"
	"dyno/systems/lookaside/wait"
)

const (
	DNSScheme  = "dns://"
	dnsTimeout = 2 * time.Second // of one look-up
	dnsRefresh = time.Second     // between two that succeed: a balancer that moved is found sooner than in 5 s
	DNSPort    = "7000"          // where a balancer listens of which only the address (A) is known
)

// DNS finds the balancer by DNS: its SRV record says host and port; without
// one its address, at dnsPort.
type DNS struct {
	resolver *net.Resolver
	name     string // absolute
}

// NewDNS reads dns://RESOLVER/NAME; the resolver's port is 53 unless given.
func NewDNS(text string) (*DNS, error) {
	server, name, ok := strings.Cut(strings.TrimPrefix(text, DNSScheme), "/")
	if !ok || server == "" || name == "" {
		return nil, systems.Usagef("--discovery %s: give dns://RESOLVER/NAME, for example dns://127.0.0.1:53/lb.example", text)
	}
	if _, _, err := net.SplitHostPort(server); err != nil {
		server = net.JoinHostPort(server, "53")
	}
	return &DNS{
		name: strings.TrimSuffix(name, ".") + ".",
		resolver: &net.Resolver{PreferGo: true, Dial: func(ctx context.Context, network, _ string) (net.Conn, error) {
			return new(net.Dialer).DialContext(ctx, network, server)
		}},
	}, nil
}

// Find follows where the balancer is until the context ends. While the resolver
// cannot be reached, nothing is said: the last answer stands.
func (n *DNS) Find(ctx context.Context, _ string, found func(addr string)) {
	var b backoff.Backoff
	for ctx.Err() == nil {
		addr, err := n.look(ctx)
		if missing, ok := errors.AsType[*net.DNSError](err); ok && missing.IsNotFound {
			addr, err = "", nil
		}
		if err != nil {
			b.Wait(ctx, nil)
			continue
		}
		found(addr)
		if addr == "" {
			b.Wait(ctx, nil)
			continue
		}
		b.Reset()
		select {
		case <-time.After(dnsRefresh):
		case <-ctx.Done():
		}
	}
}

// look resolves the name once.
func (n *DNS) look(ctx context.Context) (string, error) {
	ctx, cancel := context.WithTimeout(ctx, dnsTimeout)
	defer cancel()
	host, port := n.name, DNSPort
	if _, records, err := n.resolver.LookupSRV(ctx, "", "", n.name); err == nil && len(records) > 0 {
		host, port = records[0].Target, strconv.Itoa(int(records[0].Port)) // by priority, at random by weight
	}
	hosts, err := n.resolver.LookupHost(ctx, host)
	if err != nil {
		return "", err
	}
	if len(hosts) == 0 {
		return "", fmt.Errorf("%s has no address", host)
	}
	return net.JoinHostPort(hosts[0], port), nil
}

// Finder knows where the balancer is now and keeps a connection to it.
type Finder struct {
	dir  *Directory
	addr wait.Latest[string] // empty: none is known

	mu   sync.Mutex
	conn *grpc.ClientConn
	to   string // where conn goes
}

// NewFinder makes a finder, which knows nothing until it runs.
func NewFinder(dir *Directory) *Finder { return &Finder{dir: dir} }

// Run follows the directory until the context ends. When no balancer is
// announced, the last one known is kept: it may have lost its lease only.
func (f *Finder) Run(ctx context.Context) {
	f.dir.Find(ctx, func(addr string) {
		if addr != "" {
			f.addr.Set(addr)
		}
	})
}

// Connect returns a connection to the balancer as of now, nil while none is
// known, and a channel that is closed once it is another one. A connection is
// closed when the balancer has moved: nobody answers there any more.
func (f *Finder) Connect() (*grpc.ClientConn, <-chan struct{}, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	addr, moved := f.addr.Get()
	if addr == f.to {
		return f.conn, moved, nil
	}
	f.drop()
	conn, err := rpc.Dial(addr)
	if err != nil {
		return nil, moved, err
	}
	f.conn, f.to = conn, addr
	return conn, moved, nil
}

// Moved is closed once the balancer is elsewhere.
func (f *Finder) Moved() <-chan struct{} {
	_, moved := f.addr.Get()
	return moved
}

// Close closes the connection.
func (f *Finder) Close() {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.drop()
}

func (f *Finder) drop() {
	if f.conn != nil {
		_ = f.conn.Close()
	}
	f.conn, f.to = nil, ""
}

// mirror is a copy of the keys below a prefix.
type mirror struct {
	prefix string
	byKey  map[string]Entry
	log    *slog.Logger
}

func newMirror(prefix string, log *slog.Logger) *mirror {
	return &mirror{prefix: prefix, byKey: make(map[string]Entry), log: log}
}

// put copies a key. What dyno cannot have written is left out, and so is what
// nobody could dial.
func (m *mirror) put(kv *mvccpb.KeyValue) {
	var v Value
	if err := json.Unmarshal(kv.Value, &v); err != nil || v.Address == "" || systems.Reachable(v.Address) != nil {
		m.log.Warn("foreign entry in the directory", "key", string(kv.Key), "value", string(kv.Value))
		delete(m.byKey, string(kv.Key))
		return
	}
	m.byKey[string(kv.Key)] = Entry{
		Path:     strings.Split(strings.TrimPrefix(string(kv.Key), m.prefix), "/"),
		Address:  v.Address,
		Capacity: v.Capacity,
		Revision: kv.CreateRevision,
	}
}

func (m *mirror) remove(kv *mvccpb.KeyValue) { delete(m.byKey, string(kv.Key)) }

// entries lists the copy, oldest first.
func (m *mirror) entries() []Entry {
	return slices.SortedFunc(maps.Values(m.byKey), func(a, b Entry) int {
		return cmp.Or(cmp.Compare(a.Revision, b.Revision), slices.Compare(a.Path, b.Path))
	})
}
