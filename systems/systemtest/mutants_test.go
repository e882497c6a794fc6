package systemtest

import (
	"context"
	"errors"
	"net"
	"os/exec"
	"os/signal"
	"syscall"
	"time"

	"dyno/internal/record"
	"dyno/systems"
)

// mutant is the toy system, broken in one way, and what must be said of it.
type mutant struct {
	name  string
	check string // which must fail
	want  string // part of its error
	spoil func(*systems.System)
}

func (m mutant) system() *systems.System {
	s := toy(m.name)
	m.spoil(s)
	return s
}

var mutants = []mutant{
	declaring("Two-words", "names", `"Two-words" is not one lower-case word`, func(*systems.System) {}),
	declaring("roleless", "names", "there is no knob", func(s *systems.System) { s.Knobs = nil }),
	declaring("twice", "names", `two of command or role "say"`, func(s *systems.System) {
		s.Commands = append(s.Commands, s.Commands[0])
	}),
	declaring("capital", "names", `knob "Size"`, func(s *systems.System) { s.Knobs[0].Name = "Size" }),
	declaring("dotted", "names", `metric "answers.p99"`, func(s *systems.System) { s.Metrics[0].Name = "answers.p99" }),

	declaring("silent", "help", "the system's summary is empty", func(s *systems.System) { s.Summary = " " }),
	declaring("verbose", "help", "the summary of server has more than one line", func(s *systems.System) { s.Roles[0].Summary = "a\nb" }),
	declaring("noexample", "help", "say has no example", func(s *systems.System) { s.Commands[0].Example = "\n" }),
	declaring("prompted", "help", "begins with something else", func(s *systems.System) { s.Commands[0].Example = "$ dyno prompted say" }),
	declaring("longer", "help", "begins with something else", func(s *systems.System) { s.Commands[0].Example = "dyno longer saying" }),
	declaring("knobhelp", "help", "the help of knob size is empty", func(s *systems.System) { s.Knobs[0].Help = "" }),
	declaring("metrichelp", "help", "the help of metric answers_per_s is empty", func(s *systems.System) { s.Metrics[0].Help = "" }),

	declaring("baddefault", "knobs", "does not accept its own default", func(s *systems.System) { s.Knobs[0].Default = "3" }),
	declaring("restless", "knobs", `makes "1.50x" of its default and "1.50xx"`, func(s *systems.System) { s.Knobs[0].Type = restless{} }),
	declaring("typeless", "knobs", "knob size has no type", func(s *systems.System) { s.Knobs[0].Type = nil }),

	declaring("kindless", "metrics", `of kind "guess"`, func(s *systems.System) { s.Metrics[0].Kind = "guess" }),
	declaring("unitless", "metrics", "has no unit", func(s *systems.System) { s.Metrics[0].Unit = "" }),
	declaring("better", "metrics", `better when "bigger"`, func(s *systems.System) { s.Metrics[0].Better = "bigger" }),

	declaring("noflag", "flags", "-speed", func(s *systems.System) { s.Roles[0].Example = "dyno noflag server --speed 3" }),
	declaring("extra", "flags", `positional arguments ["now"]`, func(s *systems.System) { s.Roles[0].Example = "dyno extra server now" }),
	declaring("unquoted", "flags", "a quote ' is not closed", func(s *systems.System) { s.Commands[0].Example = "dyno unquoted say 'a" }),
	declaring("flagname", "flags", "flag --BIG of say", func(s *systems.System) { s.Commands[0].Setup = declares("BIG", "help") }),
	declaring("flaghelp", "flags", "the help of flag --big of say is empty", func(s *systems.System) { s.Commands[0].Setup = declares("big", "") }),
	declaring("nolisten", "flags", "no flag --listen", func(s *systems.System) {
		s.Roles[0].Setup, s.Roles[0].Example = declares("big", "help"), "dyno nolisten server"
	}),
	declaring("nosetup", "flags", "say has no Setup", func(s *systems.System) { s.Commands[0].Setup = nil }),
	declaring("norun", "flags", "returns nothing to run", func(s *systems.System) {
		s.Commands[0].Setup = func(systems.FlagSet) func(context.Context, systems.Shell) error { return nil }
	}),

	declaring("noreport", "report", "no section", func(s *systems.System) { s.Report = "\n" }),
	declaring("badreport", "report", `function "m" not defined`, func(s *systems.System) { s.Report = "{{m}}" }),

	serving("bare", "serves/server", "server reflection: ", func(ctx context.Context, sh systems.Shell, addr string) error {
		return serveWith(ctx, sh, addr, registerToy)
	}),
	serving("hollow", "serves/server", "no service beside gRPC's own", func(ctx context.Context, sh systems.Shell, addr string) error {
		return serveWith(ctx, sh, addr, reflectIt)
	}),
	serving("stubborn", "serves/server", "was killed", func(ctx context.Context, sh systems.Shell, addr string) error {
		return serveToy(context.WithoutCancel(ctx), sh, addr)
	}),
	serving("grumpy", "serves/server", "exit status 1", func(ctx context.Context, sh systems.Shell, addr string) error {
		return errors.Join(serveToy(ctx, sh, addr), errors.New("leave me alone"))
	}),
	serving("fragile", "serves/server", "by ending with status 0", func(ctx context.Context, sh systems.Shell, addr string) error {
		signal.Reset(syscall.SIGTERM)
		return serveToy(ctx, sh, addr)
	}),
	serving("secretive", "serves/server", "was not ready within", func(ctx context.Context, sh systems.Shell, addr string) error {
		sh.Ready = func(string) {}
		return serveToy(ctx, sh, addr)
	}),
	serving("parent", "serves/server", "was left behind: sleep 60", func(ctx context.Context, sh systems.Shell, addr string) error {
		return errors.Join(exec.Command("sleep", "60").Start(), serveToy(ctx, sh, addr))
	}),

	serving("wandering", "restarts/server", "and after a kill comes back at", func(ctx context.Context, sh systems.Shell, _ string) error {
		return serveToy(ctx, sh, "127.0.0.1:0")
	}),
	serving("mortal", "restarts/server", "does not come back after a kill", func(ctx context.Context, sh systems.Shell, addr string) error {
		if addr != "127.0.0.1:0" {
			return errors.New("I have lived")
		}
		return serveToy(ctx, sh, addr)
	}),
	judging("fickle", "another verdict", record.Judge(record.Fail("answered", 1, "on second thoughts"))),
	judging("forgetful", "judged by 1 checks, and again by 0", record.Judge()),
	{"speechless", "trial", "cannot be judged again: what trial?", func(s *systems.System) {
		s.Judge = func(string) (record.Verdict, error) { return record.Verdict{}, errors.New("what trial?") }
	}},

	serving("misleading", "busy-port/server", "should end server with status 1: server tested-server ended before it was ready: exit status 2", func(ctx context.Context, sh systems.Shell, addr string) error {
		return systems.Usagef("%w", serveToy(ctx, sh, addr))
	}),
	serving("vague", "busy-port/server", "does not name the busy port", func(ctx context.Context, sh systems.Shell, addr string) error {
		if serveToy(ctx, sh, addr) != nil {
			return errors.New("cannot listen")
		}
		return nil
	}),
	serving("evasive", "busy-port/server", "says it listens on", func(ctx context.Context, sh systems.Shell, addr string) error {
		if _, err := net.Listen("tcp", addr); err != nil {
			addr = "127.0.0.1:0"
		}
		return serveToy(ctx, sh, addr)
	}),

	observing("failing", "no luck", func(*record.Observation) error { return errors.New("no luck") }),
	observing("undeclared", "scalar surprise is not among", func(o *record.Observation) error { o.Set("surprise", 1); return nil }),
	observing("refuted", "the verdict is invalid: sum is invalid: 1 is missing", func(o *record.Observation) error {
		o.Verdict = record.Judge(record.Fail("sum", 1, "1 is missing"))
		return nil
	}),
	observing("doubtful", "the verdict is unknown", func(o *record.Observation) error { o.Verdict = record.Judge(); return nil }),
	observing("unsuccessful", "no operation succeeded", func(o *record.Observation) error {
		o.Counts = record.Counts{Offered: 3, Sent: 3, Failed: 3}
		return nil
	}),
	observing("unobserved", "holds no figure", func(o *record.Observation) error { o.Scalars = nil; return nil }),
	observing("careless", "was left behind: sleep 61", func(*record.Observation) error { return exec.Command("sleep", "61").Start() }),

	cancelling("content", "returned no error", func(ctx context.Context, b systems.Bench) error {
		<-ctx.Done()
		return nil
	}),
	cancelling("deaf", "did not return within", func(context.Context, systems.Bench) error {
		time.Sleep(20 * time.Second) // beyond the bound that this package's test sets
		return nil
	}),
	{"hasty", "cancelled-trial", "over before it could be cancelled", func(s *systems.System) {
		s.Trial = func(context.Context, systems.Bench, systems.Values) (o record.Observation, err error) { return o, nil }
	}},
	cancelling("clumsy", "failed before it was cancelled: oops", func(context.Context, systems.Bench) error { return errors.New("oops") }),
}

