// Package site is the folder that one strife lives in: who takes part and how
// each proves it, where everybody listens, and what each keeps on disk.
//
//	setup.yaml            users, banks and accounts as they were at the start
//	run.json              where gateway and banks listen now
//	ca/authority.key      what certifies new users
//	keys/NAME.pem, .key   certificates: of gateway, bank-NAME, client-USER
//	passwords/USER        what init made up
//	gateway/, bank-NAME/  journals
//	logs/NAME.log         logs
//	clients/USER/         what a client keeps
package site

import (
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"

	"google.golang.org/grpc"

	"dyno/internal/atomicfile"
	"dyno/internal/rpc"
	"dyno/systems/strife/security"
)

// Dir is the folder.
type Dir string

func (d Dir) join(parts ...string) string {
	return filepath.Join(append([]string{string(d)}, parts...)...)
}

// Setup is the file that says who takes part.
func (d Dir) Setup() string { return d.join("setup.yaml") }

// Keys is the folder of certificates.
func (d Dir) Keys() string { return d.join("keys") }

// Authority is the folder of the key that certifies.
func (d Dir) Authority() string { return d.join("ca") }

// Password is the file of a user's password.
func (d Dir) Password(user string) string { return d.join("passwords", user) }

// Journal is the folder of what a server must not forget; audit and access lie
// beside it.
func (d Dir) Journal(p security.Party) string { return d.join(p.Identity(), "journal") }

// Audit is the folder of a server's audit.
func (d Dir) Audit(p security.Party) string { return d.join(p.Identity(), "audit") }

// Access is the folder of what the gateway knows of users and sessions.
func (d Dir) Access() string { return d.join(security.TheGateway.Identity(), "access") }

// Log is a server's log.
func (d Dir) Log(p security.Party) string { return d.join("logs", p.Identity()+".log") }

// Client is the folder of what a user's client keeps.
func (d Dir) Client(user string) string { return d.join("clients", user) }

// Run is the file that says where everybody listens.
func (d Dir) Run() string { return d.join("run.json") }

// unprotected is a file that says that the servers protect themselves less than
// fully.
func (d Dir) unprotected() string { return d.join("unprotected") }

// Protection is how the parties of this folder protect themselves.
func (d Dir) Protection() (security.Protection, error) {
	text, err := os.ReadFile(d.unprotected())
	if errors.Is(err, fs.ErrNotExist) {
		return security.Full, nil
	}
	p := security.Protection(text)
	if err == nil && !slices.Contains(security.Protections, p) {
		err = fmt.Errorf("%s says %q, which is no protection", d.unprotected(), text)
	}
	return p, err
}

// Running is a server that runs, or ran.
type Running struct {
	PID  int    `json:"pid"`
	Addr string `json:"addr"`
}

// Addresses are where the servers listen: the content of run.json.
type Addresses struct {
	Gateway *Running           `json:"gateway,omitempty"`
	Banks   map[string]Running `json:"banks"`
}

// Of finds a server.
func (a Addresses) Of(p security.Party) (r Running, ok bool) {
	if p.Role == security.Bank {
		r, ok = a.Banks[p.Name]
		return r, ok
	}
	if a.Gateway == nil {
		return Running{}, false
	}
	return *a.Gateway, true
}

// ReadAddresses reads a file such as run.json; one that is not there says that
// nobody listens.
func ReadAddresses(path string) (a Addresses, err error) {
	text, err := os.ReadFile(path)
	if errors.Is(err, fs.ErrNotExist) {
		return a, nil
	}
	if err == nil {
		err = a.parse(text)
	}
	return a, err
}

func (a *Addresses) parse(text []byte) error {
	if err := json.Unmarshal(text, a); err != nil {
		return fmt.Errorf("run.json says where the servers listen and cannot be read: %w; remove it and start them again", err)
	}
	return nil
}

// Publish writes where this process serves as a party into run.json, beside the
// entries of others.
func (d Dir) Publish(p security.Party, addr string) error {
	return atomicfile.Update(d.Run(), func(old []byte) ([]byte, error) {
		a := Addresses{}
		if old != nil {
			if err := a.parse(old); err != nil {
				return nil, err
			}
		}
		if r := (Running{PID: os.Getpid(), Addr: addr}); p.Role == security.Bank {
			if a.Banks == nil {
				a.Banks = map[string]Running{}
			}
			a.Banks[p.Name] = r
		} else {
			a.Gateway = &r
		}
		text, err := json.MarshalIndent(a, "", "  ")
		return append(text, '\n'), err
	})
}

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
