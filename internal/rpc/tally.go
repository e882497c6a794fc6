package rpc

import (
	"context"
	"errors"
	"io"
	"maps"
	"net"
	"strings"
	"sync"
	"sync/atomic"

	"google.golang.org/grpc"

	"dyno/internal/record"
)

// Tally is what this process has counted until now: calls through [Dial] and
// [Serve], and the bytes at their sockets.
func Tally() record.CallEvidence {
	return record.CallEvidence{
		Made: made.read(), Served: served.read(),
		SentB: sentBytes.Load(), Received: receivedBytes.Load(),
	}
}

// Of the whole process: they are evidence against what its parts say.
var (
	made                     methods
	served                   = methods{skip: uncounted}
	sentBytes, receivedBytes atomic.Int64
)

// methods counts calls by full method name. Looking one up neither locks nor
// allocates once it is known; the zero value is ready.
type methods struct {
	skip   func(method string) bool // nil: all count
	known  atomic.Pointer[map[string]*counter]
	growth sync.Mutex
}

type counter struct{ ok, failed atomic.Int64 }

// uncounted are services at a server that the bench itself asks, as often as it
// likes.
func uncounted(method string) bool {
	return strings.HasPrefix(method, "/grpc.health.") || strings.HasPrefix(method, "/grpc.reflection.")
}

func (m *methods) count(method string, err error) {
	c := m.of(method)
	switch {
	case c == nil:
	case err == nil:
		c.ok.Add(1)
	default:
		c.failed.Add(1)
	}
}

func (m *methods) of(method string) *counter {
	if known := m.known.Load(); known != nil {
		if c, ok := (*known)[method]; ok {
			return c
		}
	}
	return m.grow(method)
}

// grow makes a method known; an uncounted one has no counter.
func (m *methods) grow(method string) *counter {
	m.growth.Lock()
	defer m.growth.Unlock()
	grown := make(map[string]*counter)
	if known := m.known.Load(); known != nil {
		if c, ok := (*known)[method]; ok {
			return c
		}
		grown = maps.Clone(*known)
	}
	method = strings.Clone(method)
	grown[method] = nil
	if m.skip == nil || !m.skip(method) {
		grown[method] = new(counter)
	}
	m.known.Store(&grown)
	return grown[method]
}

func (m *methods) read() map[string]record.Calls {
	known := m.known.Load()
	if known == nil {
		return nil
	}
	out := make(map[string]record.Calls)
	for method, c := range *known {
		if c != nil {
			out[method] = record.Calls{OK: c.ok.Load(), Failed: c.failed.Load()}
		}
	}
	return out
}

// countServed is the outermost of a server's interceptors.
func countServed(ctx context.Context, req any, info *grpc.UnaryServerInfo, next grpc.UnaryHandler) (any, error) {
	resp, err := next(ctx, req)
	served.count(info.FullMethod, err)
	return resp, err
}

func countServedStream(srv any, ss grpc.ServerStream, info *grpc.StreamServerInfo, next grpc.StreamHandler) error {
	err := next(srv, ss)
	served.count(info.FullMethod, err)
	return err
}

func countMade(ctx context.Context, method string, req, reply any, cc *grpc.ClientConn, invoke grpc.UnaryInvoker,
	opts ...grpc.CallOption,
) error {
	err := invoke(ctx, method, req, reply, cc, opts...)
	made.count(method, err)
	return err
}

func countMadeStream(ctx context.Context, desc *grpc.StreamDesc, cc *grpc.ClientConn, method string, open grpc.Streamer,
	opts ...grpc.CallOption,
) (grpc.ClientStream, error) {
	cs, err := open(ctx, desc, cc, method, opts...)
	if err != nil {
		made.count(method, err)
		return nil, err
	}
	return &countedStream{ClientStream: cs, method: method, single: !desc.ServerStreams}, nil
}

// countedStream counts a stream once, when its client learns how it ended. One
// that is given up without being read to its end is not counted.
type countedStream struct {
	grpc.ClientStream
	method string
	single bool // there is one answer, and then no more
	once   sync.Once
}

// RecvMsg implements grpc.ClientStream.
func (s *countedStream) RecvMsg(m any) error {
	err := s.ClientStream.RecvMsg(m)
	switch {
	case errors.Is(err, io.EOF), err == nil && s.single:
		s.once.Do(func() { made.count(s.method, nil) })
	case err != nil:
		s.once.Do(func() { made.count(s.method, err) })
	}
	return err
}

// Quit says of a stream that its client has all that it wants of it, and ends it:
// it counts as one that went well. Afterwards the client cancels its context.
func Quit(stream grpc.ClientStream) {
	if s, ok := stream.(*countedStream); ok {
		s.once.Do(func() { made.count(s.method, nil) })
	}
}

// countedConn counts the bytes of a connection beneath everything else.
type countedConn struct{ net.Conn }

// Read implements net.Conn.
func (c countedConn) Read(b []byte) (int, error) {
	n, err := c.Conn.Read(b)
	receivedBytes.Add(int64(n))
	return n, err
}

// Write implements net.Conn.
func (c countedConn) Write(b []byte) (int, error) {
	n, err := c.Conn.Write(b)
	sentBytes.Add(int64(n))
	return n, err
}

// countedListener counts at every connection that it accepts.
type countedListener struct{ net.Listener }

// Accept implements net.Listener.
func (l countedListener) Accept() (net.Conn, error) {
	c, err := l.Listener.Accept()
	if err != nil {
		return nil, err
	}
	return count(c), nil
}

// dialCounted is gRPC's own dialer, and counts. An address "unix:PATH" is that
// of a local socket.
func dialCounted(ctx context.Context, addr string) (net.Conn, error) {
	network := "tcp"
	if path, ok := strings.CutPrefix(addr, "unix:"); ok {
		network, addr = "unix", strings.TrimPrefix(path, "//")
	}
	c, err := new(net.Dialer).DialContext(ctx, network, addr)
	if err != nil {
		return nil, err
	}
	counted := count(c)
	counted.Conn = directly(c)
	return counted, nil
}

// count wraps a connection. gRPC would have told the kernel how long to wait
// for a peer that does not acknowledge; it does not see the socket any more.
func count(c net.Conn) countedConn {
	if tcp, ok := c.(*net.TCPConn); ok {
		boundSilence(tcp)
	}
	return countedConn{c}
}
