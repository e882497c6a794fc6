package target

import (
	"context"
	"crypto/tls"
	"maps"
	"net"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/credentials"
	_ "google.golang.org/grpc/encoding/gzip"
	"google.golang.org/grpc/resolver"
	"google.golang.org/grpc/resolver/manual"
	"google.golang.org/grpc/stats"

	"dyno/bench/driver"
	"dyno/internal/record"
	"dyno/internal/rpc"
	"dyno/systems"
)

const put = "store.v1.Store/Put"

// identities makes an authority with a server and a client, and another one
// with a stranger; it returns the folder of each.
func identities(t *testing.T) (ours, theirs string) {
	t.Helper()
	ours, theirs = t.TempDir(), t.TempDir()
	for dir, names := range map[string][]string{ours: {"shop", "client"}, theirs: {"client"}} {
		a, err := rpc.NewAuthority(dir)
		if err != nil {
			t.Fatal(err)
		}
		for _, name := range names {
			if err := a.Issue(name); err != nil {
				t.Fatal(err)
			}
		}
	}
	return ours, theirs
}

// Under TLS and mutual TLS calls arrive, by our loops and by ghz; and where
// something is missing, the error says which flag is.
func TestTLS(t *testing.T) {
	ours, theirs := identities(t)
	file := func(name string) string { return filepath.Join(ours, name) }
	mutual, err := rpc.LoadIdentity(ours, "shop")
	if err != nil {
		t.Fatal(err)
	}
	mutual = mutual.Clone()
	mutual.ServerName = ""
	open := mutual.Clone()
	open.ClientAuth, open.VerifyConnection = tls.NoClientCert, nil
	known := map[string]string{knobTLS: "on", knobCACert: file("authority.pem")}
	with := func(more ...string) map[string]string {
		v := maps.Clone(known)
		for i := 0; i < len(more); i += 2 {
			v[more[i]] = more[i+1]
		}
		return v
	}
	for _, c := range []struct {
		name   string
		server *tls.Config
		values map[string]string
		want   string // refusal
	}{
		{"TLS", open, known, ""},
		{"another name", open, with(knobServerName, "shop"), ""},
		{"mutual TLS", mutual, with(knobCert, file("client.pem"), knobKey, file("client.key")), ""},
		{"not verified", open, map[string]string{knobTLS: "on", knobSkipVerify: "on"}, ""},
		{"nobody trusts it", open, map[string]string{knobTLS: "on"}, "give --cacert"},
		{"wrong name", open, with(knobServerName, "bank"), "say with --server-name"},
		{"no certificate", mutual, known, "--cert and --key"},
		{"a stranger's", mutual, with(knobCert, filepath.Join(theirs, "client.pem"), knobKey, filepath.Join(theirs, "client.key")), "--cert and --key"},
		{"no TLS here", open, nil, "does it want --tls"},
		{"no TLS there", nil, known, "leave --tls out"},
		{"no such file", open, map[string]string{knobTLS: "on", knobCACert: "nowhere.pem"}, "nowhere.pem"},
		{"not PEM", open, map[string]string{knobTLS: "on", knobCACert: "doc.go"}, "doc.go holds no certificate"},
		{"half an identity", open, with(knobCert, file("client.pem")), "belong together"},
		{"of no use", open, map[string]string{knobServerName: "shop"}, "give --tls as well"},
		{"both", open, with(knobSkipVerify, "on"), "give one of them"},
	} {
		t.Run(c.name, func(t *testing.T) {
			var opts []grpc.ServerOption
			if c.server != nil {
				opts = append(opts, grpc.Creds(credentials.NewTLS(c.server)))
			}
			o := serveOdd(t, protos, reflectV1, codes.Unimplemented, opts...)
			values := map[string]string{knobMethod: put}
			maps.Copy(values, c.values)
			if c.want == "" {
				callBoth(t, o, values)
				return
			}
			if _, err := ready(t, o, values); err == nil || !strings.Contains(err.Error(), c.want) {
				t.Errorf("%v; want %q", err, c.want)
			}
		})
	}
}

