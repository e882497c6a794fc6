package rpc

import (
	"bytes"
	"context"
	"errors"
	"io"
	"net"
	"sync"

	"golang.org/x/net/http2"
	"google.golang.org/grpc/credentials"
	"google.golang.org/grpc/mem"
)

// transports are the HTTP/2 connections of an endpoint, of which a resolver may
// have opened several for one that gRPC calls a connection.
type transports struct {
	mu    sync.Mutex
	open  int
	most  int
	limit uint32 // the smallest that one of them said; 0: none did
}

func (t *transports) opened() {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.open++
	t.most = max(t.most, t.open)
}

func (t *transports) closed() {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.open--
}

func (t *transports) allows(streams uint32) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.limit == 0 || streams < t.limit {
		t.limit = streams
	}
}

// watchful are credentials that look at what is read above them.
type watchful struct {
	credentials.TransportCredentials
	seen *Connections
}

// ClientHandshake implements credentials.TransportCredentials.
func (w watchful) ClientHandshake(ctx context.Context, authority string, raw net.Conn) (net.Conn, credentials.AuthInfo, error) {
	conn, info, err := w.TransportCredentials.ClientHandshake(ctx, authority, raw)
	if err != nil {
		return conn, info, err
	}
	w.seen.opened()
	return &settingsConn{Conn: conn, seen: &w.seen.transports}, info, nil
}

// Clone implements credentials.TransportCredentials.
func (w watchful) Clone() credentials.TransportCredentials {
	return watchful{w.TransportCredentials.Clone(), w.seen}
}

// maxSettings bounds what is looked through for the server's settings.
const maxSettings = 4 << 10

// settingsConn reads along until the server's settings have come, which are the
// first that it sends.
type settingsConn struct {
	net.Conn
	seen    *transports
	came    []byte
	done    bool
	closing sync.Once
}

// Read implements net.Conn.
func (c *settingsConn) Read(b []byte) (int, error) {
	n, err := c.Conn.Read(b)
	if !c.done {
		c.look(b[:n])
	}
	return n, err
}

func (c *settingsConn) look(more []byte) {
	c.came = append(c.came, more...)
	frame, err := http2.NewFramer(io.Discard, bytes.NewReader(c.came)).ReadFrame()
	if (errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF)) && len(c.came) < maxSettings {
		return // there is more to come
	}
	if s, ok := frame.(*http2.SettingsFrame); ok {
		if limit, ok := s.Value(http2.SettingMaxConcurrentStreams); ok {
			c.seen.allows(limit)
		}
	}
	c.done, c.came = true, nil
}

// Close implements net.Conn.
func (c *settingsConn) Close() error {
	c.closing.Do(c.seen.closed)
	return c.Conn.Close()
}

// nothing is the codec of a call that is never sent.
type nothing struct{}

func (nothing) Name() string                         { return "" }
func (nothing) Marshal(any) (mem.BufferSlice, error) { return nil, nil }
func (nothing) Unmarshal(mem.BufferSlice, any) error { return nil }
