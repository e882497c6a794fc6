package cli

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strconv"

	"github.com/spf13/cobra"

	"dyno/bench/process"
	"dyno/experiments"
	"dyno/internal/report"
	"dyno/internal/role"
	"dyno/systems"
)

// runFlags are the flags of dyno run.
type runFlags struct {
	scale  string
	only   []string
	impl   systems.Impl
	blocks int
	seed   uint64
	dryRun bool
	fresh  bool
	strict bool
	pprof  bool
	bare   bool // measure the yardsticks
	asked  bool // somebody gave that
	out    string
	serve  string
	hosts  string
	sets   int
}

const onlyHelp = "keep only these levels of a knob, `KNOB=LEVEL[,LEVEL]`; repeat it for more knobs, and for levels that contain commas"

func (a *app) run() *cobra.Command {
	f := runFlags{impl: make(systems.Impl)}
	c := &cobra.Command{
		Use:   "run [NAME | FILE.yaml]...",
		Short: "Run experiments, check every answer, write results, plots and report",
		Long: `Runs the named experiments (default: all; at scale quick: the flagship of each
system), one trial after the other with fresh processes (at scale quick seven
negative controls at once, for nothing is drawn from them), and appends each trial
to results/NAME/trials.jsonl. What the same binary has measured there is not measured
again, unless it proved nothing (an error, a verdict that is unknown); what another has, or another plan, is kept
aside. Only --fresh throws away. At the end plots, tables and REPORT.md are drawn from
all results in the output folder.

--only KNOB=TEXT keeps one level if the experiment has TEXT as a level, commas and
all (capacity=1,1,0.2); else the commas in TEXT separate levels. Given again for
the same knob it keeps more: --only capacity=1,1,0.2 --only capacity=1,1,0.5. Faults
and failpoints are named as files write them, or as reports tell them.

Exit code 1 says that a trial failed its check, that a negative control passed
it, or that a service-level objective (a claim with the key objective) is not kept;
they are listed in the report.`,
		Example: `  dyno run --scale quick
  dyno run lb-policies --only policy=least_load,round_robin --blocks 2 --out out/lb
  dyno run lb-uneven --only capacity=2,2,2,2,1,1,1,1,0.5,0.5,0.5,0.5 --dry-run
  dyno run --scale quick --serve :0    (prints the address of a page that shows the run)
  dyno run my-experiment.yaml --scale full --dry-run`,
		Args: cobra.ArbitraryArgs,
		RunE: func(c *cobra.Command, args []string) error {
			f.asked = c.Flags().Changed("yardsticks")
			return a.runExperiments(c.Context(), f, args)
		},
	}
	c.SetFlagErrorFunc(a.knobFlag)
	fl := c.Flags()
	fl.StringVar(&f.scale, "scale", "full", "how much to run: quick, full or deep")
	fl.StringArrayVar(&f.only, "only", nil, onlyHelp)
	fl.Var(f.impl, "impl", systems.ImplHelp)
	fl.IntVar(&f.blocks, "blocks", 0, "repeats of every cell instead of the scale's (0: as the scale says)")
	fl.Uint64Var(&f.seed, "seed", 1, "where every random choice comes from")
	fl.BoolVar(&f.dryRun, "dry-run", false, "show cells, trials and estimated time; start nothing")
	fl.BoolVar(&f.fresh, "fresh", false, "throw away all that is stored of these experiments, and measure everything again")
	fl.BoolVar(&f.strict, "strict", false, "exit 1 also when a claim is refuted")
	fl.BoolVar(&f.pprof, "pprof", false, "keep CPU and heap profiles and logs of every process under results/raw/; reused trials have none")
	fl.BoolVar(&f.bare, "yardsticks", true,
		"measure bare gRPC and TCP exchanges before every block; unless given, at scale quick only where a metric is divided by them")
	fl.StringVar(&f.serve, "serve", "",
		"show the run on a live page at `ADDRESS`; :0 is any free port, of this machine alone unless a host is named")
	fl.Var((*folder)(&f.out), "out", "folder for results/, plots/ and REPORT.md (default: the repository; at scale quick: out/quick)")
	fl.StringVar(&f.hosts, "hosts", "", hostsHelp)
	fl.IntVar(&f.sets, "sets", 1, "split the machines of --hosts into `K` disjoint sets, which measure blocks at once")
	return c
}

func (a *app) runExperiments(ctx context.Context, f runFlags, words []string) (err error) {
	plans, err := a.plans(f, words)
	if err != nil {
		return err
	}
	for _, p := range plans {
		if err := a.whole(p.System.Whole && !f.dryRun); err != nil {
			return err
		}
	}
	machines, err := a.fleet(f.hosts)
	if err != nil {
		return err
	}
	for _, p := range plans {
		p.Away = machines != nil
	}
	if machines != nil && f.pprof {
		return systems.Usagef("--pprof: profiles stay on the machine of their process: leave it out on several machines")
	}
	sets, err := machines.Split(f.sets)
	if err != nil {
		return err
	}
	if f.dryRun {
		return a.printPlans(plans, sets)
	}
	defer func() { err = errors.Join(err, machines.Close()) }()
	out, err := outFolder(f.out, f.scale)
	if err != nil {
		return err
	}
	lock, err := experiments.Lock(out)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, lock.Close()) }()
	defer thrifty(out)()
	if err := os.Unsetenv(process.TracesVar); err != nil { // figures are of what is not traced
		return err
	}
	view, err := serve(a.err, f.serve, out, plans)
	if err != nil {
		return err
	}
	go experiments.Surroundings() // which asks programs; kept for when a run begins
	show := newProgress(a.err, role.Terminal(a.err), out, plans)
	show.view = view
	runner := &experiments.Runner{
		Live: f.serve != "",
		Out:  out, Typed: out, Command: append([]string{"dyno"}, a.args...),
		Fresh: f.fresh, Profile: f.pprof, Report: show.update, Machines: machines, Sets: f.sets,
	}
	if f.out == "" && f.scale != "quick" {
		runner.Typed = "" // the repository, wherever it lies
	}
	if f.serve != "" || show.terminal {
		runner.Watch = show.watch
	}
	tally, err := f.measure(ctx, runner, plans, show)
	if err != nil {
		return errors.Join(err, view.close(err))
	}
	return errors.Join(a.conclude(f, out, plans, tally), view.close(nil)) // which says where the report is
}

