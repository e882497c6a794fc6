package process

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"sync"
	"syscall"
	"time"

	"dyno/internal/record"
	"dyno/systems"
)

// Bounds on waiting for the kernel.
const (
	reapBound  = 10 * time.Second // from SIGKILL to the end of the process
	drainBound = 2 * time.Second  // from the end of the process to that of its output, which its own children may hold open
)

// phase says what the end of a process would mean.
type phase int

const (
	starting phase = iota // Start reports it
	running               // nobody asked: the trial is over
	asked                 // all is well
)

// child is one life of a [systems.Process].
type child struct {
	group    *Group
	member   *member
	role     systems.Role
	launch   systems.Launch
	args     []string // flags
	cmd      *exec.Cmd
	lifeline *os.File // never written to; when it closes, the process exits
	log      *logFile
	out      *output
	ended    chan struct{} // closed once it is reaped

	first     bool     // nobody of that name has lived before
	mark      string   // by which all that it starts is found; empty: it is a role of ours
	testimony *os.File // what it says of its calls at its end
	watched   *watched

	mu    sync.Mutex
	phase phase
	over  bool
	err   error // how it ended; nil: status 0
	quota *Dir  // its control group; nil: none

	calls    *record.CallEvidence // what it counted; nil: it said nothing
	groupCPU float64              // seconds, by its control group; 0: that does not count
}

func (c *child) Name() string { return c.launch.Name }

func (c *child) PID() int { return c.cmd.Process.Pid }

func (c *child) info() Info {
	c.mu.Lock()
	defer c.mu.Unlock()
	i := Info{Name: c.launch.Name, Role: c.role.Name, PID: c.PID()}
	if c.over { // only now is the state of the process ours to read
		i.Exit = &Exit{Code: c.cmd.ProcessState.ExitCode()}
		if s := c.cmd.ProcessState; s != nil {
			i.Exit.User, i.Exit.System = s.UserTime(), s.SystemTime()
		}
	}
	return i
}

// reap waits for the process and says what its end means. It is the only
// caller of Wait, one goroutine per process.
func (c *child) reap() {
	if c.mark != "" { // first what it has left behind, which holds its streams open
		awaitZombie(c.PID())
		if err := c.group.cage.vacate(c.mark, false); err != nil {
			c.group.Logf("%s: %v", c.Name(), err)
		}
	}
	err := c.cmd.Wait()
	c.group.witness.ended(c.watched, charged(c.cmd.ProcessState))
	c.attest()
	_ = c.lifeline.Close()
	if logErr := c.log.Close(); logErr != nil {
		c.group.Logf("%s: the log is incomplete: %v", c.Name(), logErr)
	}
	c.mu.Lock()
	c.over, c.err = true, err
	unasked, quota := c.unasked(), c.quota
	c.mu.Unlock()
	c.group.leave()
	if unasked == nil {
		c.member.holdAddr()
	}
	if quota != nil {
		if err := quota.Release(); err != nil {
			c.group.Logf("%s: its control group stays until the next run: %v", c.Name(), err)
		}
	}
	if unasked != nil {
		c.group.cancel(unasked) // before anyone who waits for the end looks at the context
	}
	close(c.ended)
}

// charged is the CPU time for which the kernel charged an ended process.
func charged(s *os.ProcessState) time.Duration {
	if s == nil { // the wait itself failed
		return 0
	}
	return s.UserTime() + s.SystemTime()
}

