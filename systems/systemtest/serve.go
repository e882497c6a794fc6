package systemtest

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"time"

	"google.golang.org/grpc/reflection/grpc_reflection_v1"

	"dyno/bench/process"
	"dyno/systems"
)

// onBench runs f with a fresh group, closes it, and sees to it that no process
// is left behind. What Close reports is an error only if strict.
func (s *subject) onBench(ctx context.Context, set systems.Setting, strict bool, f func(context.Context, *process.Group) error) error {
	before, err := relatives()
	if err != nil {
		return err
	}
	ctx, g, err := process.NewGroup(ctx, process.Options{System: s.sys, Setting: set, Dir: s.dir, Logf: s.logf, Ready: s.bounds.ready})
	if err != nil {
		return err
	}
	err = f(ctx, g)
	if closed := g.Close(); strict && err == nil { // else it would say the same twice
		err = closed
	}
	return errors.Join(err, newcomers(before, s.bounds.gone))
}

// start runs a role on its own, with what it needs beside it.
func (s *subject) start(ctx context.Context, g *process.Group, r systems.Role, more ...string) (systems.Process, systems.Launch, error) {
	args, err := s.opts.RoleArgs(ctx, r.Name, g)
	if err != nil {
		return nil, systems.Launch{}, fmt.Errorf("what role %s needs could not be prepared: %w", r.Name, err)
	}
	l := systems.Launch{Role: r.Name, Name: "tested-" + r.Name, Args: slices.Concat(args, more)}
	p, err := g.Start(ctx, l)
	return p, l, err
}

// checkServes: the role starts on a free port and is healthy, tells by
// reflection what it serves, and ends with status 0 when asked to.
func checkServes(ctx context.Context, s *subject, r systems.Role) error {
	return s.onBench(ctx, s.opts.Setting, true, func(ctx context.Context, g *process.Group) error {
		p, l, err := s.start(ctx, g, r)
		if err != nil {
			return err
		}
		if err := s.checkReflection(ctx, r, l, p.Addr()); err != nil {
			return fmt.Errorf("%s: %w", r.Name, err)
		}
		return s.stopWell(ctx, g, p)
	})
}

// checkRestarts: a role that was killed comes back under the same command
// line, at the same address, serves as before, and can be stopped.
func checkRestarts(ctx context.Context, s *subject, r systems.Role) error {
	return s.onBench(ctx, s.opts.Setting, true, func(ctx context.Context, g *process.Group) error {
		p, l, err := s.start(ctx, g, r)
		if err != nil {
			return err
		}
		addr := p.Addr()
		if err := errors.Join(p.Kill(), p.Restart(ctx)); err != nil {
			return fmt.Errorf("%s does not come back after a kill: %w", r.Name, err)
		}
		if p.Addr() != addr {
			return fmt.Errorf("%s was at %s, and after a kill comes back at %s, though --listen says where", r.Name, addr, p.Addr())
		}
		if err := s.checkReflection(ctx, r, l, addr); err != nil {
			return fmt.Errorf("%s after a kill: %w", r.Name, err)
		}
		return s.stopWell(ctx, g, p)
	})
}

// stopWell asks a process to stop, which it must do with status 0.
func (s *subject) stopWell(ctx context.Context, g *process.Group, p systems.Process) error {
	ctx, cancel := context.WithTimeout(ctx, s.bounds.stop)
	defer cancel()
	if err := p.Stop(ctx); err != nil {
		return err
	}
	for _, i := range g.Processes() {
		if i.PID == p.PID() && (i.Exit == nil || i.Exit.Code != 0) {
			return fmt.Errorf("%s did not answer SIGTERM by ending with status 0, but was ended by it: %+v", i.Role, i.Exit)
		}
	}
	return nil
}

