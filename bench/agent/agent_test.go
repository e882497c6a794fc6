package agent_test

import (
	"context"
	"encoding/json"
	"errors"
	"io"
	"net"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"google.golang.org/grpc"
	"google.golang.org/grpc/credentials/insecure"
	"google.golang.org/grpc/test/bufconn"

	"dyno/bench/agent"
	"dyno/bench/fault"
	"dyno/bench/link"
	"dyno/bench/process"
	"dyno/bench/sample"
	"dyno/internal/record"
	"dyno/internal/role"
	"dyno/internal/rpc"
	"dyno/systems"
	"dyno/systems/echo"
	"dyno/systems/systemtest"
)

func TestMain(m *testing.M) { systemtest.Main(m, role.Main(echo.New())) }

// listen runs an agent in this process, under mutual TLS, and returns its address, the
// folder of the certificates, and what ends it.
func listen(t *testing.T) (addr, dir string, stop context.CancelFunc) {
	t.Helper()
	dir = t.TempDir()
	ca, err := rpc.NewAuthority(dir)
	if err != nil {
		t.Fatal(err)
	}
	if err := errors.Join(ca.Issue("agent"), ca.Issue("runner")); err != nil {
		t.Fatal(err)
	}
	id, err := rpc.LoadIdentity(dir, "agent")
	if err != nil {
		t.Fatal(err)
	}
	ctx, stop := context.WithCancel(t.Context())
	at, ended := make(chan string, 1), make(chan error, 1)
	go func() {
		ended <- agent.Serve(ctx, agent.Options{
			Advertise: "127.0.0.1", Lookup: func(string) *systems.System { return echo.New() }, Logf: t.Logf,
			RPC: rpc.Options{Ready: func(addr string) { at <- addr }, TLS: id},
		})
	}()
	t.Cleanup(func() {
		stop()
		if err := <-ended; err != nil {
			t.Error(err)
		}
	})
	return <-at, dir, stop
}

// serve runs an agent, and returns a machine that leads to it and what ends it.
func serve(t *testing.T) (*agent.Machine, context.CancelFunc) {
	t.Helper()
	addr, dir, stop := listen(t)
	m := agent.NewMachine("a", agent.Dialer(addr, dir, "runner"))
	if err := m.Connect(t.Context()); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = m.Close() })
	return m, stop
}

func open(t *testing.T, m *agent.Machine) (context.Context, *agent.Trial, string) {
	t.Helper()
	dir := t.TempDir()
	ctx, trial, err := m.Open(t.Context(), process.Options{System: echo.New(), Dir: dir, Logf: t.Logf}, nil, 1)
	if err != nil {
		t.Fatal(err)
	}
	return ctx, trial, dir
}

// What a process of this machine can do, one behind an agent can: it is started,
// sampled, paused, killed, started again where it was, and witnessed.
func TestRoles(t *testing.T) {
	m, _ := serve(t)
	ctx, trial, dir := open(t, m)
	p, err := trial.Start(ctx, systems.Launch{Role: "server", Name: "server"})
	if err != nil {
		t.Fatal(err)
	}
	began := time.Now()
	sampler, err := sample.Start(ctx, []sample.Target{sample.Of(p)}, 0)
	if err != nil {
		t.Fatal(err)
	}
	begun := filepath.Join(dir, "load", "begun")
	client, err := trial.Start(ctx, systems.Launch{Role: "client", Name: "client", Args: []string{
		"--server", p.Addr(), "--clients", "2", "--warmup", "50ms", "--length", "200ms", "--json", "--begun", begun,
	}})
	if err != nil {
		t.Fatal(err)
	}
	for _, err := os.Stat(begun); err != nil; _, err = os.Stat(begun) { // what it writes is seen while it runs, if it is asked for
		if err := trial.Fetch(ctx, []string{begun}); err != nil {
			t.Fatal(err)
		}
	}
	out, err := client.Wait(ctx)
	if err != nil || !json.Valid(out) {
		t.Fatalf("the client printed %q, %v", out, err)
	}
	ended := time.Now()
	if u := sampler.Stop().Window("server", began, ended); u.CPUSeconds <= 0 || u.Covered < 0.5 {
		t.Errorf("sampled %+v", u)
	}
	addr := p.Addr()
	if err := errors.Join(p.Pause(), p.Resume(), p.Kill(), p.Restart(ctx)); err != nil || p.Addr() != addr {
		t.Errorf("%v; at %s, then at %s", err, addr, p.Addr())
	}
	if err := p.Stop(ctx); err != nil {
		t.Error(err)
	}
	if err := trial.Close(); err != nil {
		t.Fatal(err)
	}
	e := record.Evidence{Begin: began.UnixNano(), End: ended.UnixNano()}
	if err := trial.Witness(&e); err != nil {
		t.Fatal(err)
	}
	if len(e.Processes) != 3 || e.Processes[0].TotalCPU <= 0 || !e.Processes[0].Covered || e.Processes[0].Most <= 0 {
		t.Errorf("witnessed %+v", e.Processes)
	}
	if log, err := os.ReadFile(filepath.Join(dir, "server.log")); err != nil || !strings.Contains(string(log), "started again") {
		t.Errorf("log %q, %v", log, err)
	}
}

