package process

import (
	"context"
	"fmt"
	"io"
	"os"
	"sync"
	"syscall"

	"dyno/systems"
)

// member is a [systems.Process]: one name, and one child after another.
type member struct {
	group  *Group
	role   systems.Role
	launch systems.Launch
	log    *logFile // of all lives

	turn sync.Mutex // one restart at a time

	mu    sync.Mutex
	now   *child
	addr  string    // where it listens; stays when a life ends
	held  io.Closer // keeps the address from others between two lives
	cores float64   // its limit; 0: none
}

// start begins a life, which the group has admitted.
func (m *member) start(ctx context.Context) error {
	err := m.assign()
	var c *child
	var announced *os.File
	if err == nil {
		c, announced, err = m.group.spawn(m)
	}
	if err != nil {
		m.group.leave()
		m.release()
		return fmt.Errorf("%s %s could not be started: %w", m.role.Name, m.Name(), err)
	}
	defer announced.Close() // nil or not
	if m.role.Serves {
		if err := c.awaitReady(ctx, announced); err != nil {
			return err
		}
	}
	m.release()
	return nil
}

// Restart implements [systems.Process].
func (m *member) Restart(ctx context.Context) error {
	m.turn.Lock()
	defer m.turn.Unlock()
	old := m.latest()
	select {
	case <-old.ended:
	default:
		return fmt.Errorf("%s %s still runs: kill or stop it before it is started again", m.role.Name, m.Name())
	}
	if _, err := old.ask(); err != nil {
		return err // it had ended by itself
	}
	if err := m.group.admit(ctx, ""); err != nil {
		return fmt.Errorf("%s %s was not started again: %w", m.role.Name, m.Name(), err)
	}
	defer m.group.starting.Done()
	if err := m.start(ctx); err != nil {
		return err
	}
	m.mu.Lock()
	cores := m.cores
	m.mu.Unlock()
	if cores > 0 {
		return m.latest().Limit(cores)
	}
	return nil
}

// become makes a new child the member's life.
func (m *member) become(c *child) {
	m.group.mu.Lock()
	if m.latest() == nil {
		m.group.members = append(m.group.members, m)
	}
	m.group.children = append(m.group.children, c)
	m.group.mu.Unlock()
	m.mu.Lock()
	m.now = c
	m.mu.Unlock()
}

func (m *member) latest() *child {
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.now
}

// openLog opens the log, or goes on with that of the life before.
func (m *member) openLog(path string) (log *logFile, err error) {
	if m.log == nil {
		m.log, err = newLogFile(path, logHead, logTail)
		return m.log, err
	}
	if err := m.log.reopen(); err != nil {
		return nil, err
	}
	fmt.Fprintf(m.log, "--- %s is started again ---\n", m.Name())
	return m.log, nil
}

// settle notes where the member listens.
func (m *member) settle(addr string) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.addr = addr
}

// holdAddr keeps the address for the next life. Otherwise a client that tries
// again and again to connect would in the end be given that very port for its
// own side.
func (m *member) holdAddr() {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.addr == "" || m.held != nil {
		return
	}
	if m.group.reserved.Add(1) > int64(m.group.opts.Limit) { // of those that never come back
		m.group.reserved.Add(-1)
		return
	}
	if m.held, _, _ = reserve(m.addr); m.held == nil {
		m.group.reserved.Add(-1)
	}
}

// release gives the address back.
func (m *member) release() {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.held != nil {
		_ = m.held.Close()
		m.held = nil
		m.group.reserved.Add(-1)
	}
}

// Name implements [systems.Process].
func (m *member) Name() string { return m.launch.Name }

// PID implements [systems.Process].
func (m *member) PID() int { return m.latest().PID() }

// Addr implements [systems.Process].
func (m *member) Addr() string {
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.addr
}

// Kill implements [systems.Process]. The process is gone when it returns.
func (m *member) Kill() error { return m.latest().Kill() }

// Pause implements [systems.Process].
func (m *member) Pause() error { return m.latest().signal(syscall.SIGSTOP) }

// Resume implements [systems.Process].
func (m *member) Resume() error { return m.latest().signal(syscall.SIGCONT) }

// Stop implements [systems.Process].
func (m *member) Stop(ctx context.Context) error { return m.latest().Stop(ctx) }

// Wait implements [systems.Process].
func (m *member) Wait(ctx context.Context) ([]byte, error) { return m.latest().Wait(ctx) }

// Limit implements [systems.Limiter]. It holds for later lives too.
func (m *member) Limit(cores float64) error {
	if err := m.latest().Limit(cores); err != nil {
		return err
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	m.cores = cores
	return nil
}