// conclude draws the report, says what came out, and chooses the exit code.
func (a *app) conclude(f runFlags, out string, plans []*experiments.Plan, tally experiments.Tally) error {
	printTally(a.out, tally)
	store, err := a.writeReport(out, false)
	if err != nil {
		return f.undrawn(out, err)
	}
	var names []string
	for _, p := range plans {
		names = append(names, p.Name)
		printAside(a.out, store.Lookup(p.Name))
	}
	fmt.Fprintln(a.out, filepath.Join(out, "REPORT.md"))
	refuted := store.RefutedClaims(names)
	for _, r := range refuted {
		fmt.Fprintln(a.out, "refuted:", r)
	}
	missed := store.MissedObjectives(names)
	for _, m := range missed {
		fmt.Fprintln(a.out, "objective of", m)
	}
	if tally.Failed() || len(missed) > 0 || f.strict && len(refuted) > 0 {
		return errFailed
	}
	return brokenError(store)
}

func printTally(w io.Writer, t experiments.Tally) {
	fmt.Fprintf(w, "%d trials: %d valid, %d invalid, %d unknown, %d without an observation (ran %d, reused %d)\n",
		t.Trials(), t.Valid, t.Invalid, t.Unknown, t.Errors, t.Trials()-t.Reused, t.Reused)
	if t.Absent > 0 {
		fmt.Fprintf(w, "%d of them left out: software that they need is not installed; each says which\n", t.Absent)
	}
	if t.Controls() > 0 {
		fmt.Fprintf(w, "%d of them controls, broken on purpose: %d caught, %d missed\n", t.Controls(), t.Caught, t.Missed)
	}
}

// plans reads the experiments and lays out their trials.
func (a *app) plans(f runFlags, words []string) ([]*experiments.Plan, error) {
	if err := checkScale(f.scale); err != nil {
		return nil, err
	}
	if f.blocks < 0 || f.blocks > 1000 {
		return nil, systems.Usagef("--blocks %d: want 1 to 1000, or 0 for the scale's own number", f.blocks)
	}
	found, err := a.open(f.scale, words)
	if err != nil {
		return nil, err
	}
	var plans []*experiments.Plan
	for _, e := range found {
		if err := e.Stand(f.impl); err != nil {
			return nil, err
		}
		if err := checkDrawings(e); err != nil {
			return nil, err
		}
		only, err := e.Only(f.only)
		if err != nil {
			return nil, err
		}
		p, err := experiments.NewPlan(e, experiments.Selection{Scale: f.scale, Only: only, Blocks: f.blocks, Seed: f.seed})
		if err != nil {
			return nil, err
		}
		plans = append(plans, p)
	}
	return plans, nil
}

// checkDrawings tries figures and tables one by one now, not when everything
// has been measured.
func checkDrawings(e *experiments.Experiment) error {
	for i := range e.Figures {
		run := e.Header()
		run.Experiment.Figures, run.Experiment.Tables = e.Figures[i:i+1], nil
		if err := report.Check(run); err != nil {
			return e.Blame(err, "figures", strconv.Itoa(i))
		}
	}
	for i := range e.Tables {
		run := e.Header()
		run.Experiment.Figures, run.Experiment.Tables = nil, e.Tables[i:i+1]
		if err := report.Check(run); err != nil {
			return e.Blame(err, "tables", strconv.Itoa(i))
		}
	}
	return nil
}

func checkScale(scale string) error {
	if _, err := systems.Choice(experiments.Scales).Parse(scale); err != nil {
		return systems.Usagef("--scale %w", err)
	}
	return nil
}

// open reads the named experiments, or, without names, all that belong to the
// scale. The same name twice is run once.
func (a *app) open(scale string, words []string) ([]*experiments.Experiment, error) {
	if len(words) == 0 {
		found, err := a.catalog.All()
		if err != nil || scale != "quick" {
			return found, err
		}
		var flagships []*experiments.Experiment
		for _, e := range found {
			if e.Flagship {
				flagships = append(flagships, e)
			}
		}
		return flagships, nil
	}
	var found []*experiments.Experiment
	seen := make(map[string]string)
	for _, w := range words {
		e, err := a.catalog.Open(w)
		if err != nil {
			return nil, err
		}
		if path, ok := seen[e.Name]; ok {
			if path == e.Path {
				continue
			}
			return nil, systems.Usagef("%s and %s are both named %s; their results would overwrite each other", path, e.Path, e.Name)
		}
		seen[e.Name] = e.Path
		found = append(found, e)
	}
	return found, nil
}
