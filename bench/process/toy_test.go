//go:build linux

package process_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"os/exec"
	"os/signal"
	"runtime"
	"strings"
	"syscall"
	"testing"
	"time"

	"google.golang.org/grpc"
	"google.golang.org/grpc/health"
	"google.golang.org/grpc/health/grpc_health_v1"

	"dyno/bench/process"
	"dyno/internal/record"
	"dyno/systems"
	"dyno/systems/systemtest"
)

func TestMain(m *testing.M) { systemtest.Main(m, systemtest.Run(toy)) }

// toy is a system whose roles behave and misbehave in every way the group has
// to cope with.
var toy = &systems.System{
	Name: "toy",
	Roles: []systems.Role{
		serves("server", nil),
		secure("secure", keysOf),
		secure("secret", nil),
		serves("stubborn", func(systems.Shell) { signal.Ignore(syscall.SIGTERM) }),
		serves("rude", func(systems.Shell) { exitOn(syscall.SIGTERM, 7) }),
		openTo(serves("open", nil)),
		openTo(systems.Role{Command: plain(), Serves: true}),
		{Command: role("mute", wait), Serves: true},
		{Command: role("liar", lie("nonsense")), Serves: true},
		{Command: role("anywhere", lie("[::]:7055")), Serves: true},
		{Command: role("hidden", lie("127.0.0.1:7055")), Serves: true},
		{Command: role("sick", sick), Serves: true},
		{Command: role("dead", die), Serves: true},
		{Command: role("done", func(context.Context, systems.Shell) error { return nil }), Serves: true},
		{Command: role("worker", wait)},
		{Command: role("show", show)},
		{Command: role("fails", die)},
		{Command: role("heir", leave)},
		{Command: role("burn", burn)},
		{Command: role("mumble", mumble)},
		{Command: role("sweeps", sweeps)},
		{Command: printer()},
		{Command: scribe()},
	},
	Commands: []systems.Command{role("nest", nest), role("deaf", deaf), role("adopts", adopts), role("becomes", becomes)},
}

func role(name string, run func(context.Context, systems.Shell) error) systems.Command {
	return systems.Command{Name: name, Setup: func(fs systems.FlagSet) func(context.Context, systems.Shell) error {
		fs.String("listen", "", "where a role that serves would listen")
		return run
	}}
}

// serves is a role that answers health checks; before it does, it prepares.
func serves(name string, prepare func(systems.Shell)) systems.Role {
	setup := func(fs systems.FlagSet) func(context.Context, systems.Shell) error {
		addr := fs.String("listen", "127.0.0.1:0", "address")
		return func(ctx context.Context, sh systems.Shell) error {
			if prepare != nil {
				prepare(sh)
				ctx = context.WithoutCancel(ctx)
			}
			return serve(ctx, sh, *addr, grpc_health_v1.HealthCheckResponse_SERVING)
		}
	}
	return systems.Role{Serves: true, Command: systems.Command{Name: name, Setup: setup}}
}

func serve(ctx context.Context, sh systems.Shell, addr string, status grpc_health_v1.HealthCheckResponse_ServingStatus) error {
	l, err := net.Listen("tcp", addr)
	if err != nil {
		return err
	}
	fmt.Fprintln(sh.Err, "listening on", l.Addr())
	hs := health.NewServer()
	hs.SetServingStatus("", status)
	s := grpc.NewServer()
	grpc_health_v1.RegisterHealthServer(s, hs)
	defer context.AfterFunc(ctx, s.Stop)()
	sh.Ready(l.Addr().String())
	return s.Serve(l)
}

func exitOn(s os.Signal, status int) {
	c := make(chan os.Signal, 1)
	signal.Notify(c, s)
	go func() {
		<-c
		os.Exit(status)
	}()
}

// scribe is a role that writes a file over and over, and removes it whenever
// that fails.
func scribe() systems.Command {
	return systems.Command{Name: "scribe", Setup: func(fs systems.FlagSet) func(context.Context, systems.Shell) error {
		file := fs.String("file", "", "what to write")
		return func(ctx context.Context, _ systems.Shell) error {
			tick := time.NewTicker(time.Millisecond)
			defer tick.Stop()
			for {
				select {
				case <-tick.C:
				case <-ctx.Done():
					return nil
				}
				if os.WriteFile(*file, []byte("x"), 0o600) != nil {
					_ = os.Remove(*file)
				}
			}
		}
	}}
}

// wait does nothing until it is told to stop.
func wait(ctx context.Context, _ systems.Shell) error {
	<-ctx.Done()
	return nil
}

func lie(address string) func(context.Context, systems.Shell) error {
	return func(ctx context.Context, sh systems.Shell) error {
		sh.Ready(address)
		return wait(ctx, sh)
	}
}

func sick(ctx context.Context, sh systems.Shell) error {
	return serve(ctx, sh, "127.0.0.1:0", grpc_health_v1.HealthCheckResponse_NOT_SERVING)
}

// die logs twenty lines and fails.
func die(_ context.Context, sh systems.Shell) error {
	for i := range 19 {
		fmt.Fprintf(sh.Err, "line %d\n", i+1)
	}
	return errors.New("line 20: no good")
}

