//go:build linux

package process_test

import (
	"context"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"

	"dyno/bench/process"
	"dyno/systems"
)

// hello is the one call of a role that others may write.
const hello = "/toy.v1.Toy/Hello"

func openTo(r systems.Role) systems.Role {
	r.Probe = hello
	return r
}

// plain is a role that serves no health and tells nobody where it listens: it
// answers hello by an error.
func plain() systems.Command {
	return systems.Command{Name: "plain", Setup: func(fs systems.FlagSet) func(context.Context, systems.Shell) error {
		addr := fs.String("listen", "", "address")
		return func(ctx context.Context, sh systems.Shell) error {
			l, err := net.Listen("tcp", *addr)
			if err != nil {
				return err
			}
			fmt.Fprintln(sh.Err, "listening on", l.Addr())
			s := grpc.NewServer(grpc.UnknownServiceHandler(func(_ any, s grpc.ServerStream) error {
				if name, _ := grpc.MethodFromServerStream(s); name == hello {
					return status.Error(codes.InvalidArgument, "whom?")
				}
				return status.Error(codes.Unimplemented, "no")
			}))
			defer context.AfterFunc(ctx, s.Stop)()
			return s.Serve(l)
		}
	}}
}

// standing opens a group in which a command stands in for a role.
func standing(t *testing.T, role, command string, change func(*process.Options)) *process.Group {
	_, g := open(t, func(o *process.Options) {
		o.Setting.Impl = systems.Impl{role: command}
		if change != nil {
			change(o)
		}
	})
	return g
}

// toyAs is the command line of a role of the toy, as another program.
func toyAs(t *testing.T, role string) string {
	exe, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	return "env TOY_KEPT=1 '" + exe + "' toy " + role
}

// A program that stands in for a role is started at an address that it is told,
// found ready by health or by an answer, paused, killed and started again there.
func TestStandsIn(t *testing.T) {
	for _, role := range []string{"open", "plain"} {
		t.Run(role, func(t *testing.T) {
			g := standing(t, role, toyAs(t, role), nil)
			p, err := g.Start(t.Context(), systems.Launch{Role: role, Name: "a", Args: []string{"--listen", "127.0.0.1:0"}})
			if err != nil {
				t.Fatal(err)
			}
			addr := p.Addr()
			for _, do := range []func() error{p.Pause, p.Resume, p.Kill, func() error { return p.Restart(t.Context()) }} {
				if err := do(); err != nil {
					t.Fatal(err)
				}
			}
			if p.Addr() != addr {
				t.Errorf("it came back at %s, was at %s", p.Addr(), addr)
			}
			conn, err := net.Dial("tcp", addr)
			if err != nil {
				t.Fatal(err)
			}
			_ = conn.Close()
			if err := p.Stop(t.Context()); err != nil {
				t.Error(err)
			}
		})
	}
}

// Nobody is left of programs that hang, crash, flood, fork, or leave others
// behind; each is told by what it did. Those that end by themselves are given the
// time that it takes them.
func TestStandsInBadly(t *testing.T) {
	const never = 800 * time.Millisecond // for those that are not ready in any time
	for name, c := range map[string]struct {
		command, want string
		ready         time.Duration
	}{
		"hangs":       {"sh -c 'sleep 987654'", "was not ready within", never},
		"crashes":     {"sh -c 'echo boom >&2; exit 3'", "| boom", 0},
		"floods":      {"sh -c 'yes >&2'", "was not ready within", never},
		"forks":       {"sh -c 'for i in 1 2 3 4 5 6 7 8; do (for j in 1 2 3 4 5 6 7 8; do sleep 987654 & done; wait) & done; wait'", "open a ", never},
		"leaves":      {"sh -c 'setsid sleep 987654 & echo gone >&2; exit 4'", "exit status 4", 0},
		"not there":   {"/no/such/program", "No such file", 0},
		"wrong quote": {"sh -c 'x", "exit status 2", 0},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			dir, mark := t.TempDir(), fmt.Sprintf("TOY_CASE=%s-%d", strings.ReplaceAll(name, " ", "-"), os.Getpid())
			g := standing(t, "open", "env "+mark+" "+c.command, func(o *process.Options) {
				o.Ready, o.Tasks, o.Dir = c.ready, 40, dir
			})
			_, err := g.Start(t.Context(), systems.Launch{Role: "open", Name: "a"})
			if err == nil || !strings.Contains(err.Error(), c.want) {
				t.Errorf("error %v, want one that says %q", err, c.want)
			}
			_ = g.Close() // says the same
			for _, pid := range bearing(mark) {
				t.Errorf("process %s is left", pid)
			}
			if info, err := os.Stat(filepath.Join(dir, "a.log")); err != nil || info.Size() > 2<<20 {
				t.Errorf("its log has %d bytes: %v", info.Size(), err)
			}
		})
	}
}

