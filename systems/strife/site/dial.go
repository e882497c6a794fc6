package site

import (
	"fmt"

	"google.golang.org/grpc"

	"dyno/internal/rpc"
	"dyno/systems/strife/security"
)

// Dialer connects one party with others, wherever they listen at the moment.
type Dialer struct {
	Dir       Dir
	Own       security.Party
	Addresses string // a file such as run.json
}

// Dialer is for a party of this folder. The addresses come from run.json unless
// another file is named.
func (d Dir) Dialer(own security.Party, addresses string) Dialer {
	if addresses == "" {
		addresses = d.Run()
	}
	return Dialer{Dir: d, Own: own, Addresses: addresses}
}

// Window is how much may be under way on a connection of strife, and in each call
// on it. It is fixed, and more than payments ever fill: what gRPC does by default,
// to measure with a ping and its answer what would be best, costs a payment as many
// system calls as its messages.
const Window = 1 << 20

// Dial makes a connection to a party and to nobody else. It connects, and
// connects again, when it is used.
func (d Dialer) Dial(to security.Party, opts ...grpc.DialOption) (*grpc.ClientConn, error) {
	transport, err := d.transport(to)
	if err != nil {
		return nil, err
	}
	find := func() (string, error) {
		a, err := ReadAddresses(d.Addresses)
		if err != nil {
			return "", err
		}
		r, ok := a.Of(to)
		if !ok {
			return "", fmt.Errorf("%s names no address of %v: it has not been started", d.Addresses, to)
		}
		return r.Addr, nil
	}
	own := append(transport, rpc.WithAddress(find), grpc.WithStaticStreamWindowSize(Window), grpc.WithStaticConnWindowSize(Window))
	return rpc.Dial("passthrough:///"+to.Identity(), append(own, opts...)...)
}

// transport is how both sides prove who they are.
func (d Dialer) transport(to security.Party) ([]grpc.DialOption, error) {
	p, err := d.Dir.Protection()
	if err != nil || p == security.None {
		return security.Claim(d.Own), err
	}
	config, err := security.ClientTLS(d.Dir.Keys(), d.Own, to)
	if err != nil {
		return nil, err
	}
	return []grpc.DialOption{rpc.WithTLS(config)}, nil
}