// A process that dies unasked ends the trial with its own words, and so does the end
// of the agent.
func TestUnasked(t *testing.T) {
	m, stop := serve(t)
	ctx, trial, _ := open(t, m)
	_, err := trial.Start(ctx, systems.Launch{Role: "server", Name: "server", Args: []string{"--no-such-flag"}})
	if f := new(process.Failure); !errors.As(err, &f) || f.Name != "server" || !strings.Contains(err.Error(), "no-such-flag") {
		t.Errorf("start: %v", err)
	}
	_ = trial.Close()
	ctx, trial, _ = open(t, m)
	if _, err := trial.Start(ctx, systems.Launch{Role: "server", Name: "server"}); err != nil {
		t.Fatal(err)
	}
	stop()
	<-ctx.Done()
	if lost := new(agent.LostError); !errors.As(context.Cause(ctx), &lost) {
		t.Errorf("the agent is gone: %v", context.Cause(ctx))
	}
	_ = trial.Close()
}

// A link is made on the machine, leads where it is told to, and is struck there.
func TestLinks(t *testing.T) {
	m, _ := serve(t)
	ctx, trial, _ := open(t, m)
	lis, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer lis.Close()
	go func() {
		for {
			conn, err := lis.Accept()
			if err != nil {
				return
			}
			_, _ = conn.Write([]byte("x"))
		}
	}()
	network, err := link.NewNetwork(link.Options{Elsewhere: trial.OpenLink})
	if err != nil {
		t.Fatal(err)
	}
	l, err := network.Add("c", "s", lis.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	if _, err := network.Add("c", "s", lis.Addr().String()); err == nil {
		t.Error("the link was made twice")
	}
	if err := l.SetTarget("127.0.0.1:1"); err == nil {
		t.Error("it was led elsewhere from here")
	}
	reached := func() bool {
		conn, err := net.Dial("tcp", l.Addr())
		if err != nil {
			return false
		}
		defer conn.Close()
		_, err = io.ReadFull(conn, make([]byte, 1))
		return err == nil
	}
	refuse, err := fault.Parse("refuse c->s@1s..2s")
	if err != nil {
		t.Fatal(err)
	}
	for i, do := range []func(fault.Fault) (int, error){nil, network.Begin, network.End} {
		if do != nil {
			if n, err := do(refuse[0]); n != 1 || err != nil {
				t.Fatalf("%d links, %v", n, err)
			}
		}
		if reached() != (i != 1) {
			t.Errorf("after step %d it is reached: %t", i, i == 1)
		}
	}
	kept, err := trial.Address(ctx)
	if err != nil || !strings.HasPrefix(kept, "127.0.0.1:") {
		t.Errorf("an address for later: %q, %v", kept, err)
	}
	p, err := trial.Start(ctx, systems.Launch{Role: "server", Name: "server", Args: []string{"--listen", kept}})
	if err != nil || p.Addr() != kept {
		t.Errorf("%v, %v", p, err)
	}
	if err := errors.Join(network.Close(), trial.Close()); err != nil {
		t.Error(err)
	}
	if reached() {
		t.Error("the link has outlived its trial")
	}
}

// An agent that does not come to open a trial is not waited for beyond the trial's time.
func TestOpenIsCalledOff(t *testing.T) {
	ctx, stop := context.WithCancel(t.Context())
	asked, hold, ended := make(chan struct{}), make(chan struct{}), make(chan error, 1)
	lis := bufconn.Listen(1 << 16)
	o := agent.Options{Advertise: "127.0.0.1", Logf: t.Logf, Lookup: func(string) *systems.System {
		close(asked)
		<-hold
		return nil
	}}
	o.RPC.Listener = lis
	go func() { ended <- agent.Serve(ctx, o) }()
	defer func() { stop(); <-ended }()
	defer close(hold)
	m := agent.NewMachine("a", func(context.Context) (*agent.Connection, error) {
		conn, err := grpc.NewClient("passthrough:///a", grpc.WithTransportCredentials(insecure.NewCredentials()),
			grpc.WithContextDialer(func(ctx context.Context, _ string) (net.Conn, error) { return lis.DialContext(ctx) }))
		return &agent.Connection{Conn: conn, Close: func() error { return nil }}, err
	})
	if err := m.Connect(ctx); err != nil {
		t.Fatal(err)
	}
	defer m.Close()
	late := errors.New("its time is over")
	trial, end := context.WithCancelCause(ctx)
	go func() { <-asked; end(late) }()
	if _, _, err := m.Open(trial, process.Options{System: echo.New(), Dir: t.TempDir(), Logf: t.Logf}, nil, 1); !errors.Is(err, late) {
		t.Error(err)
	}
}

// A link that was made after the end of a trial would outlive it.
func TestNoLinkAfterTheEnd(t *testing.T) {
	m, _ := serve(t)
	_, trial, _ := open(t, m)
	if err := trial.Close(); err != nil {
		t.Error(err)
	}
	_, err := trial.OpenLink(link.Options{From: "c", To: "s", Target: "127.0.0.1:1"})
	if err == nil || !strings.Contains(err.Error(), "has ended") {
		t.Error(err)
	}
}

// Another agent has a certificate of the same authority, and is not served.
func TestOnlyForRunner(t *testing.T) {
	addr, dir, _ := listen(t)
	m := agent.NewMachine("a", agent.Dialer(addr, dir, agent.NameAgent))
	if err := m.Connect(t.Context()); err == nil {
		t.Error("an agent serves another one")
	}
	if err := m.Close(); err != nil {
		t.Error(err)
	}
}

// Addresses that no other machine can use are refused.
func TestAdvertise(t *testing.T) {
	for host, good := range map[string]bool{"10.1.2.3": true, "127.0.0.1": true, "0.0.0.0": false, "::": false, "": false, "here": false} {
		if err := agent.CheckAdvertise(host); (err == nil) != good {
			t.Errorf("%q: %v", host, err)
		}
	}
}