// A program that is not ready is told of while people wait for it, with where it
// prints; when its time is over, the lives beside it are not waited for.
func TestStandsInLate(t *testing.T) {
	told := make(chan string, 2)
	g := standing(t, "open", "sh -c 'echo to output; exec sleep 987654'", func(o *process.Options) {
		o.Ready, o.Waiting = 800*time.Millisecond, func(line string) { told <- line }
	})
	_, err := g.Start(t.Context(), systems.Launch{Role: "open", Name: "a"})
	failure(t, err, "open a was not ready within", "nothing listens at 127.0.0.1:", "| to output")
	if _, err := g.Start(t.Context(), systems.Launch{Role: "open", Name: "b"}); err == nil || !strings.Contains(err.Error(), "open b was not started") {
		t.Errorf("the next start: %v", err)
	}
	_ = g.Close() // says the same
	if line := <-told; !strings.Contains(line, "sleep 987654") || !strings.Contains(line, "a.log") || len(told) > 0 {
		t.Errorf("told %q, and %d more", line, len(told))
	}
}

// A program that forks while it serves is stopped, and the trial told why.
func TestForksWhileItServes(t *testing.T) {
	command := `sh -c '(for i in 1 2 3 4 5 6 7 8 9 10 11 12 13 14 15 16 17 18 19 20 21 22 23 24 25 26 27 28 29 30 31 32; do sleep 987654 & done) & exec ` +
		strings.ReplaceAll(toyAs(t, "open"), "'", "") + ` "$@"' sh`
	ctx, g := open(t, func(o *process.Options) {
		o.Setting.Impl, o.Tasks = systems.Impl{"open": command}, 30
	})
	_, err := g.Start(ctx, systems.Launch{Role: "open", Name: "a"})
	if err == nil {
		<-ctx.Done()
		err = context.Cause(ctx)
	}
	if !strings.Contains(err.Error(), "processes and threads") && !strings.Contains(err.Error(), "fork") &&
		!strings.Contains(err.Error(), "pthread_create") && !strings.Contains(err.Error(), "resource") {
		t.Errorf("it ended for another reason: %v", err)
	}
}

// bearing are the processes whose environment has an entry.
func bearing(entry string) (pids []string) {
	files, _ := filepath.Glob("/proc/[0-9]*/environ") // the pattern is well formed
	for _, f := range files {
		if env, err := os.ReadFile(f); err == nil && strings.Contains("\x00"+string(env), "\x00"+entry+"\x00") {
			pids = append(pids, filepath.Base(filepath.Dir(f)))
		}
	}
	return pids
}

// What programs have started ends with dyno, even if dyno is killed.
func TestWardenOutlivesDyno(t *testing.T) {
	exe, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	mark := fmt.Sprintf("TOY_CASE=%s-%d", t.Name(), os.Getpid())
	cmd := exec.CommandContext(t.Context(), exe, "toy", "adopts", "env "+mark+" sh -c 'setsid sleep 987654 & exec "+exe+" toy open \"$@\"' sh")
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	if _, err := fmt.Fscan(out, new(int)); err != nil {
		t.Fatal(err)
	}
	if n := len(bearing(mark)); n < 2 {
		t.Fatalf("%d processes, want a server and what it has left", n)
	}
	_ = cmd.Process.Kill()
	_ = cmd.Wait()
	for end := time.Now().Add(20 * time.Second); len(bearing(mark)) > 0; time.Sleep(5 * time.Millisecond) {
		if time.Now().After(end) {
			t.Fatalf("left: %s", bearing(mark))
		}
	}
}
