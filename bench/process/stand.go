package process

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"net"
	"os/exec"
	"slices"
	"strings"
	"syscall"

	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/health/grpc_health_v1"
	"google.golang.org/grpc/status"

	"google.golang.org/protobuf/types/known/emptypb"

	"dyno/systems"
)

// termStatus is how many programs say that SIGTERM ended them, Java's among them.
const termStatus = 128 + int(syscall.SIGTERM)

// program is what is executed for a role and what is put before the role's flags:
// the one place where that is chosen.
func (g *Group) program(r systems.Role, l systems.Launch) (path string, before []string) {
	if command := g.opts.Setting.Impl[r.Name]; command != "" {
		// A shell reads the command, so that quotes mean what they always do, and
		// becomes it: the process is the program itself.
		return "/bin/sh", []string{"-c", g.cage.door() + "exec " + command + ` "$@"`, command}
	}
	return g.opts.own(r, l), []string{g.opts.System.Name, r.Name}
}

// own is dyno's program for a role.
func (o *Options) own(r systems.Role, l systems.Launch) string {
	switch {
	case r.Whole || l.Whole:
		return cmp.Or(o.whole, o.Binary)
	case r.Large:
		return cmp.Or(o.large, o.whole, o.Binary)
	}
	return cmp.Or(o.slim, o.Binary)
}

// there is an error unless the program for a role is, of dyno's own sources.
func (o *Options) there(r systems.Role, l systems.Launch) error {
	suffix := ""
	switch {
	case o.whole != "":
	case r.Whole || l.Whole:
		suffix = wholeSuffix
	case r.Large && o.large == "":
		suffix = largeSuffix
	}
	if suffix != "" {
		what := fmt.Sprintf("%s needs %s%s, which, of these sources,", l.Name, o.Binary, suffix)
		return &systems.AbsentError{What: what, Get: "make build"}
	}
	return replaced(o.own(r, l), o.stamp)
}

// stands says whether a command stands in for the member's role.
func (m *member) stands() bool { return m.group.opts.Setting.Stands(m.role.Name) }

// typed is what a person would type in place of the flags.
func (c *child) typed() string {
	if c.member.stands() {
		return c.group.opts.Setting.Impl[c.role.Name]
	}
	return "dyno " + c.group.opts.System.Name + " " + c.role.Name
}

// assign chooses the address at which a program will listen that cannot tell: its
// own choice if the launch names a port, else a free one, kept until it is ready.
func (m *member) assign() error {
	if !m.stands() || !m.role.Serves || m.Addr() != "" {
		return nil
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	_, given := listenArgs(m.launch.Args)
	if host, port, err := net.SplitHostPort(given); err == nil && port != "0" {
		m.addr = net.JoinHostPort(host, port)
		return nil
	}
	held, addr, err := reserve(m.group.opts.anywhere())
	if err != nil {
		return fmt.Errorf("an address for %s: %w", m.launch.Name, err)
	}
	m.addr = addr
	if held != nil {
		m.held = held
		m.group.reserved.Add(1)
	}
	return nil
}

// listenArgs takes --listen out of a role's arguments.
func listenArgs(args []string) (others []string, listen string) {
	for i := 0; i < len(args); i++ {
		name, value, joined := strings.Cut(args[i], "=")
		switch {
		case name != "--listen" && name != "-listen":
			others = append(others, args[i])
		case joined:
			listen = value
		case i+1 < len(args):
			i++
			listen = args[i]
		}
	}
	return others, listen
}

// contact asks a program that stands in for a role whether it is there: by the
// health service, or, where that is not served, by the first call of its contract.
func (c *child) contact(ctx context.Context, conn *grpc.ClientConn) error {
	err := checkHealth(ctx, grpc_health_v1.NewHealthClient(conn))
	if !c.member.stands() || c.role.Probe == "" ||
		!slices.Contains([]codes.Code{codes.Unimplemented, codes.NotFound}, status.Code(err)) {
		return err
	}
	ctx, cancel := context.WithTimeout(ctx, healthDeadline)
	defer cancel()
	err = conn.Invoke(ctx, c.role.Probe, &emptypb.Empty{}, &emptypb.Empty{})
	switch status.Code(err) {
	case codes.Unavailable, codes.DeadlineExceeded, codes.Unimplemented, codes.Canceled:
		return fmt.Errorf("%s: %w", c.role.Probe, err)
	}
	return nil // an answer: perhaps that an empty request is none
}

// strike sends a signal: to a program that stands in for a role with all that it
// started, unless that has left its process group.
func (c *child) strike(s syscall.Signal) error {
	if !c.member.stands() {
		return c.cmd.Process.Signal(s)
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.over { // its id may be another's
		return nil
	}
	if err := syscall.Kill(-c.PID(), s); err != nil && !errors.Is(err, syscall.ESRCH) {
		return err
	}
	return nil
}

// lacking is the error of a program that stands in for a role and has said that
// the machine lacks what it needs: by status 69 of sysexits.h, and a last line that
// says what. Any other is returned as it is.
func (c *child) lacking(err error) error {
	exit := new(exec.ExitError)
	if !c.member.stands() || !errors.As(err, &exit) || exit.ExitCode() != exUnavailable {
		return err
	}
	what := "what " + c.typed() + " needs"
	if last := c.log.lastLines(1, quotedWidth); len(last) > 0 {
		what = last[0]
	}
	return &systems.AbsentError{What: what, Get: "it is needed by " + c.typed()}
}

// exUnavailable is EX_UNAVAILABLE.
const exUnavailable = 69

// waitingShare is the share of its time, a tenth, for which a program that stands
// in for a role may keep people waiting before they are told what for.
const waitingShare = 10

// wait says what is waited for.
func (c *child) wait() {
	bound := c.group.opts.Ready
	c.group.opts.Waiting(fmt.Sprintf("%s %s is not ready yet: %s has %v, of which %v are over; what it prints: %s",
		c.role.Name, c.Name(), c.typed(), bound, bound/waitingShare, c.log.path))
}

// late is the failure of a process that was not ready in time. Other lives of a
// program that stands in for a role are not waited for then: they would hang as
// this one has, one after another.
func (c *child) late(err error) error {
	if c.member.stands() && refused(err) {
		err = fmt.Errorf("nothing listens at %s, which --listen names", c.member.Addr())
	}
	f := c.failure(fmt.Sprintf("was not ready within %v", c.group.opts.Ready), err)
	if c.member.stands() && c.first && !c.launch.Expendable {
		c.group.cancel(f)
	}
	return f
}

// refused says whether nobody listens where a call went. gRPC leaves nothing of
// the cause but its words.
func refused(err error) bool {
	return status.Code(err) == codes.Unavailable && strings.Contains(err.Error(), syscall.ECONNREFUSED.Error())
}

// obeyed says whether an ended process did what SIGTERM asks for.
func (c *child) obeyed() bool {
	return c.endedBy(syscall.SIGTERM) || c.endedBy(syscall.SIGKILL) || c.member.stands() && c.cmd.ProcessState.ExitCode() == termStatus
}
