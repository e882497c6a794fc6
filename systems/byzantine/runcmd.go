package byzantine

import (
	"context"
	"errors"
	"fmt"

	"dyno/internal/record"
	"dyno/systems"
	"dyno/systems/byzantine/cluster"
	"dyno/systems/byzantine/play"
)

func runCommand() systems.Command {
	return systems.Command{
		Name:    "run",
		Starts:  true,
		Summary: "plays one run and tells how it went: the rounds, who told whom what, and what was agreed",
		Example: "dyno byzantine run --n 7 --t 2 --order attack --traitors 5,6 --adversary flip\n" +
			"dyno byzantine run --n 3 --t 1 --traitors 2 --algorithm sm\n" +
			"dyno byzantine run --n 4 --t 1 --mode interactive --initial a,r,a,a --traitors 1 --adversary equivocate -v\n" +
			"dyno byzantine run --n 31 --t 10 --traitors 0,1,2 --adversary random --json",
		Setup: func(fs systems.FlagSet) func(context.Context, systems.Shell) error {
			o := new(options)
			o.declare(fs)
			return o.run
		},
	}
}

func (o *options) run(ctx context.Context, sh systems.Shell) error {
	b, process, err := o.play()
	if err != nil {
		return err
	}
	var result *play.Outcome
	if process {
		result, err = cluster.Once(ctx, sh, b)
	} else {
		result, err = b.PlayUnder(ctx)
	}
	if err != nil {
		return err
	}
	if o.json {
		err = printJSON(sh.Out, result)
	} else {
		err = story(sh.Out, result, o.verbose)
	}
	return errors.Join(err, proved(sh, result.Checks()))
}

// proved turns checks that failed into an error. That the machine was too slow
// is a warning: nothing was proved, and nothing refuted.
func proved(sh systems.Shell, checks []record.Check) error {
	var errs []error
	for _, c := range checks {
		switch c.Status {
		case record.Valid:
		case record.Undetermined:
			fmt.Fprintf(sh.Err, "warning: %s; give a longer --round-timeout\n", c.Detail)
		default:
			errs = append(errs, fmt.Errorf("%s: %s", c.Name, c.Detail))
		}
	}
	return errors.Join(errs...)
}