// Addresses of every kind that gRPC knows.
func TestAddresses(t *testing.T) {
	socket := filepath.Join(t.TempDir(), "s")
	t.Run("unix", func(t *testing.T) {
		o := serveOddAt(t, listenAt(t, "unix", socket), protos, reflectV1, codes.Unimplemented)
		o.address = "unix:" + socket
		callBoth(t, o, map[string]string{knobMethod: put})
		o.address = "unix://" + socket
		callBoth(t, o, map[string]string{knobMethod: put})
	})
	t.Run("IPv6", func(t *testing.T) {
		lis, err := net.Listen("tcp", "[::1]:0")
		if err != nil {
			t.Skip("no IPv6 here:", err)
		}
		callBoth(t, serveOddAt(t, lis, protos, reflectV1, codes.Unimplemented), map[string]string{knobMethod: put})
	})
	t.Run("dns", func(t *testing.T) {
		o := serveOdd(t, protos, reflectV1, codes.Unimplemented)
		o.address = "dns:///" + strings.Replace(o.address, "127.0.0.1", "localhost", 1)
		callBoth(t, o, map[string]string{knobMethod: put, knobServiceConfig: `{"loadBalancingConfig":[{"round_robin":{}}]}`})
	})
	t.Run("two behind a name", func(t *testing.T) {
		a, b := serveOdd(t, protos, reflectV1, codes.Unimplemented), serveOdd(t, protos, reflectV1, codes.Unimplemented)
		shops := manual.NewBuilderWithScheme("shops")
		shops.InitialState(resolver.State{Addresses: []resolver.Address{{Addr: a.address}, {Addr: b.address}}})
		resolver.Register(shops)
		_, p := calls(t, &odd{address: "shops:///all"}, 200, map[string]string{knobMethod: put, knobServiceConfig: `{"loadBalancingConfig":[{"round_robin":{}}]}`})
		if na, nb := len(a.arrivals()), len(b.arrivals()); na < 50 || nb < 50 {
			t.Errorf("%d calls came to one, %d to the other", na, nb)
		}
		if n, _ := p.conns.Streams(); n != 2 {
			t.Errorf("%d connections", n)
		}
	})
	for text, want := range map[string]string{
		"::1:50051":       "an IPv6 address stands in brackets",
		"a:1,b:2":         "several servers are ipv4:",
		"localhost":       "give HOST:PORT",
		"ftp:///x":        `"ftp" is not one of HOST:PORT, ipv4, ipv6, dns, unix, xds`,
		"unix:/nowhere/s": "start your service first",
		"127.0.0.1:1":     "start your service first",
		"xds:///shop":     "GRPC_XDS_BOOTSTRAP",
	} {
		if _, err := ready(t, &odd{address: text}, nil); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: %v; want %q", text, err, want)
		}
	}
}

// payloads counts the requests that came compressed.
type payloads struct{ compressed atomic.Int64 }

func (p *payloads) HandleRPC(_ context.Context, s stats.RPCStats) {
	if in, ok := s.(*stats.InPayload); ok && in.CompressedLength < in.Length/10 {
		p.compressed.Add(1)
	}
}

func (*payloads) TagRPC(ctx context.Context, _ *stats.RPCTagInfo) context.Context   { return ctx }
func (*payloads) TagConn(ctx context.Context, _ *stats.ConnTagInfo) context.Context { return ctx }
func (*payloads) HandleConn(context.Context, stats.ConnStats)                       {}

// meeting is one of so many.
func meeting(n int) *sync.WaitGroup {
	w := new(sync.WaitGroup)
	w.Add(n)
	return w
}

