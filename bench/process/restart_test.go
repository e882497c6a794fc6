//go:build linux

package process_test

import (
	"context"
	"crypto/tls"
	"fmt"
	"net"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"google.golang.org/grpc"

	"dyno/bench/process"
	"dyno/internal/rpc"
	"dyno/systems"
)

// A role comes back under its name, address and folder, its log continued,
// whether it was killed or stopped; what it was before stays in the list.
func TestRestart(t *testing.T) {
	ctx, g := open(t, nil)
	p := start(ctx, t, g, "server")
	addr, pids := p.Addr(), map[int]bool{p.PID(): true}
	for i, end := range []func() error{p.Kill, func() error { return p.Stop(ctx) }, p.Kill} {
		if err := end(); err != nil {
			t.Fatal(err)
		}
		if err := p.Restart(ctx); err != nil {
			t.Fatal(err)
		}
		pids[p.PID()] = true
		if p.Addr() != addr || len(pids) != i+2 || gone(p.PID()) {
			t.Errorf("after %d restarts it is process %d at %s, was at %s", i+1, p.PID(), p.Addr(), addr)
		}
		if c, err := net.Dial("tcp", addr); err != nil {
			t.Error(err)
		} else {
			_ = c.Close()
		}
	}
	if got := g.Processes(); len(got) != 4 || got[0].Exit == nil || got[3].Exit != nil || got[3].Name != "server" {
		t.Errorf("the list of processes is %+v, want all four lives", got)
	}
	if err := g.Close(); err != nil {
		t.Error(err)
	}
	if ctx.Err() == nil || !gone(p.PID()) {
		t.Error("the last life outlives the group")
	}
}

// What a life logged stays when the next one begins.
func TestRestartContinuesTheLog(t *testing.T) {
	dir := t.TempDir()
	ctx, g := open(t, func(o *process.Options) { o.Dir = dir })
	p := start(ctx, t, g, "server")
	for range 2 {
		if err := p.Kill(); err != nil {
			t.Fatal(err)
		}
		if err := p.Restart(ctx); err != nil {
			t.Fatal(err)
		}
	}
	if err := g.Close(); err != nil {
		t.Fatal(err)
	}
	text, err := os.ReadFile(filepath.Join(dir, "server.log"))
	if err != nil {
		t.Fatal(err)
	}
	if strings.Count(string(text), "listening on") != 3 || strings.Count(string(text), "--- server is started again ---") != 2 {
		t.Errorf("the log of three lives is\n%s", text)
	}
}

func TestRestartOfWhatRuns(t *testing.T) {
	ctx, g := open(t, nil)
	p := start(ctx, t, g, "server")
	if err := p.Restart(ctx); err == nil || !strings.Contains(err.Error(), "server server still runs: kill or stop it") {
		t.Errorf("restarting a process that runs: %v", err)
	}
}

// A process that ended by itself has ended the trial: there is no way back.
func TestRestartAfterADeathThatNobodyAskedFor(t *testing.T) {
	ctx, g := open(t, nil)
	p := start(ctx, t, g, "server")
	if err := syscall.Kill(p.PID(), syscall.SIGKILL); err != nil {
		t.Fatal(err)
	}
	<-ctx.Done()
	var err error
	eventually(t, "ended", func() bool {
		err = p.Restart(t.Context())
		return err == nil || !strings.Contains(err.Error(), "still runs")
	})
	failure(t, err, "nobody asked")
}

// While a server is down nobody else is given its port: neither a server that
// asks for any, nor a client's own side.
func TestAddressIsKeptForTheNextLife(t *testing.T) {
	ctx, g := open(t, nil)
	p := start(ctx, t, g, "server")
	if err := p.Kill(); err != nil {
		t.Fatal(err)
	}
	_, port, _ := net.SplitHostPort(p.Addr())
	if l, err := net.Listen("tcp", "127.0.0.1:"+port); err == nil {
		_ = l.Close() // as the next life will: it must be possible
	} else {
		t.Errorf("a server cannot listen at the address that is kept: %v", err)
	}
	dialer := net.Dialer{LocalAddr: &net.TCPAddr{IP: net.IPv4(127, 0, 0, 1), Port: atoi(t, port)}, Timeout: time.Second}
	if c, err := dialer.Dial("tcp", p.Addr()); err == nil {
		_ = c.Close()
		t.Error("a client was given the port of a server that is down")
	}
	if err := p.Restart(ctx); err != nil {
		t.Error(err)
	}
}