// checkReflection: server reflection lists a service of the system's own.
func (s *subject) checkReflection(ctx context.Context, r systems.Role, l systems.Launch, addr string) error {
	ctx, cancel := context.WithTimeout(ctx, s.bounds.rpc)
	defer cancel()
	conn, err := process.Connect(r, l, addr)
	if err != nil {
		return fmt.Errorf("server reflection: %w", err)
	}
	defer conn.Close()
	stream, err := grpc_reflection_v1.NewServerReflectionClient(conn).ServerReflectionInfo(ctx)
	if err != nil {
		return fmt.Errorf("server reflection: %w", err)
	}
	// An error of Send is that of Recv, which says why.
	_ = stream.Send(&grpc_reflection_v1.ServerReflectionRequest{
		MessageRequest: &grpc_reflection_v1.ServerReflectionRequest_ListServices{},
	})
	answer, err := stream.Recv()
	if err != nil {
		return fmt.Errorf("server reflection: %w", err)
	}
	var names []string
	for _, svc := range answer.GetListServicesResponse().GetService() {
		if !strings.HasPrefix(svc.GetName(), "grpc.") {
			return nil
		}
		names = append(names, svc.GetName())
	}
	return fmt.Errorf("server reflection lists no service beside gRPC's own %q", names)
}

// checkBusyPort: a port that is taken is an error that names it, with exit
// status 1.
func checkBusyPort(ctx context.Context, s *subject, r systems.Role) error {
	taken, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return err
	}
	defer taken.Close()
	addr := taken.Addr().String()
	return s.onBench(ctx, s.opts.Setting, true, func(ctx context.Context, g *process.Group) error {
		_, _, err := s.start(ctx, g, r, "--listen", addr)
		var failed *process.Failure
		if err == nil {
			return fmt.Errorf("%s says it listens on %s, which is taken", r.Name, addr)
		}
		if !errors.As(err, &failed) || failed.Role != r.Name {
			return err
		}
		var status *exec.ExitError
		if !errors.As(err, &status) || status.ExitCode() != 1 {
			return fmt.Errorf("a busy port should end %s with status 1: %w", r.Name, err)
		}
		if !strings.Contains(strings.Join(failed.Log, "\n"), addr) {
			return fmt.Errorf("%s does not name the busy port %s when it fails: %w", r.Name, addr, err)
		}
		return nil
	})
}

const familyPause = 10 * time.Millisecond // between two looks

// family is the set of processes that descend from this test run, however many
// generations and dead parents lie between: they bear its mark in their
// environment. Where there is no /proc, it is empty and nothing is noticed.
type family map[int]string

func relatives() (family, error) {
	mark := os.Getenv(familyVar)
	if mark == "" {
		return nil, errors.New("the TestMain of this package is not systemtest.Main: roles cannot be started")
	}
	environs, err := filepath.Glob("/proc/[0-9]*/environ")
	if err != nil {
		return nil, err
	}
	f := make(family)
	for _, path := range environs {
		env, err := os.ReadFile(path)
		if err != nil || !bytes.Contains(env, []byte(familyVar+"="+mark+"\x00")) {
			continue // ended, another user's, or a stranger
		}
		dir := filepath.Dir(path)
		pid, err := strconv.Atoi(filepath.Base(dir))
		if err != nil || pid == os.Getpid() {
			continue
		}
		if cmdline, err := os.ReadFile(filepath.Join(dir, "cmdline")); err == nil {
			f[pid] = strings.TrimSpace(strings.ReplaceAll(string(cmdline), "\x00", " "))
		}
	}
	return f, nil
}

// newcomers waits until all processes are gone that were not there before, and
// is an error when some stay for longer than the bound.
func newcomers(before family, bound time.Duration) error {
	for end := time.Now().Add(bound); ; time.Sleep(familyPause) {
		now, err := relatives()
		if err != nil {
			return err
		}
		var errs []error
		for pid, cmdline := range now {
			if _, old := before[pid]; !old {
				errs = append(errs, fmt.Errorf("process %d was left behind: %s", pid, cmdline))
			}
		}
		if len(errs) == 0 || time.Now().After(end) {
			return errors.Join(errs...)
		}
	}
}
