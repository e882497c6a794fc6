package agent

import (
	"context"

	"dyno/internal/rpc"
)

// What certificates of an authority made for a run are called.
const (
	NameAgent  = "agent"
	NameRunner = "runner"
)

// Dialer leads over TCP to an agent that serves at an address, under mutual TLS with
// the certificates of a folder, as [rpc.Authority] leaves them there.
func Dialer(addr, credentials, name string) func(context.Context) (*Connection, error) {
	return func(context.Context) (*Connection, error) {
		id, err := rpc.LoadIdentity(credentials, name)
		if err != nil {
			return nil, err
		}
		id = id.Clone()
		id.ServerName = NameAgent
		conn, err := rpc.Dial("passthrough:///"+addr, rpc.WithTLS(id))
		if err != nil {
			return nil, err
		}
		return &Connection{Conn: conn, Close: func() error { return nil }}, nil
	}
}
