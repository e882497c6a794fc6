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

// compareStored sets two stored runs beside each other. It fails on no figure that
// they hold, but when one of them is not as it was written.
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
	var (
		runs   [2][]compare.Run
		broken error
	)
	for i, dir := range words {
		store, err := a.storedRuns(dir)
		if err != nil {
			return err
		}
		for _, r := range store.Results {
			runs[i] = append(runs[i], compare.Run{Dir: dir, Run: r.Run, Trials: r.Trials})
		}
		broken = errors.Join(broken, brokenError(store))
	}
	return errors.Join(a.printComparison(compare.Beside(runs[0], runs[1]), f.json), broken)
}

// storedRuns reads results/NAME, or all in a folder that holds results/.
func (a *app) storedRuns(dir string) (*report.Store, error) {
	store, err := openResults(dir)
	if err != nil {
		return nil, &systems.UsageError{Err: err}
	}
	for _, w := range store.Warnings {
		fmt.Fprintf(a.err, "dyno: warning: %s: %s\n", dir, w)
	}
	for _, b := range store.Broken {
		fmt.Fprintf(a.err, "dyno: the seal is broken: %s: %s\n", dir, b)
	}
	if len(store.Results) == 0 {
		return nil, systems.Usagef("%s holds no results: want results/NAME, or a folder in which dyno run wrote results/", dir)
	}
	return store, nil
}

func openResults(dir string) (*report.Store, error) {
	if info, err := os.Stat(dir); err != nil || !info.IsDir() {
		if err == nil || errors.Is(err, fs.ErrNotExist) {
			err = fmt.Errorf("%s: no such folder", dir)
		}
		return nil, err
	}
	if _, err := os.Stat(filepath.Join(dir, "run.json")); err == nil {
		return report.Open(dir)
	}
	if abs, err := filepath.Abs(dir); err == nil && filepath.Base(abs) == "results" {
		dir = filepath.Dir(abs)
	}
	return report.Load(dir, false)
}
