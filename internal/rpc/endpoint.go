package rpc

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"math"
	"os"
	"strings"
	"time"

	"google.golang.org/grpc"
	"google.golang.org/grpc/connectivity"
	"google.golang.org/grpc/credentials"
	"google.golang.org/grpc/credentials/insecure"
	"google.golang.org/grpc/encoding/gzip"
	"google.golang.org/grpc/keepalive"
	"google.golang.org/grpc/status"
)

// MinKeepalive is the shortest time between pings that gRPC keeps to: below it
// pings silently leave this far apart.
const MinKeepalive = 10 * time.Second

// Endpoint says how a server is reached that others run, and that may be
// anywhere. Only the address is needed.
type Endpoint struct {
	Address     string // HOST:PORT, [IPv6]:PORT, unix:PATH, a list as of [List], or SCHEME:///NAME for a resolver that gRPC knows
	Connections int    // 0: one

	TLS        bool
	CACert     string // file of whom the server's certificate must come from; empty: from whom the machine trusts
	Cert, Key  string // files of our own certificate; empty: none
	ServerName string // that the server's certificate must have; empty: as the authority, or the address, says
	SkipVerify bool   // take any certificate

	Authority       string        // the pseudo-header; empty: as the address says
	MaxMessageBytes int           // of one request or answer; 0: DefaultMaxMessageBytes
	Gzip            bool          // requests are sent compressed, by [Endpoint.Compression]
	Keepalive       time.Duration // between pings when nothing else is heard, MinKeepalive or more; 0: no pings
	ServiceConfig   string        // as gRPC has it in JSON: the load-balancing policy, and more; empty: none
}

// Identity is how both sides of a connection prove who they are, by the
// endpoint's files.
func (e Endpoint) Identity() (*tls.Config, error) {
	c := &tls.Config{ServerName: e.ServerName, InsecureSkipVerify: e.SkipVerify, MinVersion: tls.VersionTLS12}
	if e.CACert != "" {
		pem, err := os.ReadFile(e.CACert)
		if err != nil {
			return nil, fmt.Errorf("cacert: %w", err)
		}
		if c.RootCAs = x509.NewCertPool(); !c.RootCAs.AppendCertsFromPEM(pem) {
			return nil, fmt.Errorf("cacert: %s holds no certificate in PEM form", e.CACert)
		}
	}
	if e.Cert != "" {
		pair, err := tls.LoadX509KeyPair(e.Cert, e.Key)
		if err != nil {
			return nil, fmt.Errorf("cert %s with key %s: %w", e.Cert, e.Key, err)
		}
		c.Certificates = []tls.Certificate{pair}
	}
	return c, nil
}

// Dial makes the connections. None is open before [Connections.Open], or the
// first call on it.
func (e Endpoint) Dial() (*Connections, error) {
	all := &Connections{balanced: e.ServiceConfig != "" || strings.HasPrefix(e.Address, xds)}
	options, err := e.options(all)
	if err != nil {
		return nil, err
	}
	for range max(e.Connections, 1) {
		conn, err := grpc.NewClient(e.Address, options...)
		if err != nil {
			return nil, errors.Join(err, all.Close())
		}
		all.conns = append(all.conns, conn)
	}
	return all, nil
}

// Each are the servers of a list, one by one and without a policy; none, where the
// address is no list.
func (e Endpoint) Each() (out []Endpoint) {
	servers, _ := List(e.Address)
	for _, s := range servers {
		one := e
		one.Address, one.Connections, one.ServiceConfig = s, 1, ""
		out = append(out, one)
	}
	return out
}

// Several says that calls may go to more servers than one.
func (e Endpoint) Several() bool {
	return e.ServiceConfig != "" || len(e.Each()) > 0 || strings.HasPrefix(e.Address, xds)
}

