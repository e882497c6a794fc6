package mapreduce

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"

	mapreducev1 "dyno/proto/mapreduce/v1"
	"dyno/systems"
	"dyno/systems/mapreduce/cluster"
	"dyno/systems/mapreduce/config"
)

// runOptions are the flags of the command run.
type runOptions struct {
	config config.Config
	json   bool
}

func runCommand() systems.Command {
	return systems.Command{
		Name:    "run",
		Starts:  true,
		Args:    "JOB FILE...",
		Summary: "a master and workers as processes of their own: one job, from files to mr-out-0, mr-out-1 …",
		Example: "dyno mapreduce run wordcount --reduces 4 --out counts book.txt\n" +
			"dyno mapreduce run invertedindex --reduces 2 --workers 3 --out index README.md CONTRIBUTING.md\n" +
			"dyno mapreduce run grep --pattern '^func ' --out funcs cmd/dyno/main.go",
		Setup: func(fs systems.FlagSet) func(context.Context, systems.Shell) error {
			o := &runOptions{}
			o.config.Declare(fs, config.KnobWorkers)
			fs.BoolVar(&o.json, "json", false, "print the summary as JSON")
			return o.run
		},
	}
}

func (o *runOptions) run(ctx context.Context, sh systems.Shell) (err error) {
	if err := o.config.Check(sh.Args); err != nil {
		return err
	}
	l := o.config.Layout()
	before := l.Look()
	bctx, b, closeBench, err := sh.Bench(ctx, systems.Setting{Seed: 1})
	if err != nil {
		return err
	}
	view := newProgress(sh)
	c := &cluster.Cluster{Bench: b, Config: &o.config, Workers: o.config.Knobs.Int(config.KnobWorkers)}
	summary, err := c.Run(bctx, view.show)
	view.end()
	interrupted := ctx.Err() != nil && summary == nil && view.done > 0
	resumable := errors.Is(err, cluster.ErrMasterLost) || errors.Is(err, cluster.ErrNoWorkers)
	err = errors.Join(err, closeBench()) // whoever is still there by now is asked to leave
	stays := fmt.Sprintf("what is finished stays in %s: the same command with --resume goes on", l.Scratch())
	switch {
	case interrupted:
		fmt.Fprintln(sh.Err, stays)
		return ctx.Err()
	case resumable:
		return fmt.Errorf("%w; %s", err, stays)
	}
	if !o.config.Keep && (summary != nil || !before.Scratch) {
		err = errors.Join(err, l.Restore(before))
	}
	if ctx.Err() != nil {
		return ctx.Err()
	}
	if err != nil {
		return err
	}
	if summary.GetFailure() != "" {
		return errors.New("the job failed: " + summary.GetFailure())
	}
	return o.print(sh, summary)
}

// print shows how the job went.
func (o *runOptions) print(sh systems.Shell, s *mapreducev1.Summary) error {
	if !o.json {
		return printSummary(sh.Out, &o.config, s)
	}
	e := json.NewEncoder(sh.Out)
	e.SetIndent("", "  ")
	return e.Encode(newSummary(&o.config, s))
}
