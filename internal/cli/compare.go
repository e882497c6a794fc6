package cli

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"

	"github.com/spf13/cobra"

	"dyno/bench/process"
	"dyno/experiments"
	"dyno/internal/compare"
	"dyno/internal/role"
	"dyno/systems"
)

// compareFlags are the flags of dyno compare.
type compareFlags struct {
	runFlags
	old, new  string
	threshold float64
	json      bool
}

func (a *app) compare() *cobra.Command {
	var f compareFlags
	c := &cobra.Command{
		Use:   "compare --old BIN --new BIN NAME... | compare DIR DIR",
		Short: "What changed between two binaries, measured in turns; or two stored runs beside each other",
		Long: `With --old and --new: both binaries run the core cells of the experiments, in
each block one right after the other in random order, so that what the machine
does to one it does to the other. Each metric that has a direction is compared
within the pairs, in every cell and over all cells. A change is called worse (or
better) when its interval excludes no change and a signed-rank test shows that
it is beyond the threshold; the number of tests is accounted for (Holm), and the
chance of a false alarm is printed. A named experiment is the one built into the
dyno that compares; the two binaries get it as a file, cell by cell.

Exit code 1 says that something is worse, or that a trial of either binary
failed its check or did not end well; 2 a usage mistake.

With two folders (results/NAME, or a folder that holds results/): two stored
runs, which were measured at different times and so are only shown beside each
other, never judged. Exit code 1 then says that one was changed since it was
written: what was is left out.`,
		Example: `  go build -o bin/dyno-old ./cmd/dyno-whole    before the change; bin/dyno-new after it
  dyno compare --old bin/dyno-old --new bin/dyno-new lb-policies --scale quick
  dyno compare --old bin/dyno-old --new bin/dyno-new mine.yaml --only clients=10 --blocks 10 --out out/compare
  dyno compare results/lb-policies out/mine`,
		Args: cobra.ArbitraryArgs,
		RunE: func(c *cobra.Command, args []string) error {
			if f.old == "" && f.new == "" {
				return a.compareStored(c, f, args)
			}
			return a.compareBinaries(c.Context(), f, args)
		},
	}
	fl := c.Flags()
	fl.StringVar(&f.old, "old", "", "the dyno binary to compare with")
	fl.StringVar(&f.new, "new", "", "the dyno binary that is judged")
	fl.StringVar(&f.scale, "scale", "full", "warm-up and length of trials: quick, full or deep")
	fl.StringArrayVar(&f.only, "only", nil, onlyHelp)
	fl.IntVar(&f.blocks, "blocks", 0,
		"repeats of every cell (0: as many as it takes to judge every row, 6 to 12, or the scale's if those are more)")
	fl.Uint64Var(&f.seed, "seed", 1, "where every random choice comes from")
	fl.Float64Var(&f.threshold, "threshold", 100*compare.Default.Threshold, "a change counts beyond this many `percent`")
	fl.Var((*folder)(&f.out), "out", "keep the data in DIR/old and DIR/new, as dyno run would store them")
	fl.BoolVar(&f.json, "json", false, "print JSON")
	return c
}

// compareBlocks bounds --blocks of a comparison.
const compareBlocks = 200

func (f *compareFlags) check(words []string) error {
	switch {
	case f.old == "":
		return systems.Usagef("--new %s: compared with what? give the other binary with --old BIN", f.new)
	case f.new == "":
		return systems.Usagef("--old %s: compared with what? give the other binary with --new BIN", f.old)
	case len(words) == 0:
		return systems.Usagef("which experiment? name one, for example lb-policies, or a file that ends in .yaml")
	case f.blocks < 0 || f.blocks > compareBlocks:
		return systems.Usagef("--blocks %d: want %d to %d, or 0 for as many as it takes", f.blocks, compare.LeastPairs, compareBlocks)
	case !(f.threshold >= 0 && f.threshold <= 100):
		return systems.Usagef("--threshold %v: want 0 to 100 percent", f.threshold)
	}
	return nil
}

// binary finds an executable file.
func binary(flag, path string) (string, error) {
	info, err := os.Stat(path)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return "", systems.Usagef("%s %s: no such file; build one with: go build -trimpath -buildvcs=false -o %s ./cmd/dyno-whole",
			flag, path, path)
	case err != nil:
		return "", systems.Usagef("%s %w", flag, err)
	case info.IsDir():
		return "", systems.Usagef("%s %s is a folder; want a dyno binary", flag, path)
	}
	abs, err := filepath.Abs(path)
	if err != nil {
		return "", err
	}
	if _, err := exec.LookPath(abs); err != nil {
		return "", systems.Usagef("%s %s is not executable; allow it with: chmod +x %s", flag, path, path)
	}
	return abs, nil
}