// hurried are bounds for what is known to fail by them.
var hurried = map[string]bounds{
	"secretive": {ready: 300 * time.Millisecond},
	"stubborn":  {stop: 100 * time.Millisecond},
	"deaf":      {cancel: 100 * time.Millisecond},
	"parent":    {gone: 100 * time.Millisecond},
	"careless":  {gone: 100 * time.Millisecond},
}

func declaring(name, check, want string, spoil func(*systems.System)) mutant {
	return mutant{name, check, want, spoil}
}

// serving is a mutant whose server serves in another way.
func serving(name, check, want string, serve func(context.Context, systems.Shell, string) error) mutant {
	return mutant{name, check, want, func(s *systems.System) { s.Roles[0].Setup = setupServer(serve) }}
}

// observing is a mutant whose trial makes something else of what it saw.
func observing(name, want string, change func(*record.Observation) error) mutant {
	return mutant{name, "trial", want, func(s *systems.System) {
		s.Trial = func(ctx context.Context, b systems.Bench, v systems.Values) (record.Observation, error) {
			o, err := trial(ctx, b, v)
			return o, errors.Join(err, change(&o))
		}
	}}
}

// judging is a mutant that comes to another verdict when it judges again.
func judging(name, want string, again record.Verdict) mutant {
	return mutant{name, "trial", want, func(s *systems.System) {
		s.Judge = func(string) (record.Verdict, error) { return again, nil }
	}}
}

// cancelling is a mutant whose trial starts a server and does something else
// than to measure until it is cancelled.
func cancelling(name, want string, then func(context.Context, systems.Bench) error) mutant {
	return mutant{name, "cancelled-trial", want, func(s *systems.System) {
		s.Trial = func(ctx context.Context, b systems.Bench, _ systems.Values) (o record.Observation, err error) {
			if _, err := b.Start(ctx, systems.Launch{Role: "server", Name: "s1"}); err != nil {
				return o, err
			}
			return o, then(ctx, b)
		}
	}}
}

// restless is a type whose canonical form changes whenever it is read.
type restless struct{}

func (restless) Parse(text string) (string, error) { return text + "x", nil }
func (restless) Allowed() string                   { return "anything" }

func declares(flag, help string) func(systems.FlagSet) func(context.Context, systems.Shell) error {
	return func(fs systems.FlagSet) func(context.Context, systems.Shell) error {
		fs.Bool(flag, false, help)
		return func(context.Context, systems.Shell) error { return nil }
	}
}