// attest keeps what an ended process said of its calls, and what its control
// group says of its CPU time. Its own children may hold the pipe open.
func (c *child) attest() {
	_ = c.testimony.SetReadDeadline(time.Now().Add(drainBound))
	calls, err := hear(c.testimony)
	if err != nil {
		c.group.Logf("%s: %v", c.Name(), err)
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	c.calls = calls
	if c.quota != nil {
		c.groupCPU = groupCPU(c.quota.Path)
	}
}

// unasked is the failure of a process that ended on its own, nil if it did
// not. The caller holds the lock.
func (c *child) unasked() error {
	if !c.over || c.phase != running || c.launch.Expendable || (c.err == nil && !c.role.Serves) {
		return nil
	}
	return c.failure("ended though nobody asked it to", c.status())
}

// ask says that the end of the process is wanted from now on. When it has
// ended already, done is true and err says whether that was in order.
func (c *child) ask() (done bool, err error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.over {
		return true, c.unasked()
	}
	c.phase = asked
	return false, nil
}

func (c *child) signal(s syscall.Signal) error {
	if err := c.strike(s); err != nil {
		return fmt.Errorf("%s %s: cannot send %v: %w", c.role.Name, c.Name(), s, err)
	}
	return nil
}

// Kill ends the process, which is gone when it returns.
func (c *child) Kill() error {
	if done, err := c.ask(); done {
		return err
	}
	if err := c.kill(); err != nil {
		return err
	}
	if !c.endedBy(syscall.SIGKILL) && (c.err != nil || c.role.Serves) {
		return c.failure("had ended by itself when it was to be killed", c.status())
	}
	return nil
}

// kill ends the process and waits until it is reaped.
func (c *child) kill() error {
	if err := c.signal(syscall.SIGKILL); err != nil && !errors.Is(err, os.ErrProcessDone) {
		return err
	}
	select {
	case <-c.ended:
		return nil
	case <-time.After(reapBound):
		return c.failure(fmt.Sprintf("(pid %d) is not gone %v after SIGKILL", c.PID(), reapBound), nil)
	}
}

// endedBy reports whether a signal ended the process, which has been reaped.
func (c *child) endedBy(s syscall.Signal) bool {
	if c.cmd.ProcessState == nil { // the wait itself failed
		return false
	}
	status, ok := c.cmd.ProcessState.Sys().(syscall.WaitStatus)
	return ok && status.Signaled() && status.Signal() == s
}

// Stop asks the process to finish. One that answers SIGTERM with an
// exit status other than 0 is an error; one that is ended by the signal itself
// is not.
func (c *child) Stop(ctx context.Context) error {
	if done, err := c.terminate(); done || err != nil {
		return err
	}
	if grace := c.group.opts.Grace; c.mark != "" { // a role of ours sees to it itself
		var cancel context.CancelFunc
		ctx, cancel = context.WithTimeoutCause(ctx, grace, fmt.Errorf("it ignored SIGTERM for %v", grace))
		defer cancel()
	}
	return c.awaitStop(ctx)
}

// terminate asks the process to finish; done says that it had ended before. A
// process that is stopped would not get the message: it is continued first.
func (c *child) terminate() (done bool, err error) {
	if done, err := c.ask(); done {
		return true, err
	}
	for _, s := range []syscall.Signal{syscall.SIGCONT, syscall.SIGTERM} {
		if err := c.signal(s); err != nil && !errors.Is(err, os.ErrProcessDone) {
			return false, err
		}
	}
	return false, nil
}

// awaitStop waits for the end that terminate asked for, and kills when the
// context ends first.
func (c *child) awaitStop(ctx context.Context) error {
	if ctxErr := c.awaitEnd(ctx); ctxErr != nil {
		if err := c.kill(); err != nil {
			return err
		}
		return c.failure("was killed", ctxErr)
	}
	if c.err != nil && !c.launch.Expendable && !c.obeyed() {
		return c.failure("did not end well when asked to", c.err)
	}
	return nil
}

// awaitEnd waits until the process is reaped. When the context ends first, it
// returns its error.
func (c *child) awaitEnd(ctx context.Context) error {
	select {
	case <-c.ended:
		return nil
	case <-ctx.Done():
	}
	c.mu.Lock()
	over := c.over
	c.mu.Unlock()
	if !over {
		return contextError(ctx)
	}
	// Both: the process was in time. Perhaps it is the very reason why the
	// context has ended, and its own words say more.
	<-c.ended
	return nil
}

// Wait waits for the end of the process and returns its output.
func (c *child) Wait(ctx context.Context) ([]byte, error) {
	if err := c.awaitEnd(ctx); err != nil {
		return nil, fmt.Errorf("waiting for %s %s: %w", c.role.Name, c.Name(), err)
	}
	out := c.out.buf.Bytes()
	if c.err != nil {
		return out, c.failure("failed", c.err)
	}
	if c.out.cut > 0 {
		return out, c.failure(fmt.Sprintf("wrote %d bytes to standard output, of which the first %d are kept",
			int64(len(out))+c.out.cut, len(out)), nil)
	}
	return out, nil
}
