package process

import (
	"context"
	"errors"
	"fmt"
	"strings"
)

// How much of a log an error quotes.
const (
	quotedLines = 10
	quotedWidth = 500 // bytes of a line
)

// Failure is a process that did not do what it was started for. It wraps the
// reason: an [os/exec.ExitError] when the process ended with a status other
// than 0, or the context's error.
type Failure struct {
	Name, Role string
	Typed      string   // what was started: "dyno branchbank branch", or the command that stood in for it
	Args       []string // its flags
	Problem    string   // what it did: "ended before it was ready"
	Err        error    // why; nil for a process that ended with status 0
	Log        []string // the last lines of its log
}

// Error names the process, the problem and its command line, and quotes the
// end of the log.
func (f *Failure) Error() string {
	var b strings.Builder
	fmt.Fprintf(&b, "%s %s %s", f.Role, f.Name, f.Problem)
	if f.Err != nil {
		fmt.Fprintf(&b, ": %v", f.Err)
	}
	fmt.Fprintf(&b, " (%s)", strings.Join(append([]string{f.Typed}, f.Args...), " "))
	if len(f.Log) == 0 {
		b.WriteString("; its log is empty")
		return b.String()
	}
	b.WriteString("; its log ends:")
	for _, line := range f.Log {
		b.WriteString("\n  | " + line)
	}
	return b.String()
}

// Unwrap returns the reason.
func (f *Failure) Unwrap() error { return f.Err }

// failure describes what went wrong with a child, log included.
func (c *child) failure(problem string, err error) *Failure {
	return &Failure{
		Name: c.launch.Name, Role: c.role.Name, Typed: c.typed(), Args: c.args,
		Problem: problem, Err: err, Log: c.log.lastLines(quotedLines, quotedWidth),
	}
}

// status is how a child ended, in words also for success.
func (c *child) status() error {
	if c.err == nil {
		return errors.New("exit status 0")
	}
	return c.err
}

// contextError is the error of an ended context together with its cause, so
// that errors.Is finds both and the reader sees why.
func contextError(ctx context.Context) error {
	err, cause := ctx.Err(), context.Cause(ctx)
	if err == cause {
		return err
	}
	return fmt.Errorf("%w: %w", err, cause)
}
