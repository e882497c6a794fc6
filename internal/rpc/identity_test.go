package rpc_test

import (
	"errors"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"google.golang.org/grpc"

	"dyno/internal/rpc"
	"dyno/internal/rpc/rpctest"
)

// Both sides must be certified by the same authority, and a client that asks
// for one name is not content with another.
func TestMutualTLS(t *testing.T) {
	dir, foreign := t.TempDir(), t.TempDir()
	for _, d := range []string{dir, foreign} {
		a, err := rpc.NewAuthority(d)
		if err != nil {
			t.Fatal(err)
		}
		for _, name := range []string{"server", "client"} {
			if err := a.Issue(name); err != nil {
				t.Fatal(err)
			}
		}
	}
	for name, c := range map[string]struct {
		dir, as, to string // whose client asks for which server; no folder: in plain text
		ok          bool
	}{
		"certified":         {dir, "client", "server", true},
		"either side":       {dir, "server", "server", true},
		"by its address":    {dir, "client", "127.0.0.1", true},
		"another server":    {dir, "client", "client", false},
		"another authority": {foreign, "client", "server", false},
		"plain text":        {"", "", "", false},
	} {
		t.Run(name, func(t *testing.T) {
			own, err := rpc.LoadIdentity(dir, "server")
			if err != nil {
				t.Fatal(err)
			}
			var dial []grpc.DialOption
			if c.dir != "" {
				config, err := rpc.LoadIdentity(c.dir, c.as)
				if err != nil {
					t.Fatal(err)
				}
				config.ServerName = c.to
				dial = append(dial, rpc.WithTLS(config))
			}
			conn, _ := rpctest.Start(t, rpc.Options{TLS: own}, plain, dial...)
			if err := call(t, conn, 10*time.Second); (err == nil) != c.ok {
				t.Errorf("the call ends with %v; it should succeed: %v", err, c.ok)
			}
		})
	}
}

// An authority that was kept goes on certifying for those it certified before;
// certificates say who holds them, and end when they were to.
func TestKeptAuthority(t *testing.T) {
	dir, keep := t.TempDir(), t.TempDir()
	first, err := rpc.NewAuthority(dir)
	if err == nil {
		err = errors.Join(first.Keep(keep), first.Issue("server"))
	}
	if err != nil {
		t.Fatal(err)
	}
	if info, err := os.Stat(filepath.Join(keep, "authority.key")); err != nil || info.Mode().Perm() != 0o600 {
		t.Errorf("the authority's key: %v, %v; want a file that its owner alone reads", info, err)
	}
	second, err := rpc.OpenAuthority(dir, keep)
	if err == nil {
		err = errors.Join(
			second.Issue("late", &url.URL{Scheme: "spiffe", Host: "x", Path: "/late"}),
			second.IssueUntil(time.Now().Add(-time.Minute), "expired"))
	}
	if err != nil {
		t.Fatal(err)
	}
	server, err := rpc.LoadIdentity(dir, "server")
	if err != nil {
		t.Fatal(err)
	}
	for name, ok := range map[string]bool{"late": true, "expired": false} {
		config, err := rpc.LoadIdentity(dir, name)
		if err != nil {
			t.Fatal(err)
		}
		config.ServerName = "server"
		conn, _ := rpctest.Start(t, rpc.Options{TLS: server}, plain, rpc.WithTLS(config))
		if err := call(t, conn, 10*time.Second); (err == nil) != ok {
			t.Errorf("%s: %v; should it succeed: %v", name, err, ok)
		}
		if uris := config.Certificates[0].Leaf.URIs; ok && (len(uris) != 1 || uris[0].String() != "spiffe://x/late") {
			t.Errorf("%s: URIs %v", name, uris)
		}
	}
	if _, err := rpc.OpenAuthority(dir, dir); err == nil || !strings.Contains(err.Error(), "authority.key") {
		t.Errorf("an authority whose key was not kept: %v", err)
	}
}

func TestIdentityErrorsNameTheFile(t *testing.T) {
	dir := t.TempDir()
	if _, err := rpc.LoadIdentity(dir, "a"); err == nil || !strings.Contains(err.Error(), filepath.Join(dir, "a.pem")) {
		t.Errorf("an identity that was not issued: %v", err)
	}
	a, err := rpc.NewAuthority(dir)
	if err == nil {
		err = a.Issue("a")
	}
	if err == nil {
		err = os.WriteFile(filepath.Join(dir, "authority.pem"), []byte("x"), 0o600)
	}
	if err != nil {
		t.Fatal(err)
	}
	if _, err := rpc.LoadIdentity(dir, "a"); err == nil || !strings.Contains(err.Error(), "authority.pem holds no certificate") {
		t.Errorf("an authority that is none: %v", err)
	}
}
