package systems

import (
	"context"
	"crypto/tls"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"sync"
	"time"

	"dyno/internal/record"
)

// FlagSet is where a command declares its flags.
type FlagSet = *flag.FlagSet

// Shell is what a running command has: its arguments, its streams, and the
// means to start processes.
type Shell struct {
	Args     []string  // positional arguments
	In       io.Reader // what is typed, or comes through a pipe
	Out      io.Writer // results
	Err      io.Writer // progress and logs
	Terminal bool      // Err is a terminal that may be redrawn with ANSI codes

	// Ready tells the parent process, if there is one, where this role
	// listens. A role calls it once, when it can answer.
	Ready func(addr string)

	// Bench opens a bench of fresh processes for a command such as demo. The
	// returned context ends when a process dies that nobody stopped; close
	// ends them all and waits.
	Bench func(context.Context, Setting) (ctx context.Context, b Bench, close func() error, err error)
}

// Setting is what the caller of a trial decides.
type Setting struct {
	Seed   uint64
	Load   record.Load
	Warmup time.Duration
	Length time.Duration
	Impl   Impl // commands that stand in for roles; nil: none
}

// Bench is what the engine gives to one trial.
type Bench interface {
	// Setting returns the seed that all random choices of the trial come
	// from, the load model, and how long to warm up and to measure.
	Setting() Setting

	// Start runs a role of the trial's system in a fresh process. If the role
	// serves, it returns once a real health RPC has been answered. The
	// process ends with the trial at the latest, whatever happens to dyno.
	Start(context.Context, Launch) (Process, error)

	// Dir is a folder of that name, made empty when it is first asked for, that
	// lives as long as the trial: what a role keeps on disk outlives the process. It
	// becomes part of what a trial that is not valid leaves behind, its bundle,
	// cut to a bounded size, beside the logs; what [System].Judge needs to judge
	// a bundle again is written there.
	Dir(name string) (string, error)

	// Address finds an address for a process that is started later and told to listen
	// there; until then the kernel gives it to nobody else.
	Address(ctx context.Context, role, name string) (string, error)

	// Logf says in one line what the trial is doing.
	Logf(format string, args ...any)
}

// Launch says which role to start and how.
type Launch struct {
	Role string
	Name string   // unique within the trial; names its log
	Args []string // flags of the role; --listen is added for roles that serve, unless given
	CPUs int      // GOMAXPROCS; 0 means 1

	// Whole says that this process needs what [Role].Whole says of a role.
	Whole bool

	// TLS is how the bench asks a role that serves whether it is well: with a
	// certificate that the role accepts. Nil: as [Role].TLS says.
	TLS *tls.Config

	// Expendable says that the process may end whenever and however it likes:
	// whoever started it looks after it. The end of any other process that
	// nobody asked to ends the trial.
	Expendable bool

	// Spawns says that the process starts others and waits for them: its CPU
	// clock does not show their time, what it is charged for at its end does.
	Spawns bool
}

// ErrNoQuota says that processor time cannot be limited here, and why.
var ErrNoQuota = errors.New("quota unavailable")

// AbsentError is the error of a trial whose cell needs software that this machine
// does not have. Such a trial is not a failure: it says what is missing, in one
// line, and the rest of the run goes on.
type AbsentError struct {
	What string // what is missing: "PostgreSQL 15"
	Get  string // how to get it: "apt-get install postgresql"
}

func (e *AbsentError) Error() string { return e.What + " is not installed: " + e.Get }

// Limiter is a [Process] whose processor time can be limited.
type Limiter interface {
	// Limit allows the process a number of cores (0.2 is a fifth of one) from
	// now on, whatever it uses while it starts. It returns ErrNoQuota where the
	// system does not permit that.
	Limit(cores float64) error
}

// Filler is a [Process] whose disk can be full: until it is told otherwise, each
// of its writes to a file is an error and changes nothing. Not every operating
// system can.
type Filler interface {
	FullDisk(full bool) error
}

