package process

import (
	"cmp"
	"errors"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"slices"
	"strconv"

	"dyno/systems"
)

// spawn starts a process and registers it. For a role that serves it returns
// the pipe from which its address will be read.
func (g *Group) spawn(m *member) (*child, *os.File, error) {
	role, l := m.role, m.launch
	c := &child{
		group: g, member: m, role: role, launch: l, args: flags(role, l, m.Addr(), g.opts.anywhere()),
		out: &output{limit: maxOutput}, ended: make(chan struct{}), first: m.latest() == nil,
	}
	if g.opts.stamp != "" && !m.stands() {
		if err := g.opts.there(role, l); err != nil {
			return nil, nil, err
		}
	}
	p, err := openPipes(role.Serves && !m.stands())
	if err != nil {
		return nil, nil, err
	}
	if c.log, err = m.openLog(filepath.Join(g.opts.Dir, l.Name+".log")); err != nil {
		p.close()
		return nil, nil, err
	}
	c.lifeline, c.testimony = p.lifeline, p.testified
	if m.stands() {
		if c.mark, err = g.enter(); err != nil {
			p.close()
			return nil, nil, errors.Join(err, c.log.Close())
		}
	}
	c.cmd = g.command(c, p)
	if !role.Serves {
		c.phase = running // there is nothing to wait for
	}
	started := now()
	if err := g.spawner.start(c.cmd); err != nil {
		p.close()
		_ = c.log.Close()
		return nil, nil, err
	}
	if c.mark != "" {
		if err := confine(c.PID(), g.opts.Tasks); err != nil {
			g.Logf("%s: its files are not limited: %v", l.Name, err)
		}
	}
	c.watched = g.witness.watch(c.PID(), started)
	p.closeChildEnds()
	m.become(c)
	go c.reap()
	return c, p.announced, nil
}

// flags are those of a role in a launch. The address is that of an earlier life,
// or one that was chosen for it; else it listens where the launch says, or
// anywhere.
func flags(role systems.Role, l systems.Launch, addr, anywhere string) []string {
	if !role.Serves {
		return l.Args
	}
	others, given := listenArgs(l.Args)
	if given == net.JoinHostPort(loopback, "0") {
		given = "" // which is what everybody says
	}
	return append([]string{"--listen", cmp.Or(addr, given, anywhere)}, others...)
}

func (g *Group) command(c *child, p *pipes) *exec.Cmd {
	path, before := g.program(c.role, c.launch)
	cmd := exec.Command(path, slices.Concat(before, c.args)...)
	cmd.Env = slices.Concat(os.Environ(), g.opts.Env, []string{
		"GOMAXPROCS=" + strconv.Itoa(max(1, c.launch.CPUs)),
		lifelineVar + "=0", // its standard input
	})
	if g.opts.Profile != "" {
		cmd.Env = append(cmd.Env, profileEnv(g.opts.Profile, c.Name()))
	}
	cmd.Stdin, cmd.Stdout, cmd.Stderr = p.hold, c.out, c.log
	if c.mark != "" {
		cmd.Env = append(cmd.Env, cageVar+"="+c.mark)
	}
	if c.member.stands() {
		cmd.Stdout = c.log // where people look for what their program printed
	} else { // of such a program nothing is believed but what it answers
		cmd.ExtraFiles = []*os.File{p.testify}
		cmd.Env = append(cmd.Env, testifyVar+"=3") // the first after the standard streams
	}
	if p.announce != nil {
		cmd.ExtraFiles = append(cmd.ExtraFiles, p.announce)
		cmd.Env = append(cmd.Env, announceVar+"=4")
	}
	cmd.WaitDelay = drainBound
	cmd.SysProcAttr = attributes()
	return cmd
}

// pipes connect one process with its group. Each process has its own: what
// one does to its end, such as making it non-blocking, would otherwise happen
// to all.
type pipes struct {
	hold, lifeline      *os.File // the child reads one end, dyno keeps the other
	testified, testify  *os.File // dyno reads one end, the child writes the other
	announced, announce *os.File // the same; nil for a role that does not serve
}

func openPipes(serves bool) (*pipes, error) {
	var p pipes
	var err error
	if p.hold, p.lifeline, err = os.Pipe(); err != nil {
		return nil, fmt.Errorf("lifeline: %w", err)
	}
	if p.testified, p.testify, err = os.Pipe(); err != nil {
		p.close()
		return nil, fmt.Errorf("testimony: %w", err)
	}
	if !serves {
		return &p, nil
	}
	if p.announced, p.announce, err = os.Pipe(); err != nil {
		p.close()
		return nil, fmt.Errorf("announcement: %w", err)
	}
	return &p, nil
}

// closeChildEnds closes what the started process has copies of. The methods of
// a nil file do nothing but say so.
func (p *pipes) closeChildEnds() {
	_ = p.hold.Close()
	_ = p.testify.Close()
	_ = p.announce.Close()
}

func (p *pipes) close() {
	p.closeChildEnds()
	_ = p.lifeline.Close()
	_ = p.testified.Close()
	_ = p.announced.Close()
}

// spawner starts processes from one thread that lives as long as it does. The
// kernel ties PR_SET_PDEATHSIG to the thread that forked, not to the process:
// started from any goroutine, a child would be killed when the runtime happens
// to retire the thread below.
type spawner struct {
	requests chan func()
	done     chan struct{}
}

func newSpawner() *spawner {
	s := &spawner{requests: make(chan func()), done: make(chan struct{})}
	go func() {
		defer close(s.done)
		runtime.LockOSThread()
		defer runtime.UnlockOSThread()
		for f := range s.requests {
			f()
		}
	}()
	return s
}

// start is cmd.Start on the spawner's thread.
func (s *spawner) start(cmd *exec.Cmd) error {
	result := make(chan error, 1)
	s.requests <- func() { result <- cmd.Start() }
	return <-result
}

// close releases the thread. No start may follow or be under way.
func (s *spawner) close() {
	close(s.requests)
	<-s.done
}
