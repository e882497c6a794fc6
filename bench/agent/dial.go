package agent

import (
	"context"
	"crypto/tls"
	"fmt"

	"dyno/internal/rpc"
)

// What certificates of an authority made for a run are called.
const (
	NameAgent  = "agent"
	NameRunner = "runner"
)

// forRunner lets in whoever has the runner's name, and not another agent, which has
// the same authority's word. Nil, which is what ssh has proved already, stays nil.
func forRunner(id *tls.Config) *tls.Config {
	if id == nil {
		return nil
	}
	id = id.Clone()
	id.VerifyConnection = func(s tls.ConnectionState) error {
		if len(s.PeerCertificates) == 0 {
			return fmt.Errorf("an agent serves who proves to be %s, and nobody else", NameRunner)
		}
		return s.PeerCertificates[0].VerifyHostname(NameRunner)
	}
	return id
}

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
