package systems

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"time"

	"dyno/internal/record"
)

// System is one distributed system on the bench.
type System struct {
	Name    string // one lower-case word, the command line's first argument
	Summary string // one line for lists

	Roles    []Role
	Commands []Command
	Knobs    Knobs
	Metrics  []record.Metric

	// Trial measures one cell: it starts the roles through the bench, drives
	// the load, checks the history and returns what it saw. An error means
	// that nothing was observed (a role did not start, the context ended); a
	// wrong answer is not an error but an invalid verdict. It must return
	// soon after the context ends.
	Trial func(context.Context, Bench, Values) (record.Observation, error)

	// Check refuses a cell that could not measure what it says, at a setting
	// whose seed is not chosen yet. It is asked before anything is started, and
	// looks at its arguments only. Nil: every cell can.
	Check func(Setting, Values) error

	// TimeConstant estimates how long the system takes to forget its initial
	// state at these knobs. The engine warms up for at least 3 and measures
	// for at least 6 of them, so that cells with long queues are not cut
	// short. Nil means that the experiment's own times always do.
	TimeConstant func(Values) time.Duration

	// Overhead estimates what a trial takes beside its warm-up and window, for
	// plans and budgets. Nil or 0: what starting a dozen processes takes.
	Overhead func(Values) time.Duration

	// Judge judges a trial again by what it left in its bundle: the folders of
	// [Bench].Dir lie there by their names. It needs no process and must come to
	// the verdict of the trial. Nil: bundles cannot be judged again.
	Judge func(bundle string) (record.Verdict, error)

	// Explain finds in the bundle of a trial that is invalid the smallest history
	// that breaks a promise, tells it in words, a sentence each, and draws it as a
	// space-time diagram (SVG). No words: it found none. Nil: only the checks'
	// own words tell what is wrong.
	Explain func(bundle string, svg io.Writer) (words []string, err error)

	// OfFigures are the names of checks that say whether figures stand for what they
	// say, and nothing of what was promised.
	OfFigures []string

	// Whole says of its commands and trials what [Role].Whole says of a role.
	Whole bool

	// Contract says what programs owe that stand in for roles, and what dyno check
	// climbs: YAML, as package ladder reads it.
	Contract string

	// Report is the text/template of the system's section in REPORT.md: prose
	// by hand, figures and numbers from stored results. Its block "findings" goes
	// on the first page, a block with an experiment's name on that one's own page.
	Report string
}

// Command is something a person can type after "dyno SYSTEM".
type Command struct {
	Name    string
	Args    string // how positional arguments are called in the usage line, for example "FILE..."; empty: none are allowed
	Summary string // one line
	Example string // one or more command lines that work, each without a prompt sign

	// Starts says that the command starts roles through [Shell.Bench]: then
	// --impl puts commands in place of those.
	Starts bool

	// Setup declares flags and returns what runs once they are parsed. It is
	// called at most once per process.
	Setup func(FlagSet) func(context.Context, Shell) error
}

// Role is a command that serves or works until it is told to stop (SIGTERM,
// or the end of its context), in a process of its own.
type Role struct {
	Command
	// Serves says that the role listens on --listen ADDR, answers the standard
	// gRPC health service there, and calls Shell.Ready with its address.
	Serves bool

	// Large says that the role needs a library larger than all roles together: a
	// program of its own links that, and dyno's whole program. Whole says that only
	// the whole one does.
	Large, Whole bool

	// TLS reads from the role's command line how to connect to it: a role under
	// mutual TLS names the folder of its certificates there, and one that it
	// accepts is among them. Nil, or a nil result: in plain text.
	TLS func(args []string) (*tls.Config, error)

	// Probe is the RPC that shows, where health is not served, that a program which
	// stands in for the role (--impl ROLE=COMMAND) is ready: any answer to an empty
	// request will do, an error too. Empty: nothing can stand in for it.
	Probe string
}

// Lookup finds a role by name.
func (s *System) Lookup(role string) (Role, bool) {
	for _, r := range s.Roles {
		if r.Name == role {
			return r, true
		}
	}
	return Role{}, false
}

// Metric finds a declared metric by name.
func (s *System) Metric(name string) (record.Metric, bool) {
	for _, m := range s.Metrics {
		if m.Name == name {
			return m, true
		}
	}
	return record.Metric{}, false
}

// UsageError is a mistake in what a person typed or wrote in a file: the
// command line answers it with one line and exit code 2.
type UsageError struct{ Err error }

func (e *UsageError) Error() string { return e.Err.Error() }

// Unwrap returns the mistake itself.
func (e *UsageError) Unwrap() error { return e.Err }

// Usagef builds a usage error.
func Usagef(format string, args ...any) error {
	return &UsageError{Err: fmt.Errorf(format, args...)}
}

// ExitError ends a command with an exit code of its own, from 3 on, after it has
// said why itself.
type ExitError struct{ Code int }

func (e *ExitError) Error() string { return fmt.Sprintf("exit code %d", e.Code) }

// IsUsage reports whether an error is the user's mistake rather than the
// system's: a UsageError, or a word that is not among those allowed.
func IsUsage(err error) bool {
	return errors.As(err, new(*UsageError)) || errors.As(err, new(*ChoiceError))
}