// Process is a role under a name: one process, or one after another.
type Process interface {
	Name() string
	PID() int     // of the latest
	Addr() string // where a role that serves listens

	Kill() error   // SIGKILL: no warning, no clean-up
	Pause() error  // SIGSTOP
	Resume() error // SIGCONT

	// Stop asks the role to finish (SIGTERM) and waits; when the context ends
	// first, it is killed and the context's error returned.
	Stop(context.Context) error

	// Restart starts the role again after it was killed or stopped: the same
	// name, command line, address and limit, the log continued. It returns when
	// the role is ready, as Start does. That it still runs is an error.
	Restart(context.Context) error

	// Wait waits for a role that ends by itself and returns what it wrote to
	// standard output, up to 64 MiB. An exit status other than 0 is an error
	// that quotes the end of its log.
	Wait(context.Context) ([]byte, error)
}

// StopAll stops processes, all at once, and waits for their ends.
func StopAll(ctx context.Context, all ...Process) error {
	errs := make([]error, len(all))
	var stopping sync.WaitGroup
	for i, p := range all {
		stopping.Go(func() { errs[i] = p.Stop(ctx) })
	}
	stopping.Wait()
	return errors.Join(errs...)
}

// OneMachine refuses a bench whose roles are on other machines than the trial, which
// does what roles cannot be reached for there.
func OneMachine(b Bench, does string) error {
	if _, ok := b.(Publisher); ok {
		return Usagef("this trial %s, and so runs on the runner's machine only: leave out --hosts", does)
	}
	return nil
}

// Publisher is a [Bench] with roles on other machines, which see of the trial's
// folders what was there when they started.
type Publisher interface {
	Publish(ctx context.Context, paths ...string) error
	Fetch(ctx context.Context, paths ...string) error // the other way

	// Ahead is how far the clock of a process's machine is ahead of the trial's, and by
	// how much that may be wrong.
	Ahead(name string) (ahead, uncertain time.Duration)
}

// Ahead is how far the clock of a process is ahead of the trial's, and by how much that
// may be wrong: on one machine not at all.
func Ahead(b Bench, name string) (ahead, uncertain time.Duration) {
	if p, ok := b.(Publisher); ok {
		return p.Ahead(name)
	}
	return 0, 0
}

// Publish lets roles that run see what a trial has written below paths of its
// folders meanwhile.
func Publish(ctx context.Context, b Bench, paths ...string) error {
	if p, ok := b.(Publisher); ok {
		return p.Publish(ctx, paths...)
	}
	return nil
}

// Fetch lets a trial see what roles that run have written below paths of its folders
// so far.
func Fetch(ctx context.Context, b Bench, paths ...string) error {
	if p, ok := b.(Publisher); ok {
		return p.Fetch(ctx, paths...)
	}
	return nil
}

// Where the history of a trial lies in its bundle.
const (
	historyDir  = "history"
	historyFile = "history.json"
)

// KeepHistory leaves what a trial's verdict rests on in its bundle, for
// [System].Judge.
func KeepHistory(b Bench, history any) error {
	dir, err := b.Dir(historyDir)
	if err != nil {
		return err
	}
	text, err := json.Marshal(history)
	if err != nil {
		return fmt.Errorf("the history cannot be kept: %w", err)
	}
	return os.WriteFile(filepath.Join(dir, historyFile), append(text, '\n'), 0o644)
}

// ReadHistory reads what [KeepHistory] left in a bundle.
func ReadHistory(bundle string, history any) error {
	path := filepath.Join(bundle, historyDir, historyFile)
	text, err := os.ReadFile(path)
	if errors.Is(err, fs.ErrNotExist) {
		return fmt.Errorf("the trial left no history: it ended before there was one: %w", err)
	}
	if err != nil {
		return err
	}
	if err := json.Unmarshal(text, history); err != nil {
		return fmt.Errorf("the history at %s cannot be read; it may have been cut: %w", path, err)
	}
	return nil
}
