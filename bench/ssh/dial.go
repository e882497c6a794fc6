package ssh

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"os/exec"
	"slices"
	"strings"
	"sync"
	"syscall"
	"time"

	"google.golang.org/grpc"

	"dyno/bench/agent"
	"dyno/internal/rpc"
)

const (
	endGrace = 15 * time.Second // for the agent to end its roles, and ssh with it
	sayWait  = time.Second      // for ssh to say why a connection has ended
	maxLine  = 4 << 10
	maxSaid  = 4 << 10
)

// Machine is the host as a machine of a fleet.
func (h Host) Machine(programs []Program) *agent.Machine {
	return agent.NewMachine(h.Name, func(ctx context.Context) (*agent.Connection, error) { return h.dial(ctx, programs) })
}

// shell is a running ssh.
type shell struct {
	cmd   *exec.Cmd
	conn  net.Conn // its standard input and output
	said  tail     // its standard error
	ended chan struct{}
	err   error // how it ended
}

// start runs a command on the host.
func (h Host) start(command string) (*shell, error) {
	fds, err := syscall.Socketpair(syscall.AF_UNIX, syscall.SOCK_STREAM|syscall.SOCK_CLOEXEC, 0)
	if err != nil {
		return nil, err
	}
	theirs, ours := os.NewFile(uintptr(fds[0]), "ssh"), os.NewFile(uintptr(fds[1]), "ssh")
	defer theirs.Close()
	defer ours.Close()
	s := &shell{ended: make(chan struct{})}
	if s.conn, err = net.FileConn(ours); err != nil {
		return nil, err
	}
	s.cmd = exec.Command("ssh", append(h.args(), command)...)
	s.cmd.Stdin, s.cmd.Stdout, s.cmd.Stderr = theirs, theirs, &s.said
	s.cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true} // Ctrl-C reaches dyno, which ends it
	if err := s.cmd.Start(); err != nil {
		return nil, errors.Join(err, s.conn.Close())
	}
	go func() {
		s.err = s.cmd.Wait()
		close(s.ended)
	}()
	return s, nil
}

// why is what ssh, or the other side, says of its end; empty: it has not ended.
func (s *shell) why() string {
	select {
	case <-s.ended:
	case <-time.After(sayWait):
		return ""
	}
	how := "exit status 0"
	if s.err != nil {
		how = s.err.Error()
	}
	return strings.TrimSpace(fmt.Sprintf("ssh ended (%s) %s", how, s.said.text()))
}

// close hangs up and waits for the end, which it enforces.
func (s *shell) close() error {
	_ = s.conn.Close() // gRPC may have
	select {
	case <-s.ended:
		return nil
	case <-time.After(endGrace):
	}
	err := fmt.Errorf("ssh (pid %d) was killed: it had not ended %v after its input", s.cmd.Process.Pid, endGrace)
	_ = s.cmd.Process.Kill()
	<-s.ended
	return err
}

func (h Host) dial(ctx context.Context, programs []Program) (*agent.Connection, error) {
	s, err := h.start(h.script(programs))
	if err != nil {
		return nil, err
	}
	if err := s.supply(ctx, programs); err != nil {
		if why := s.why(); why != "" {
			err = errors.New(why)
		}
		return nil, errors.Join(err, s.close())
	}
	var once sync.Once
	conn, err := rpc.Dial("passthrough:///"+h.Name, grpc.WithContextDialer(func(context.Context, string) (conn net.Conn, err error) {
		err = errors.New("the connection through ssh has ended")
		once.Do(func() { conn, err = s.conn, nil })
		return conn, err
	}))
	if err != nil {
		return nil, errors.Join(err, s.close())
	}
	return &agent.Connection{Conn: conn, Close: s.close, Said: s.why}, nil
}

// supply sends the programs that the script asks for, until it becomes the agent.
func (s *shell) supply(ctx context.Context, programs []Program) error {
	defer context.AfterFunc(ctx, func() { _ = s.conn.SetDeadline(time.Unix(1, 0)) })()
	for {
		line, err := s.line()
		if err != nil {
			return errors.Join(err, context.Cause(ctx))
		}
		word, ours := strings.CutPrefix(line, mark)
		name, wants := strings.CutPrefix(word, "want ")
		switch {
		case ours && word == "go":
			return nil
		case ours && wants:
			i := slices.IndexFunc(programs, func(p Program) bool { return p.Name == name })
			if i < 0 {
				return fmt.Errorf("it wants a program %q, which there is not", name)
			}
			if err := s.copy(programs[i]); err != nil {
				return fmt.Errorf("copying %s: %w", name, err)
			}
		}
	}
}

func (s *shell) copy(p Program) error {
	f, err := os.Open(p.Path)
	if err != nil {
		return err
	}
	defer f.Close()
	n, err := io.Copy(s.conn, f)
	if err == nil && n != p.Size {
		err = fmt.Errorf("%s has changed meanwhile", p.Path)
	}
	return err
}

// line reads a line and no byte beyond it: what follows is gRPC's.
func (s *shell) line() (string, error) {
	var line []byte
	b := make([]byte, 1)
	for len(line) < maxLine {
		if _, err := io.ReadFull(s.conn, b); err != nil {
			return "", err
		}
		if b[0] == '\n' {
			return string(line), nil
		}
		line = append(line, b[0])
	}
	return "", fmt.Errorf("a line of more than %d bytes came before the agent's", maxLine)
}

// tail keeps the end of what is written to it.
type tail struct {
	mu  sync.Mutex
	end []byte
}

// Write never fails.
func (t *tail) Write(p []byte) (int, error) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.end = append(t.end, p...)
	t.end = t.end[max(0, len(t.end)-maxSaid):]
	return len(p), nil
}

func (t *tail) text() string {
	t.mu.Lock()
	defer t.mu.Unlock()
	return strings.TrimSpace(strings.ToValidUTF8(string(t.end), ""))
}
