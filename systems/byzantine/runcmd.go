package byzantine

import (
	"context"
	"errors"
	"fmt"
	"time"

	"dyno/internal/record"
	"dyno/systems"
)

func runCommand() systems.Command {
	return systems.Command{
		Name:    "run",
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
	b, process, err := o.battle()
	if err != nil {
		return err
	}
	var result *outcome
	if process {
		result, err = play(ctx, sh, b)
	} else {
		result, err = b.fightUnder(ctx)
	}
	if err != nil {
		return err
	}
	if o.json {
		err = result.printJSON(sh.Out)
	} else {
		err = result.story(sh.Out, o.verbose)
	}
	return errors.Join(err, proved(sh, result.checks()))
}

// fightUnder plays a run in memory until it is over or nobody waits for it any
// more: a run cannot be interrupted, but it ends by itself.
func (b battle) fightUnder(ctx context.Context) (*outcome, error) {
	done := make(chan *outcome, 1)
	began := time.Now()
	go func() { done <- b.fight() }()
	select {
	case o := <-done:
		o.Watched = time.Since(began)
		return o, nil
	case <-ctx.Done():
		return nil, ctx.Err()
	}
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
