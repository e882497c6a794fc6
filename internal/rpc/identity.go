package rpc

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"errors"
	"fmt"
	"math/big"
	"net"
	"net/url"
	"os"
	"path/filepath"
	"time"
)

const (
	authorityFile = "authority.pem"
	authorityKey  = "authority.key"
	validFor      = 30 * 24 * time.Hour // longer than any trial
	clockSlack    = time.Hour
)

// Authority certifies roles to each other. Its own key is never written down,
// unless [Authority.Keep] is asked to: what it has not issued by the end of the
// trial is never issued.
type Authority struct {
	dir  string
	cert *x509.Certificate
	key  *ecdsa.PrivateKey
}

// NewAuthority makes an authority and leaves its certificate in a folder.
func NewAuthority(dir string) (*Authority, error) {
	a := &Authority{dir: dir}
	var err error
	if a.key, err = ecdsa.GenerateKey(elliptic.P256(), rand.Reader); err != nil {
		return nil, fmt.Errorf("authority: %w", err)
	}
	template := template("authority")
	template.IsCA, template.BasicConstraintsValid, template.KeyUsage = true, true, x509.KeyUsageCertSign
	der, err := x509.CreateCertificate(rand.Reader, template, template, &a.key.PublicKey, a.key)
	if err == nil {
		a.cert, err = x509.ParseCertificate(der)
	}
	if err == nil {
		err = writePEM(filepath.Join(dir, authorityFile), "CERTIFICATE", der)
	}
	if err != nil {
		return nil, fmt.Errorf("authority: %w", err)
	}
	return a, nil
}

// Keep writes the authority's key to a file of a folder, for [OpenAuthority].
// Who reads it can be anybody.
func (a *Authority) Keep(dir string) error {
	secret, err := x509.MarshalPKCS8PrivateKey(a.key)
	if err != nil {
		return fmt.Errorf("key of the authority: %w", err)
	}
	return writePEM(filepath.Join(dir, authorityKey), "PRIVATE KEY", secret)
}

// OpenAuthority continues an authority whose certificate lies in dir and whose
// key was kept in keyDir.
func OpenAuthority(dir, keyDir string) (*Authority, error) {
	pair, err := tls.LoadX509KeyPair(filepath.Join(dir, authorityFile), filepath.Join(keyDir, authorityKey))
	if err != nil {
		return nil, fmt.Errorf("authority: %w", err)
	}
	key, ok := pair.PrivateKey.(*ecdsa.PrivateKey)
	if !ok {
		return nil, fmt.Errorf("authority: its key is a %T", pair.PrivateKey)
	}
	return &Authority{dir: dir, cert: pair.Leaf, key: key}, nil
}

// Issue leaves a certificate and its key in the authority's folder, for
// [LoadIdentity]: good on both sides of a connection, for this name and for the
// addresses of loopback, and for whatever the URIs say about who holds it.
func (a *Authority) Issue(name string, uris ...*url.URL) error {
	return a.IssueUntil(time.Now().Add(validFor), name, uris...)
}

// IssueUntil is [Authority.Issue] with the moment at which the certificate ends.
func (a *Authority) IssueUntil(end time.Time, name string, uris ...*url.URL) error {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return fmt.Errorf("certificate of %s: %w", name, err)
	}
	template := template(name)
	template.DNSNames, template.IPAddresses = []string{name}, []net.IP{net.IPv4(127, 0, 0, 1), net.IPv6loopback}
	template.KeyUsage, template.URIs, template.NotAfter = x509.KeyUsageDigitalSignature, uris, end
	template.ExtKeyUsage = []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth, x509.ExtKeyUsageClientAuth}
	cert, err := x509.CreateCertificate(rand.Reader, template, a.cert, &key.PublicKey, a.key)
	if err != nil {
		return fmt.Errorf("certificate of %s: %w", name, err)
	}
	secret, err := x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		return fmt.Errorf("key of %s: %w", name, err)
	}
	base := filepath.Join(a.dir, name)
	return errors.Join(writePEM(base+".pem", "CERTIFICATE", cert), writePEM(base+".key", "PRIVATE KEY", secret))
}

// LoadIdentity reads what [Authority].Issue wrote for a name, as it is needed
// on either side of a connection: who holds it proves to be that name, and
// accepts only whom the same authority certified. A client that must reach one
// name and no other sets ServerName in a clone.
func LoadIdentity(dir, name string) (*tls.Config, error) {
	base := filepath.Join(dir, name)
	own, err := tls.LoadX509KeyPair(base+".pem", base+".key")
	if err != nil {
		return nil, fmt.Errorf("identity of %s: %w", name, err)
	}
	text, err := os.ReadFile(filepath.Join(dir, authorityFile))
	if err != nil {
		return nil, fmt.Errorf("identity of %s: %w", name, err)
	}
	trusted := x509.NewCertPool()
	if !trusted.AppendCertsFromPEM(text) {
		return nil, fmt.Errorf("identity of %s: %s holds no certificate", name, filepath.Join(dir, authorityFile))
	}
	return &tls.Config{
		Certificates: []tls.Certificate{own},
		RootCAs:      trusted,
		ClientCAs:    trusted,
		ClientAuth:   tls.RequireAndVerifyClientCert,
		MinVersion:   tls.VersionTLS13,
	}, nil
}

func template(name string) *x509.Certificate {
	now := time.Now()
	serial, _ := rand.Int(rand.Reader, new(big.Int).Lsh(big.NewInt(1), 120)) // crypto/rand does not fail
	return &x509.Certificate{
		SerialNumber: serial,
		Subject:      pkix.Name{CommonName: name},
		NotBefore:    now.Add(-clockSlack),
		NotAfter:     now.Add(validFor),
	}
}

func writePEM(path, kind string, der []byte) error {
	return os.WriteFile(path, pem.EncodeToMemory(&pem.Block{Type: kind, Bytes: der}), 0o600)
}