// show prints what it was given.
func show(_ context.Context, sh systems.Shell) error {
	in, err := io.ReadAll(os.Stdin)
	fmt.Fprintf(sh.Out, "cpus %d args %q env %q stdin %q %v\n", runtime.GOMAXPROCS(0), sh.Args,
		os.Getenv("TOY")+os.Getenv("DYNO_LIFELINE")+os.Getenv("DYNO_ANNOUNCE"), in, err)
	return nil
}

// printer writes as many bytes to standard output, and lines to its log, as it
// is told.
func printer() systems.Command {
	return systems.Command{Name: "printer", Setup: func(fs systems.FlagSet) func(context.Context, systems.Shell) error {
		bytes := fs.Int("bytes", 0, "bytes")
		lines := fs.Int("lines", 0, "lines of 100 bytes")
		return func(_ context.Context, sh systems.Shell) error {
			for i := range *lines {
				fmt.Fprintf(sh.Err, "%099d\n", i)
			}
			_, err := io.CopyN(sh.Out, zeros{}, int64(*bytes))
			return err
		}
	}}
}

type zeros struct{}

func (zeros) Read(p []byte) (int, error) {
	clear(p)
	return len(p), nil
}

// leave ends, but leaves a process behind that holds its output open.
func leave(_ context.Context, sh systems.Shell) error {
	cmd := exec.Command("sleep", "60")
	cmd.Stdout = sh.Out
	if err := cmd.Start(); err != nil {
		return err
	}
	_, err := fmt.Fprint(sh.Out, cmd.Process.Pid)
	return err
}

// deaf is a dyno of its own whose only process, the binary given as argument,
// knows of no lifeline.
func deaf(ctx context.Context, sh systems.Shell) error {
	sys := &systems.System{Name: "deaf", Roles: []systems.Role{{Command: systems.Command{Name: "worker"}}}}
	ctx, g, err := process.NewGroup(ctx, process.Options{System: sys, Dir: os.TempDir(), Binary: sh.Args[0]})
	if err != nil {
		return err
	}
	defer g.Close()
	p, err := g.Start(ctx, systems.Launch{Role: "worker", Name: "deaf"})
	if err != nil {
		return err
	}
	fmt.Fprintln(sh.Out, p.PID())
	return wait(ctx, sh)
}

// adopts is a dyno of its own with a program that stands in for a role, given as
// argument.
func adopts(ctx context.Context, sh systems.Shell) error {
	dir, err := os.MkdirTemp("", "toy-adopts")
	if err != nil {
		return err
	}
	defer os.RemoveAll(dir)
	ctx, g, err := process.NewGroup(ctx, process.Options{
		System: &systems.System{Name: "toy", Roles: []systems.Role{openTo(serves("open", nil))}}, Dir: dir, Setting: systems.Setting{Impl: systems.Impl{"open": sh.Args[0]}},
	})
	if err != nil {
		return err
	}
	defer g.Close()
	p, err := g.Start(ctx, systems.Launch{Role: "open", Name: "a"})
	if err != nil {
		return err
	}
	fmt.Fprintln(sh.Out, p.PID())
	return wait(ctx, sh)
}

// sweeps collects garbage, and looks whether that closed its lifeline.
func sweeps(context.Context, systems.Shell) error {
	for range 5 {
		runtime.GC()
		time.Sleep(time.Millisecond) // for what is run when something was collected
	}
	var st syscall.Stat_t
	if err := syscall.Fstat(0, &st); err != nil || st.Mode&syscall.S_IFMT != syscall.S_IFIFO {
		return fmt.Errorf("standard input is no pipe any more: mode %o, %v", st.Mode, err)
	}
	return nil
}

// nest is a dyno of its own: it starts a server that runs, one that is paused
// and a worker, prints their process ids and waits to be killed.
func nest(ctx context.Context, sh systems.Shell) error {
	ctx, b, done, err := sh.Bench(ctx, systems.Setting{})
	if err != nil {
		return err
	}
	defer done()
	var pids []string
	for _, l := range []systems.Launch{
		{Role: "server", Name: "runs"}, {Role: "stubborn", Name: "paused"}, {Role: "worker", Name: "works"},
	} {
		p, err := b.Start(ctx, l)
		if err != nil {
			return err
		}
		if l.Name == "paused" {
			if err := p.Pause(); err != nil {
				return err
			}
		}
		pids = append(pids, fmt.Sprint(p.PID()))
	}
	fmt.Fprintln(sh.Out, strings.Join(pids, " "))
	return wait(ctx, sh)
}

// burn uses CPU time, prints how much by its own account, and says at its end
// what it did not do.
func burn(_ context.Context, sh systems.Shell) error {
	var u syscall.Rusage
	for u.Utime.Nano() < 50e6 {
		if err := syscall.Getrusage(syscall.RUSAGE_SELF, &u); err != nil {
			return err
		}
	}
	process.Testify(record.CallEvidence{Made: map[string]record.Calls{"/x/Y": {OK: 7}}, SentB: 8})
	process.Testify(record.CallEvidence{SentB: 9}) // is not heard
	_, err := fmt.Fprint(sh.Out, time.Duration(u.Utime.Nano()))
	return err
}

// mumble writes something else to where it should testify.
func mumble(context.Context, systems.Shell) error {
	pipe := os.NewFile(3, "testimony") // the first after the standard streams
	_, err := pipe.WriteString("{")
	return err
}
