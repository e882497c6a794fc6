package process

import (
	"errors"
	"fmt"
	"net"
	"os"
	"regexp"
	"sync"
	"time"

	"dyno/systems"
)

// Defaults of [Options].
const (
	DefaultReady = 20 * time.Second
	DefaultGrace = 5 * time.Second // a server's own grace, and then some
	DefaultLimit = 128
	DefaultTasks = 512
	DefaultKeep  = 64 << 20
)

// Options says what a [Group] runs and within which bounds. System and Dir
// are required; the zero value of every other field has a default.
type Options struct {
	System  *systems.System // whose roles may be started
	Setting systems.Setting // what Setting returns to the trial

	// Dir receives a log per process, NAME.log, and the folders that the trial
	// asks for. It is created if missing.
	Dir string

	// Binary is what is executed; empty: dyno itself ([Dyno]), [Slim] and
	// [Large] for roles that do without the rest of it, and [Whole] for those that
	// need more.
	Binary string
	slim   string
	large  string
	whole  string
	stamp  string // of all four, where those are dyno's own; empty: nobody knows

	// Host is the address on which roles listen that do not say where; empty: that
	// of loopback, where only this machine reaches them.
	Host string

	// Env adds "KEY=value" entries to the environment of every process, which
	// otherwise is dyno's own.
	Env []string

	// Profile is a folder for CPU and heap profiles of every process; empty:
	// none are made. It must exist.
	Profile string

	// Logf receives one line at a time; nil: none.
	Logf func(format string, args ...any)

	// Waiting is told in one line, once, of a program that stands in for a role and
	// is not ready after a tenth of Ready; nil: Logf is.
	Waiting func(line string)

	// Ready bounds the time from the start of a role that serves to its first
	// healthy answer; 0: DefaultReady.
	Ready time.Duration

	// Grace is how long Close waits between asking (SIGTERM) and killing
	// (SIGKILL), for all processes together; 0: DefaultGrace.
	Grace time.Duration

	// Limit is how many processes may live at once; 0: DefaultLimit. In all,
	// maxStarts may be started.
	Limit int

	// Tasks is how many processes and threads the programs that stand in for roles
	// may have together; 0: DefaultTasks.
	Tasks int

	// Keep is how many bytes of the folders that Dir made are left when the group
	// is closed; 0: DefaultKeep. What is cut is listed in CutFile.
	Keep int64
}

// complete checks the options and fills in the defaults.
func (o Options) complete() (Options, error) {
	if o.System == nil {
		return o, errors.New("process group: Options.System is not set")
	}
	if o.Dir == "" {
		return o, errors.New("process group: Options.Dir is not set; the logs need a place")
	}
	if o.Ready < 0 || o.Grace < 0 || o.Limit < 0 || o.Keep < 0 || o.Tasks < 0 {
		return o, fmt.Errorf("process group: Ready %v, Grace %v, Limit %d, Tasks %d and Keep %d must not be negative", o.Ready, o.Grace, o.Limit,
			o.Tasks, o.Keep)
	}
	if err := os.MkdirAll(o.Dir, 0o755); err != nil {
		return o, fmt.Errorf("process group: directory for logs: %w", err)
	}
	if o.Binary == "" {
		exe, err := Dyno()
		if err != nil {
			return o, fmt.Errorf("process group: cannot find the running executable; set Options.Binary: %w", err)
		}
		o.Binary, o.stamp, o.whole = exe, Stamp(), Whole()
		if o.slim, o.large = Slim(), Large(); os.Getenv(TracesVar) != "" {
			o.slim, o.large = o.whole, o.whole
		}
	}
	if o.Host == "" {
		o.Host = loopback
	}
	if o.Logf == nil {
		o.Logf = func(string, ...any) {}
	}
	if o.Waiting == nil {
		o.Waiting = func(line string) { o.Logf("%s", line) }
	}
	if o.Ready == 0 {
		o.Ready = DefaultReady
	}
	if o.Grace == 0 {
		o.Grace = DefaultGrace
	}
	if o.Limit == 0 {
		o.Limit = DefaultLimit
	}
	if o.Tasks == 0 {
		o.Tasks = DefaultTasks
	}
	if o.Keep == 0 {
		o.Keep = DefaultKeep
	}
	return o, nil
}

// loopback is where roles of a bench on one machine listen.
const loopback = "127.0.0.1"

// anywhere is where a role listens that does not say where.
func (o *Options) anywhere() string { return net.JoinHostPort(o.Host, "0") }

// reachable refuses the address of a role that its clients cannot dial: where roles do
// not listen on loopback, those are on other machines.
func (o *Options) reachable(addr string) error {
	if host, _, err := net.SplitHostPort(addr); err == nil && onlyHere(host) && !onlyHere(o.Host) {
		return fmt.Errorf("it listens at %s, which no other machine can dial: leave out its --listen, or let it name %s", addr, o.Host)
	}
	return nil
}

// onlyHere says whether a host is reached from its own machine alone.
func onlyHere(host string) bool { return host == "localhost" || net.ParseIP(host).IsLoopback() }

// maxStarts bounds what a group remembers: half an hour of nine starts a second.
const maxStarts = 1 << 14

// fileName is what a process may be called: the name becomes that of its log.
var fileName = sync.OnceValue(func() *regexp.Regexp { return regexp.MustCompile(`^[A-Za-z0-9][A-Za-z0-9._-]{0,99}$`) })

// role finds the role of a launch, and refuses a launch that makes no sense.
func (o *Options) role(l systems.Launch) (systems.Role, error) {
	role, ok := o.System.Lookup(l.Role)
	if !ok {
		names := make([]string, len(o.System.Roles))
		for i, r := range o.System.Roles {
			names[i] = r.Name
		}
		return role, fmt.Errorf("role %w of %s", &systems.ChoiceError{Word: l.Role, Allowed: names}, o.System.Name)
	}
	if !fileName().MatchString(l.Name) {
		return role, fmt.Errorf("a %s cannot be called %q: use letters, digits, dots and hyphens, for its log bears that name", l.Role, l.Name)
	}
	if l.CPUs < 0 {
		return role, fmt.Errorf("%s: %d CPUs; use 0 for the default of 1", l.Name, l.CPUs)
	}
	return role, nil
}
