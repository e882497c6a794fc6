package cli

import (
	"context"
	"errors"
	"io"
	"runtime/debug"
	"strconv"
	"strings"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"dyno/bench/fleet"
	"dyno/bench/yardstick"
	"dyno/experiments"
	"dyno/internal/figure"
	"dyno/internal/record"
	"dyno/internal/role"
	"dyno/systems"
	"dyno/systems/all"
)

// errFailed ends a command with exit code 1 after it has said why itself.
var errFailed = errors.New("failed")

// app is one run of the command line.
type app struct {
	args    []string
	in      io.Reader
	out     io.Writer
	err     io.Writer
	catalog experiments.Catalog
	systems []*systems.System
	pods    *fleet.Fleet // of the run whose runner this process is; nil: it is none
}

// Main runs one command line and returns the exit code. In a process that dyno
// started, it ends when that dyno does.
func Main(ctx context.Context, args []string, in io.Reader, out, errOut io.Writer) int {
	// The first collection would come as the first process starts: it finds nothing.
	debug.SetGCPercent(200)
	ctx, stop := role.Adopt(ctx)
	defer stop()
	a := &app{args: args, in: in, out: out, err: errOut, systems: all.Systems}
	a.catalog = experiments.Catalog{Systems: a.systems, FigureKinds: figureKinds()}
	root := a.root()
	root.SetArgs(args)
	err := root.ExecuteContext(ctx)
	return a.exit(ctx, err)
}

// figureKinds says what each kind of figure shows.
func figureKinds() map[string]record.Kind {
	kinds := make(map[string]record.Kind)
	for _, k := range figure.Kinds {
		kinds[k.Name] = k.Of
	}
	return kinds
}

// exit prints an error in one line and chooses the code.
func (a *app) exit(ctx context.Context, err error) int {
	if errors.Is(err, errFailed) && !errors.As(err, new(*systems.ExitError)) {
		return role.Failed
	}
	return role.Exit(ctx, a.err, err)
}

func (a *app) root() *cobra.Command {
	root := &cobra.Command{
		Use:   "dyno",
		Short: "A dynamometer for distributed systems: no figure without a proof",
		Long: `dyno puts small, real gRPC systems on a bench, drives them with load, checks
every answer, measures what they cost, and writes the report.

Exit codes: 0 done; 1 something measured is not as it must be, or the machine
refused; 2 a mistake in the command or in a file; 130 interrupted.`,
		Example: `  dyno run --scale quick            about a minute; writes out/quick/REPORT.md
  dyno lookaside demo --policy least_load --servers 4 --duration 5s
  dyno list`,
		SilenceErrors: true,
		SilenceUsage:  true,
	}
	root.SetIn(a.in)
	root.SetOut(a.out)
	root.SetErr(a.err)
	root.SetFlagErrorFunc(flagError)
	logging(root)
	root.AddCommand(a.list(), a.init(), a.run(), a.replay(), a.check(), a.contract(), a.report(), a.compare(), a.export())
	root.AddCommand(a.doctor(), a.schema(), a.version())
	for _, s := range a.systems {
		root.AddCommand(a.system(s))
	}
	root.AddCommand(a.kit(), a.confine(), a.agent(), a.deploy(), a.results())
	bare := a.system(yardstick.System)
	bare.Hidden = true // the bench's own: run measures it before every block
	root.AddCommand(bare)
	needsCommand(root)
	a.complete(root)
	helps(root)
	for _, parent := range root.Commands() {
		for _, c := range parent.Commands() {
			if c.Example != "" && c.IsAvailableCommand() {
				first, _, _ := strings.Cut(c.Example, "\n")
				parent.Example = strings.TrimPrefix(parent.Example+"\n"+first, "\n")
			}
		}
	}
	return root
}

// needsCommand makes a bare parent print its help, and a wrong word below it a
// usage error that names the nearest command.
func needsCommand(c *cobra.Command) {
	c.Args = cobra.ArbitraryArgs
	c.RunE = func(c *cobra.Command, args []string) error {
		if len(args) == 0 {
			return c.Help()
		}
		var names []string
		for _, sub := range c.Commands() {
			if sub.IsAvailableCommand() {
				names = append(names, sub.Name())
			}
		}
		where := "" // who reports the error names the program
		if c.HasParent() {
			where = c.CommandPath() + ": "
		}
		return systems.Usagef("%scommand %w", where, &systems.ChoiceError{Word: args[0], Allowed: names, See: c.CommandPath() + " --help"})
	}
}

// flagError turns pflag's errors into usage errors; an unknown flag gets the
// list of those that exist.
func flagError(c *cobra.Command, err error) error {
	if errors.Is(err, pflag.ErrHelp) {
		return err
	}
	var unknown *pflag.NotExistError
	if errors.As(err, &unknown) && "--"+unknown.GetSpecifiedName() == hostsFlag {
		return systems.Usagef("%s runs on this machine only: leave out %s, which dyno run has", c.CommandPath(), hostsFlag)
	}
	if errors.As(err, &unknown) {
		var names []string
		c.Flags().VisitAll(func(f *pflag.Flag) { names = append(names, "--"+f.Name) })
		return systems.Usagef("%s: flag %w", c.CommandPath(), &systems.ChoiceError{
			Word: "--" + unknown.GetSpecifiedName(), Allowed: names, See: c.CommandPath() + " --help",
		})
	}
	var invalid *pflag.InvalidValueError
	if errors.As(err, &invalid) {
		name, why := invalid.GetFlag().Name, invalid.Unwrap()
		if want := wanted(invalid.GetFlag().Value.Type()); want != "" && (why.Error() == unreadable || errors.As(why, new(*strconv.NumError))) {
			return systems.Usagef("%s: --%s: %q is not %s", c.CommandPath(), name, invalid.GetValue(), want)
		}
		return systems.Usagef("%s: --%s: %w", c.CommandPath(), name, why)
	}
	return systems.Usagef("%s: %w", c.CommandPath(), err)
}

// hostsFlag is asked of every command that runs something.
const hostsFlag = "--hosts"

// unreadable is all that package flag says of a value that it cannot read.
const unreadable = "parse error"

// wanted is what a flag of a type of package flag takes.
func wanted(kind string) string {
	switch kind {
	case "duration":
		return "a duration with its unit, such as 5s or 300ms"
	case "int", "int64":
		return "a whole number such as 3"
	case "uint", "uint64":
		return "a whole number such as 3, from 0 on"
	case "float64":
		return "a number"
	}
	return ""
}