func (a *app) compareBinaries(ctx context.Context, f compareFlags, words []string) (err error) {
	if err := f.check(words); err != nil {
		return err
	}
	r := &experiments.Rivals{Command: append([]string{"dyno"}, a.args...)}
	for side, bin := range []struct{ flag, path string }{{"--old", f.old}, {"--new", f.new}} {
		if r.Binary[side], err = binary(bin.flag, bin.path); err != nil {
			return err
		}
	}
	plans, err := a.rivalPlans(f, words)
	if err != nil {
		return err
	}
	release, err := rivalFolders(r, f.out)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, release()) }()
	for _, p := range plans {
		if err := r.Check(ctx, p); err != nil {
			return err
		}
	}
	r.Yardsticks = f.out != "" // who keeps the data may want to set them beside others'
	show := newRivalProgress(a.err, role.Terminal(a.err), f.out)
	r.Report = show.update
	var found []compare.Experiment
	for _, p := range plans {
		show.begin(p, r.Estimate(p))
		m, err := r.Run(ctx, p)
		show.end()
		if err != nil {
			return err
		}
		found = append(found, matched(p, m))
	}
	options := compare.Default
	options.Threshold = f.threshold / 100
	result := compare.Compare(found, options)
	if err := a.printComparison(result, f.json); err != nil {
		return err
	}
	if result.Failed() {
		return errFailed
	}
	return nil
}

// rivalPlans lays out the core cells, with as many blocks as the tests need.
func (a *app) rivalPlans(f compareFlags, words []string) ([]*experiments.Plan, error) {
	plans, err := a.plans(f.runFlags, words)
	if err != nil {
		return nil, err
	}
	overall, singles := 0, 0
	for i, p := range plans {
		if plans[i], err = p.Core(); err != nil {
			return nil, systems.Usagef("%s: --only %w", p.Name, err)
		}
		tests := compare.Judged(p.System.Metrics)
		overall += tests
		if n := len(plans[i].Cells); n > 1 {
			singles += n * tests
		}
	}
	if f.blocks > 0 {
		return plans, nil
	}
	for i, p := range plans {
		only, err := p.Only(f.only)
		if err != nil {
			return nil, err
		}
		sel := experiments.Selection{Scale: f.scale, Only: only, Seed: f.seed}
		sel.Blocks = max(compare.Blocks(overall, singles, compare.Default.Alpha), p.Scales[f.scale].Blocks)
		if p, err = experiments.NewPlan(p.Experiment, sel); err != nil {
			return nil, err
		}
		if plans[i], err = p.Core(); err != nil {
			return nil, err
		}
	}
	return plans, nil
}

// rivalFolders makes the folders of a comparison. Without --out the data go when
// it is over; after a kill -9 the next comparison sweeps them.
func rivalFolders(r *experiments.Rivals, out string) (release func() error, err error) {
	if out == "" {
		scratch, err := process.Scratch("dyno-compare")
		if err != nil {
			return nil, err
		}
		r.Out, r.Work = scratch.Path, filepath.Join(scratch.Path, "work")
		return scratch.Release, os.Mkdir(r.Work, 0o755)
	}
	if r.Out, err = outFolder(out, ""); err != nil {
		return nil, err
	}
	lock, err := experiments.Lock(r.Out)
	if err != nil {
		return nil, err
	}
	if r.Work, err = os.MkdirTemp(r.Out, ".dyno-compare-*"); err != nil {
		return nil, errors.Join(unwritable(out, err), lock.Close())
	}
	return func() error { return errors.Join(os.RemoveAll(r.Work), lock.Close()) }, nil
}

// matched sorts the trials of both sides by cell.
func matched(p *experiments.Plan, m *experiments.Match) compare.Experiment {
	e := compare.Experiment{Name: p.Name}
	for side := range e.Metrics {
		e.Metrics[side], e.Roles[side] = m.Runs[side].Metrics, m.Runs[side].Environment.Roles
	}
	for _, c := range p.Cells {
		cell := compare.Cell{Label: c.Label(p.Experiment)}
		for side := range cell.Trials {
			for _, t := range m.Trials[side] {
				if t.Cell == c.Index {
					cell.Trials[side] = append(cell.Trials[side], t)
				}
			}
		}
		e.Cells = append(e.Cells, cell)
	}
	return e
}

func (a *app) printComparison(r fmt.Stringer, asJSON bool) error {
	if asJSON {
		return writeJSON(a.out, r)
	}
	_, err := fmt.Fprint(a.out, r)
	return err
}
