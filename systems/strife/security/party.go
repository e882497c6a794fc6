// Package security is what keeps strangers, and friends who are curious, out of
// strife: who somebody is (a certificate with the role in a URI, a password, a
// session), what each may call (a table; what is not in it is nobody's), how
// often, and what is written about it (a log without secrets, an audit that
// cannot be changed unnoticed).
package security

import (
	"context"
	"crypto/sha256"
	"crypto/tls"
	"crypto/x509"
	"encoding/hex"
	"fmt"
	"net/netip"
	"net/url"
	"slices"
	"strings"
	"sync"

	"google.golang.org/grpc/credentials"
	"google.golang.org/grpc/peer"

	"dyno/internal/rpc"
)

// Role is what a certificate makes of its holder.
type Role string

// The roles.
const (
	Gateway Role = "gateway"
	Bank    Role = "bank"
	Client  Role = "client"
)

var roles = []Role{Gateway, Bank, Client}

// domain is the authority of all URIs.
const domain = "strife.local"

// Party is somebody with a certificate. There is one gateway; it has no name.
type Party struct {
	Role Role
	Name string
}

// TheGateway is the one that there is.
var TheGateway = Party{Role: Gateway}

// String is what the certificate's URI has behind spiffe://strife.local/.
func (p Party) String() string {
	if p.Role == Gateway {
		return string(Gateway)
	}
	return string(p.Role) + "/" + p.Name
}

// URI is how a certificate names its holder.
func (p Party) URI() *url.URL {
	return &url.URL{Scheme: "spiffe", Host: domain, Path: "/" + p.String()}
}

// Identity is the name under which the party's certificate and key are filed,
// and which clients expect of a server.
func (p Party) Identity() string { return strings.ReplaceAll(p.String(), "/", "-") }

// CheckName refuses what cannot be the name of a user, a bank or an account:
// names are parts of paths and of URIs.
func CheckName(what, name string) error {
	valid := name != "" && len(name) <= 64 && name[0] != '-' && name[0] != '.'
	for _, r := range name {
		valid = valid && (r >= 'a' && r <= 'z' || r >= 'A' && r <= 'Z' || r >= '0' && r <= '9' || strings.ContainsRune("-_.", r))
	}
	if !valid {
		return rpc.InvalidField(what, "%q: want 1 to 64 letters, digits, '-', '_' or '.', the first neither '-' nor '.'", name)
	}
	return nil
}

// partyOf reads who a certificate says its holder is: from exactly one URI.
func partyOf(cert *x509.Certificate) (Party, error) {
	if len(cert.URIs) != 1 {
		return Party{}, fmt.Errorf("the certificate of %q has %d URIs; want one that says its role", cert.Subject.CommonName, len(cert.URIs))
	}
	uri := cert.URIs[0]
	role, name, named := strings.Cut(strings.TrimPrefix(uri.Path, "/"), "/")
	p := Party{Role: Role(role), Name: name}
	if uri.String() != p.URI().String() || !slices.Contains(roles, p.Role) || named == (p.Role == Gateway) ||
		named && CheckName("name", name) != nil {
		return Party{}, fmt.Errorf("the certificate's %q names no role of %s", uri, domain)
	}
	return p, nil
}

// Caller is who makes a call, as the connection proves it.
type Caller struct {
	Party
	Cert [sha256.Size]byte // of the certificate
	Addr string            // HOST:PORT
}

// CertID is short for the certificate, in logs.
func (c Caller) CertID() string { return hex.EncodeToString(c.Cert[:6]) }

// Network is where the caller is, as far as limits are concerned: the address,
// without the port that each connection has for itself; of IPv6 the /64, in
// which whoever has one address has all of them.
func (c Caller) Network() string {
	a, err := netip.ParseAddrPort(c.Addr)
	if err != nil {
		return c.Addr // no TCP: a pipe, in a test
	}
	ip := a.Addr().Unmap().WithZone("")
	if ip.Is4() {
		return ip.String()
	}
	p, _ := ip.Prefix(64) // shorter than the address
	return p.String()
}

// callerOf finds who makes a call.
func callerOf(ctx context.Context) (_ Caller, err error) {
	p, ok := peer.FromContext(ctx)
	if !ok {
		return Caller{}, rpc.Errorf(rpc.Unauthenticated, "the connection has no peer")
	}
	info, ok := p.AuthInfo.(credentials.TLSInfo)
	if !ok || len(info.State.VerifiedChains) == 0 {
		return Caller{}, rpc.Errorf(rpc.Unauthenticated, "the connection proves nobody's identity: it needs a client certificate")
	}
	cert := info.State.PeerCertificates[0]
	c, known := holders.of(cert)
	if !known {
		if c.Party, err = partyOf(cert); err != nil {
			return Caller{}, rpc.Errorf(rpc.Unauthenticated, "%v", err)
		}
		c.Cert = sha256.Sum256(cert.Raw)
		holders.add(cert, c)
	}
	c.Addr = p.Addr.String()
	return c, nil
}

// holders are what the certificates of connections say, read once for each
// connection: a parsed certificate is never changed.
var holders table

// table is a bounded cache. The zero value is ready.
type table struct {
	mu    sync.RWMutex
	known map[*x509.Certificate]Caller
}

func (t *table) of(cert *x509.Certificate) (Caller, bool) {
	t.mu.RLock()
	defer t.mu.RUnlock()
	c, ok := t.known[cert]
	return c, ok
}

// add drops everything when there is no room: those who are connected come again.
func (t *table) add(cert *x509.Certificate, c Caller) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.known == nil || len(t.known) >= maxTracked {
		t.known = map[*x509.Certificate]Caller{}
	}
	t.known[cert] = c
}

// ServerTLS is how a party serves: TLS 1.3, with clients whom the same
// authority certified, and nobody else.
func ServerTLS(keys string, own Party) (*tls.Config, error) {
	return rpc.LoadIdentity(keys, own.Identity())
}

// ClientTLS is how a party calls another, and only that one: whoever else
// answers at its address, with whatever good certificate, is turned away.
func ClientTLS(keys string, own, to Party) (*tls.Config, error) {
	config, err := rpc.LoadIdentity(keys, own.Identity())
	if err != nil {
		return nil, err
	}
	config.ServerName = to.Identity()
	config.VerifyConnection = func(s tls.ConnectionState) error {
		found, err := partyOf(s.PeerCertificates[0])
		if err == nil && found != to {
			err = fmt.Errorf("this is %v, not %v", found, to)
		}
		return err
	}
	return config, nil
}
