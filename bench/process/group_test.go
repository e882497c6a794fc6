//go:build linux

package process_test

import (
	"context"
	"errors"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"reflect"
	"runtime"
	"runtime/debug"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"dyno/bench/process"
	"dyno/internal/record"
	"dyno/systems"
)

func TestServingRoleIsReadyWhenStartReturns(t *testing.T) {
	ctx, g := open(t, nil)
	p := start(ctx, t, g, "server")
	conn, err := net.Dial("tcp", p.Addr())
	if err != nil {
		t.Fatal(err)
	}
	conn.Close()
	if group, err := syscall.Getpgid(p.PID()); err != nil || group != p.PID() {
		t.Errorf("it is in process group %d, %v: Ctrl-C would reach it", group, err)
	}
	if p.Name() != "server" || state(p.PID()) == "" {
		t.Errorf("process %q with pid %d does not run", p.Name(), p.PID())
	}
	want := process.Info{Name: "server", Role: "server", PID: p.PID()}
	if got := g.Processes(); len(got) != 1 || got[0] != want {
		t.Errorf("Processes() = %+v, want %+v", got, want)
	}
	if err := g.Close(); err != nil {
		t.Errorf("Close: %v", err)
	}
	if e := exit(t, g, "server"); e.Code != 0 || e.User+e.System <= 0 {
		t.Errorf("exit %+v, want status 0 and some CPU time", e)
	}
	if ctx.Err() == nil {
		t.Error("the context of a closed group has not ended")
	}
}

func TestListenIsAddedUnlessGiven(t *testing.T) {
	for _, flag := range [][]string{{"--listen", "127.0.0.1:0"}, {"-listen=127.0.0.1:0"}, nil} {
		ctx, g := open(t, nil)
		start(ctx, t, g, "server", flag...)
		cmdline, err := os.ReadFile(filepath.Join("/proc", pidOf(g), "cmdline"))
		if err != nil {
			t.Fatal(err)
		}
		if n := strings.Count(string(cmdline), "listen"); n != 1 {
			t.Errorf("with %q the command line is %q: --listen occurs %d times", flag, cmdline, n)
		}
	}
}

func TestLaunchReachesTheProcess(t *testing.T) {
	ctx, g := open(t, func(o *process.Options) { o.Env = []string{"TOY=yes"} })
	for _, tt := range []struct {
		cpus int
		want string
	}{{0, "cpus 1 "}, {2, "cpus 2 "}} {
		p, err := g.Start(ctx, systems.Launch{Role: "show", Name: "show" + tt.want[5:6], Args: []string{"a", "b c"}, CPUs: tt.cpus})
		if err != nil {
			t.Fatal(err)
		}
		out, err := p.Wait(ctx)
		want := tt.want + `args ["a" "b c"] env "yes" stdin "" <nil>` + "\n"
		if err != nil || string(out) != want {
			t.Errorf("got %q, %v; want %q", out, err, want)
		}
	}
	if ctx.Err() != nil {
		t.Errorf("a role that ended by itself with status 0 ended the trial: %v", context.Cause(ctx))
	}
}

func TestSettingAndLogf(t *testing.T) {
	var lines []string
	setting := systems.Setting{Seed: 7, Length: time.Second, Load: record.Load{Loop: "closed"}}
	_, g := open(t, func(o *process.Options) {
		o.Setting = setting
		o.Logf = func(format string, _ ...any) { lines = append(lines, format) }
	})
	if !reflect.DeepEqual(g.Setting(), setting) {
		t.Errorf("Setting() = %+v", g.Setting())
	}
	g.Logf("hello")
	if len(lines) != 1 || lines[0] != "hello" {
		t.Errorf("logged %q", lines)
	}
}