func (e Endpoint) options(seen *Connections) ([]grpc.DialOption, error) {
	transport := insecure.NewCredentials()
	if e.TLS {
		c, err := e.Identity()
		if err != nil {
			return nil, err
		}
		transport = credentials.NewTLS(c)
	}
	size := e.MaxMessageBytes
	if size == 0 {
		size = DefaultMaxMessageBytes
	}
	ping := keepalive.ClientParameters{Time: math.MaxInt64} // never: many servers end connections for pings
	if e.Keepalive > 0 {
		ping = keepalive.ClientParameters{Time: e.Keepalive, Timeout: pingTimeout, PermitWithoutStream: true}
	}
	options := append(common(),
		grpc.WithTransportCredentials(watchful{transport, seen}),
		grpc.WithDefaultCallOptions(grpc.MaxCallRecvMsgSize(size), grpc.MaxCallSendMsgSize(size)),
		grpc.WithKeepaliveParams(ping),
		grpc.WithConnectParams(connectParams(firstRetry, connectTimeout)))
	options = append(options, FixedWindows()...)
	if e.Authority != "" {
		options = append(options, grpc.WithAuthority(e.Authority))
	}
	if e.ServiceConfig != "" {
		options = append(options, grpc.WithDefaultServiceConfig(e.ServiceConfig))
	}
	if !strings.HasPrefix(e.Address, xds) { // there the resolver's is how calls find their way
		options = append(options, grpc.WithDisableServiceConfig())
	}
	return options, nil
}

// Compression is for the calls that are to be as the endpoint says.
func (e Endpoint) Compression() []grpc.CallOption {
	if e.Gzip {
		return []grpc.CallOption{grpc.UseCompressor(gzip.Name)}
	}
	return nil
}

// connectTimeout is what one attempt to connect may take: a server may be far.
const connectTimeout = 5 * time.Second

const xds = "xds:"

// Connections are those of an endpoint.
type Connections struct {
	conns    []*grpc.ClientConn
	balanced bool // gRPC may spread calls over several for each of them
	transports
}

// Streams says over how many connections calls are spread, and how many streams
// the server allows on each of them; 0: as many as a client likes. Those beyond
// wait at the client, without a word.
func (c *Connections) Streams() (connections int, limit uint32) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if !c.balanced { // more were open while one took the place of another
		return min(c.most, len(c.conns)), c.limit
	}
	return c.most, c.limit
}

// Of is the connection that a client uses, who is known by a number.
func (c *Connections) Of(client int) *grpc.ClientConn { return c.conns[client%len(c.conns)] }

// Close closes them all.
func (c *Connections) Close() error {
	var all error
	for _, conn := range c.conns {
		all = errors.Join(all, conn.Close())
	}
	return all
}

// Open connects all of them, and returns when they are connected; or, with the
// reason, when one of them cannot be.
func (c *Connections) Open(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, 2*connectTimeout)
	defer cancel()
	for _, conn := range c.conns {
		conn.Connect()
	}
	for _, conn := range c.conns {
		if err := open(ctx, conn); err != nil {
			return err
		}
	}
	return nil
}

func open(ctx context.Context, conn *grpc.ClientConn) error {
	for {
		s := conn.GetState()
		switch s {
		case connectivity.Ready:
			return nil
		case connectivity.Idle:
			conn.Connect()
		case connectivity.TransientFailure:
			return why(ctx, conn)
		}
		if !conn.WaitForStateChange(ctx, s) {
			if s == connectivity.Idle {
				return errors.New("the load-balancing policy does not connect before there is a call, as ring_hash: it cannot be tried here")
			}
			return fmt.Errorf("no connection within %v: %w", 2*connectTimeout, why(ctx, conn))
		}
	}
}

// why asks for the reason why there is no connection: only a call is told.
func why(ctx context.Context, conn *grpc.ClientConn) error {
	err := conn.Invoke(ctx, "/dyno.Nobody/Answers", nil, nil, grpc.ForceCodecV2(nothing{}))
	if st, ok := status.FromError(err); ok {
		return errors.New(st.Message())
	}
	return err
}
