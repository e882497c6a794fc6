package rpc

import (
	"bytes"
	"net"
	"testing"
	"testing/iotest"

	"golang.org/x/net/http2"
	"google.golang.org/grpc"
)

// read is a connection from which bytes come one by one, or at once.
type read struct {
	net.Conn
	from interface{ Read([]byte) (int, error) }
}

func (r read) Read(b []byte) (int, error) { return r.from.Read(b) }
func (r read) Close() error               { return nil }

// The server's limit is found however its settings come, and only there.
func TestSettings(t *testing.T) {
	const frames = 3
	settings := func(s ...http2.Setting) []byte {
		var b bytes.Buffer
		f := http2.NewFramer(&b, nil)
		if err := f.WriteSettings(s...); err != nil {
			t.Fatal(err)
		}
		for range frames { // what comes later does not count
			if err := f.WriteSettings(http2.Setting{ID: http2.SettingMaxConcurrentStreams, Val: 1}); err != nil {
				t.Fatal(err)
			}
		}
		return b.Bytes()
	}
	ten := http2.Setting{ID: http2.SettingMaxConcurrentStreams, Val: 10}
	for name, c := range map[string]struct {
		sent []byte
		want uint32
	}{
		"a limit":        {settings(ten), 10},
		"among others":   {settings(http2.Setting{ID: http2.SettingMaxFrameSize, Val: 16384}, ten), 10},
		"none":           {settings(), 0},
		"another thing":  {settings(http2.Setting{ID: http2.SettingMaxFrameSize, Val: 16384}), 0},
		"no HTTP/2":      {[]byte("HTTP/1.1 400 Bad Request\r\n\r\n"), 0},
		"not to its end": {settings(ten)[:12], 0},
	} {
		for _, bytewise := range []bool{false, true} {
			conn := read{from: bytes.NewReader(c.sent)}
			if bytewise {
				conn.from = iotest.OneByteReader(conn.from)
			}
			seen := new(transports)
			seen.opened()
			watched := &settingsConn{Conn: conn, seen: seen}
			for b := make([]byte, 4096); ; {
				if _, err := watched.Read(b); err != nil {
					break
				}
			}
			if seen.most != 1 || seen.limit != c.want {
				t.Errorf("%s, byte by byte %v: %d connections, limit %d, want %d", name, bytewise, seen.most, seen.limit, c.want)
			}
			_, _ = watched.Close(), watched.Close()
			if seen.opened(); seen.most != 1 {
				t.Errorf("%s: closed, and counted still", name)
			}
		}
	}
}

// Where gRPC does not spread calls, connections that take each other's place are one.
func TestReplaced(t *testing.T) {
	for balanced, want := range map[bool]int{false: 1, true: 2} {
		c := &Connections{conns: make([]*grpc.ClientConn, 1), balanced: balanced}
		c.opened()
		c.opened()
		c.closed()
		if n, _ := c.Streams(); n != want {
			t.Errorf("balanced %v: %d connections, want %d", balanced, n, want)
		}
	}
}