func TestDeadBeforeReady(t *testing.T) {
	ctx, g := open(t, nil)
	_, err := g.Start(ctx, systems.Launch{Role: "dead", Name: "d1", Args: []string{"x"}})
	f := failure(t, err, "dead d1 ended before it was ready: exit status 1", "(dyno toy dead --listen 127.0.0.1:0 x)", "| line 11\n", "| line 20: no good")
	if f.Role != "dead" || f.Name != "d1" || len(f.Log) != 10 || strings.Contains(err.Error(), "line 10") {
		t.Errorf("%+v does not quote the last ten lines", f)
	}
	var status *exec.ExitError
	if !errors.As(err, &status) || status.ExitCode() != 1 {
		t.Errorf("the error does not wrap the exit status: %v", err)
	}
	_, err = g.Start(ctx, systems.Launch{Role: "done", Name: "d2"})
	failure(t, err, "done d2 ended before it was ready: exit status 0", "its log is empty")
	if ctx.Err() != nil {
		t.Errorf("the trial has ended, though Start told its caller: %v", context.Cause(ctx))
	}
}

func TestNotReadyInTime(t *testing.T) {
	for _, tt := range []struct {
		role  string
		bound time.Duration
		says  string
	}{
		{"mute", 300 * time.Millisecond, "it announced no address"},
		{"sick", 2 * time.Second, "NOT_SERVING"}, // time enough to start and to answer
	} {
		t.Run(tt.role, func(t *testing.T) {
			t.Parallel()
			ctx, g := open(t, func(o *process.Options) { o.Ready = tt.bound })
			_, err := g.Start(ctx, systems.Launch{Role: tt.role, Name: "x"})
			failure(t, err, tt.role+" x was not ready within "+tt.bound.String(), tt.says)
			if pid := g.Processes()[0].PID; !gone(pid) {
				t.Errorf("pid %d still runs", pid)
			}
		})
	}
}

func TestNonsenseAnnounced(t *testing.T) {
	ctx, g := open(t, nil)
	_, err := g.Start(ctx, systems.Launch{Role: "liar", Name: "x"})
	failure(t, err, "liar x did not become ready", `"nonsense"`)
	_, err = g.Start(ctx, systems.Launch{Role: "anywhere", Name: "y"})
	failure(t, err, "anywhere y did not become ready", `it announced "[::]:7055"`, "--advertise")
	ctx, g = open(t, func(o *process.Options) { o.Host = "192.0.2.1" }) // of a machine that others dial
	_, err = g.Start(ctx, systems.Launch{Role: "hidden", Name: "z", Args: []string{"--listen", "127.0.0.1:7055"}})
	failure(t, err, "hidden z did not become ready", "127.0.0.1:7055, which no other machine can dial", "192.0.2.1")
}

func TestStartIsCalledOff(t *testing.T) {
	why := errors.New("changed my mind")
	ctx, g := open(t, nil)
	ctx, cancel := context.WithCancelCause(ctx)
	go func() {
		for len(g.Processes()) == 0 {
			runtime.Gosched()
		}
		cancel(why)
	}()
	_, err := g.Start(ctx, systems.Launch{Role: "mute", Name: "x"})
	failure(t, err, "called off")
	if !errors.Is(err, why) || !errors.Is(err, context.Canceled) {
		t.Errorf("%v is neither the context's error nor its cause", err)
	}
}

func TestRefusedLaunches(t *testing.T) {
	ctx, g := open(t, func(o *process.Options) { o.Limit = 1 })
	try := func(l systems.Launch, want string) {
		t.Helper()
		if _, err := g.Start(t.Context(), l); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%+v: got %v, want an error that says %q", l, err, want)
		}
	}
	try(systems.Launch{Role: "sever", Name: "a"}, `role "sever" is not one of server, secure`)
	try(systems.Launch{Role: "server", Name: "../a"}, `cannot be called "../a"`)
	try(systems.Launch{Role: "server", Name: "a", CPUs: -1}, "-1 CPUs")
	start(ctx, t, g, "worker")
	try(systems.Launch{Role: "worker", Name: "worker"}, "names are unique")
	try(systems.Launch{Role: "worker", Name: "another"}, "limit of 1")
	if err := g.Close(); err != nil {
		t.Error(err)
	}
	try(systems.Launch{Role: "worker", Name: "late"}, "closed")
}

