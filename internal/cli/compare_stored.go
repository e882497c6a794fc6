package cli

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"

	"github.com/spf13/cobra"

	"dyno/internal/compare"
	"dyno/internal/report"
	"dyno/systems"
)

// compareStored sets two stored runs beside each other. It never fails on what
// they hold.
func (a *app) compareStored(c *cobra.Command, f compareFlags, words []string) error {
	for _, flag := range []string{"scale", "only", "blocks", "seed", "threshold", "out"} {
		if c.Flags().Changed(flag) {
			return systems.Usagef("--%s belongs to a comparison of binaries: give them with --old BIN --new BIN", flag)
		}
	}
	if len(words) != 2 {
		return systems.Usagef("compare wants two binaries (--old BIN --new BIN NAME) or two folders of results, for example " +
			"results/lb-policies out/mine")
	}
	var runs [2][]compare.Run
	for i, dir := range words {
		var err error
		if runs[i], err = a.storedRuns(dir); err != nil {
			return err
		}
	}
	return a.printComparison(compare.Beside(runs[0], runs[1]), f.json)
}

// storedRuns reads results/NAME, or all in a folder that holds results/.
func (a *app) storedRuns(dir string) ([]compare.Run, error) {
	results, warnings, err := openResults(dir)
	if err != nil {
		return nil, &systems.UsageError{Err: err}
	}
	for _, w := range warnings {
		fmt.Fprintf(a.err, "dyno: warning: %s: %s\n", dir, w)
	}
	if len(results) == 0 {
		return nil, systems.Usagef("%s holds no results: want results/NAME, or a folder in which dyno run wrote results/", dir)
	}
	runs := make([]compare.Run, len(results))
	for i, r := range results {
		runs[i] = compare.Run{Dir: dir, Run: r.Run, Trials: r.Trials}
	}
	return runs, nil
}

func openResults(dir string) ([]*report.Result, []string, error) {
	if info, err := os.Stat(dir); err != nil || !info.IsDir() {
		if err == nil || errors.Is(err, fs.ErrNotExist) {
			err = fmt.Errorf("%s: no such folder", dir)
		}
		return nil, nil, err
	}
	if _, err := os.Stat(filepath.Join(dir, "run.json")); err == nil {
		r, warnings, err := report.Open(dir)
		return []*report.Result{r}, warnings, err
	}
	if abs, err := filepath.Abs(dir); err == nil && filepath.Base(abs) == "results" {
		dir = filepath.Dir(abs)
	}
	store, err := report.Load(dir, false)
	if err != nil {
		return nil, nil, err
	}
	return store.Results, append(store.Warnings, store.Broken...), nil
}