// The rest of what a connection is: what arrives shows it, whoever sends. Three
// calls meet in the server, which allows one on a connection.
func TestConnectionKnobs(t *testing.T) {
	seen := new(payloads)
	o := serveOdd(t, protos, reflectV1, codes.Unimplemented, grpc.MaxConcurrentStreams(1), grpc.StatsHandler(seen))
	const meet = 3
	p, err := ready(t, o, map[string]string{
		knobMethod: put, knobAuthority: "shop.example", knobCompression: "gzip", knobConnections: "3", knobKeepalive: "10s",
		knobData: `{"voucher":"` + strings.Repeat("x", 5000) + `"}`,
	})
	if err != nil {
		t.Fatal(err)
	}
	o.meet.Store(meeting(meet))
	var clients sync.WaitGroup
	for client := range meet {
		clients.Go(func() { p.op()(t.Context(), client) })
	}
	clients.Wait()
	o.meet.Store(meeting(meet))
	witness := driver.Witness{Flags: &driver.Flags{Length: 100 * time.Millisecond}, Workers: meet, Rate: 10 * meet}
	if _, err := p.witness(t.Context(), witness); err != nil {
		t.Fatal(err)
	}
	from := map[string]bool{}
	for i, a := range o.arrivals() {
		from[a.from.Addr.String()] = true
		if a.md.Get(":authority")[0] != "shop.example" || len(a.bytes) != 5004 {
			t.Errorf("call %d of %d bytes came with %v", i, len(a.bytes), a.md)
		}
	}
	if n := seen.compressed.Load(); n != 2*meet {
		t.Errorf("%d requests came compressed", n)
	}
	if len(from) != 2*meet {
		t.Errorf("%d connections, want 3 of ours and 3 of ghz: %v", len(from), from)
	}
	r := new(report)
	r.Clients = 9
	p.finish(r)
	if c := r.Connection; c.Connections != 3 || c.Streams != 3 || c.Limit != 1 || len(r.ownFlags()) != 1 || !strings.Contains(c.flags()[0].Detail, "--connections 9") {
		t.Errorf("%+v, %v", c, r.ownFlags())
	}
	r.Clients = 3
	p.finish(r)
	if flags := r.Connection.flags(); len(flags) != 0 {
		t.Errorf("as many as the server allows: %v", flags)
	}
}

// Messages may be as large as the knob says, and no larger.
func TestMessageSize(t *testing.T) {
	o := serveOdd(t, protos, reflectV1, codes.Unimplemented, grpc.MaxRecvMsgSize(8<<20), grpc.MaxSendMsgSize(8<<20))
	data := filepath.Join(t.TempDir(), "large.jsonl")
	if err := os.WriteFile(data, []byte(`{"voucher":"`+strings.Repeat("x", 5<<20)+`"}`), 0o600); err != nil {
		t.Fatal(err)
	}
	values := map[string]string{knobMethod: put, knobDataFile: data}
	p, err := ready(t, o, values)
	if err != nil {
		t.Fatal(err)
	}
	if p.op()(t.Context(), 0); !strings.Contains(p.errors.String(), "--max-message-size") {
		t.Errorf("5 MiB: %q", p.errors.String())
	}
	values[knobMaxMessage] = "6MiB"
	callBoth(t, o, values)
}

// A service config that lets calls be sent again is flagged; one that gRPC does
// not take, or ghz, is refused.
func TestServiceConfig(t *testing.T) {
	o := serveOdd(t, protos, reflectV1, codes.Unimplemented)
	const again = `{"methodConfig":[{"name":[{}],"retryPolicy":{"maxAttempts":2,"initialBackoff":"0.1s","maxBackoff":"1s","backoffMultiplier":2,"retryableStatusCodes":["UNAVAILABLE"]}}]}`
	p, err := ready(t, o, map[string]string{knobMethod: put, knobServiceConfig: again})
	if err != nil {
		t.Fatal(err)
	}
	r := new(report)
	if p.finish(r); len(r.ownFlags()) != 1 || r.ownFlags()[0].Name != "retries" {
		t.Error(r.ownFlags())
	}
	for _, config := range []string{again, `least_request {"choiceCount":3}`} {
		if p, err = ready(t, o, map[string]string{knobMethod: put, knobServiceConfig: config}); err != nil {
			t.Fatal(err)
		}
		_, err = p.witness(t.Context(), driver.Witness{Flags: &driver.Flags{Length: time.Second}, Workers: 1, Rate: 1})
		if err == nil || !strings.Contains(err.Error(), "name of a load-balancing policy only") {
			t.Error(config, err)
		}
	}
	for config, want := range map[string]string{
		`{"loadBalancingConfig":[{"nonsense":{}}]}`: "see --service-config", `{"loadBalancingConfig":3}`: "see --service-config",
		"nonsense": "see --service-config",
	} {
		if _, err := ready(t, o, map[string]string{knobMethod: put, knobServiceConfig: config}); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: %v", config, err)
		}
	}
	for want, values := range map[string]map[string]string{
		"give 10s or more":        {knobKeepalive: "5s"},
		"ghz wants as many":       {knobConnections: "9", driver.KnobDriver: driver.GHZ},
		"is of no use":            {knobSkipVerify: "on"},
		"belong together: give b": {knobTLS: "on", knobKey: "k.pem"},
	} {
		v, err := System.Resolve(values)
		if err == nil {
			err = System.Check(systems.Setting{Load: record.Load{Loop: "swept"}}, v)
		}
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%v: %v; want %q", values, err, want)
		}
	}
}