func TestOptionsAreChecked(t *testing.T) {
	for _, o := range []process.Options{
		{Dir: t.TempDir()},
		{System: toy},
		{System: toy, Dir: t.TempDir(), Ready: -1},
		{System: toy, Dir: "/dev/null/x"},
	} {
		if _, _, err := process.NewGroup(t.Context(), o); err == nil {
			t.Errorf("%+v was accepted", o)
		}
	}
	ctx, g := open(t, func(o *process.Options) { o.Binary = "/no/such/binary" })
	if _, err := g.Start(ctx, systems.Launch{Role: "server", Name: "x"}); err == nil || !strings.Contains(err.Error(), "/no/such/binary") {
		t.Errorf("got %v, want an error that names the binary", err)
	}
	if err := g.Close(); err != nil || len(g.Processes()) != 0 {
		t.Errorf("Close: %v; processes %v", err, g.Processes())
	}
}

func TestConcurrentStartsAndClose(t *testing.T) {
	ctx, g := open(t, nil)
	var all sync.WaitGroup
	for _, name := range []string{"a", "b", "c", "d"} {
		all.Go(func() {
			if _, err := g.Start(ctx, systems.Launch{Role: "server", Name: name}); err != nil && ctx.Err() == nil {
				t.Errorf("%s: %v", name, err)
			}
		})
	}
	all.Go(func() {
		_, err := g.Start(t.Context(), systems.Launch{Role: "mute", Name: "slow"}) // not the group's context
		failure(t, err, "called off", "the process group is closed")
	})
	eventually(t, "five processes have started", func() bool { return len(g.Processes()) == 5 })
	if err := g.Close(); err != nil {
		t.Error(err)
	}
	all.Wait()
	for _, p := range g.Processes() {
		if p.Exit == nil || !gone(p.PID) {
			t.Errorf("%+v was left behind", p)
		}
	}
}

// Close may come at any moment of a start.
func TestCloseDuringStarts(t *testing.T) {
	for range 20 {
		ctx, g := open(t, nil)
		var all sync.WaitGroup
		for _, name := range []string{"a", "b", "c", "d"} {
			all.Go(func() { _, _ = g.Start(ctx, systems.Launch{Role: "worker", Name: name}) })
		}
		for len(g.Processes()) == 0 { // the first is there, the others are on their way
			runtime.Gosched()
		}
		if err := g.Close(); err != nil {
			t.Error(err)
		}
		all.Wait()
		for _, p := range g.Processes() {
			if p.Exit == nil || !gone(p.PID) {
				t.Errorf("%+v was left behind", p)
			}
		}
	}
}

func TestNothingLeaksAfterClose(t *testing.T) {
	defer debug.SetGCPercent(debug.SetGCPercent(-1)) // which would close what we forget
	cycle := func() {
		ctx, g := open(t, nil)
		start(ctx, t, g, "server")
		start(ctx, t, g, "worker")
		_, _ = g.Start(ctx, systems.Launch{Role: "dead", Name: "x"})
		if err := g.Close(); err != nil {
			t.Error(err)
		}
	}
	cycle() // what is opened once stays open: the poller, the kernel's pidfd check
	goroutines, files := runtime.NumGoroutine(), openFiles(t)
	for range 3 {
		cycle()
	}
	eventually(t, "no more goroutines than before", func() bool { return runtime.NumGoroutine() <= goroutines })
	eventually(t, "no more open files than before", func() bool { return openFiles(t) <= files })
}

// An address that a trial asks for once its group is closed would be kept for ever.
func TestNoAddressAfterClose(t *testing.T) {
	ctx, g := open(t, nil)
	if addr, err := g.Address(ctx, "", ""); err != nil || addr == "" {
		t.Errorf("%q, %v", addr, err)
	}
	if err := g.Close(); err != nil {
		t.Error(err)
	}
	files := openFiles(t)
	if addr, err := g.Address(ctx, "", ""); err == nil {
		t.Errorf("%s is kept in a closed group", addr)
	}
	if n := openFiles(t); n > files {
		t.Errorf("%d files are open, %d were", n, files)
	}
}

func openFiles(t *testing.T) int {
	t.Helper()
	fds, err := os.ReadDir("/proc/self/fd")
	if err != nil {
		t.Fatal(err)
	}
	return len(fds)
}