// Limits count the living: any number of lives may follow each other.
func TestLimitCountsTheLiving(t *testing.T) {
	ctx, g := open(t, func(o *process.Options) { o.Limit = 2 })
	p := start(ctx, t, g, "server")
	start(ctx, t, g, "worker")
	if _, err := g.Start(ctx, systems.Launch{Role: "worker", Name: "third"}); err == nil || !strings.Contains(err.Error(), "limit of 2 processes at once") {
		t.Errorf("a third process: %v", err)
	}
	for range 3 {
		if err := p.Kill(); err != nil {
			t.Fatal(err)
		}
		if err := p.Restart(ctx); err != nil {
			t.Fatal(err)
		}
	}
	if err := p.Kill(); err != nil {
		t.Fatal(err)
	}
	if _, err := g.Start(ctx, systems.Launch{Role: "worker", Name: "fourth"}); err != nil {
		t.Errorf("one has ended, and another may not start: %v", err)
	}
	if err := p.Restart(ctx); err == nil || !strings.Contains(err.Error(), "limit of 2") {
		t.Errorf("a life too many: %v", err)
	}
}

// A role under mutual TLS becomes ready, by its own declaration or by what the
// launch brings along; without credentials it does not.
func TestReadyUnderTLS(t *testing.T) {
	dir := t.TempDir()
	a, err := rpc.NewAuthority(dir)
	for _, name := range []string{"server", "bench"} {
		if err == nil {
			err = a.Issue(name)
		}
	}
	if err != nil {
		t.Fatal(err)
	}
	config, err := rpc.LoadIdentity(dir, "bench")
	if err != nil {
		t.Fatal(err)
	}
	for name, c := range map[string]struct {
		role  string
		tls   *tls.Config
		ready bool
	}{"declared": {"secure", nil, true}, "launch": {"secret", config, true}, "neither": {"secret", nil, false}} {
		t.Run(name, func(t *testing.T) {
			ctx, g := open(t, func(o *process.Options) {
				if !c.ready {
					o.Ready = time.Second
				}
			})
			p, err := g.Start(ctx, systems.Launch{Role: c.role, Name: "s", Args: []string{"--keys", dir}, TLS: c.tls})
			if (err == nil) != c.ready {
				t.Fatalf("started: %v", err)
			}
			if !c.ready {
				return
			}
			if err := p.Kill(); err != nil {
				t.Fatal(err)
			}
			if err := p.Restart(ctx); err != nil {
				t.Error(err)
			}
		})
	}
}

// secure is a role under mutual TLS.
func secure(name string, declared func([]string) (*tls.Config, error)) systems.Role {
	return systems.Role{Serves: true, TLS: declared, Command: systems.Command{
		Name: name,
		Setup: func(fs systems.FlagSet) func(context.Context, systems.Shell) error {
			addr, keys := fs.String("listen", "", "address"), fs.String("keys", "", "folder")
			return func(ctx context.Context, sh systems.Shell) error {
				config, err := rpc.LoadIdentity(*keys, "server")
				if err != nil {
					return err
				}
				return rpc.Serve(ctx, rpc.Options{Listen: *addr, TLS: config, Ready: sh.Ready}, func(grpc.ServiceRegistrar) {})
			}
		},
	}}
}

func keysOf(args []string) (*tls.Config, error) {
	for i, a := range args {
		if a == "--keys" {
			return rpc.LoadIdentity(args[i+1], "bench")
		}
	}
	return nil, fmt.Errorf("no --keys in %q", args)
}

// The lifeline survives the garbage collector, which closed it, at times before
// it was read: then a process ended as if dyno were gone, without a word.
func TestLifelineIsNoGarbage(t *testing.T) {
	ctx, g := open(t, nil)
	if _, err := start(ctx, t, g, "sweeps").Wait(ctx); err != nil {
		t.Error(err)
	}
}
