package cli

import (
	"fmt"
	"io"
	"os"
	"path/filepath"
	"runtime/debug"
	"strings"

	"github.com/spf13/cobra"

	"dyno/internal/report"
	"dyno/systems"
)

func (a *app) report() *cobra.Command {
	var check, mixed bool
	var out string
	c := &cobra.Command{
		Use:   "report",
		Short: "Draw plots, REPORT.md, report.html and .txt from stored results; measures nothing",
		Example: `  dyno report
  dyno report --out out/quick
  dyno report --check && echo "the report matches its results"`,
		Args: noArgs,
		RunE: func(*cobra.Command, []string) error {
			if out == "" {
				var err error
				if out, err = repository(); err != nil {
					return err
				}
			}
			if check {
				return a.checkReport(out, mixed)
			}
			store, err := a.writeReport(out, mixed)
			if err != nil {
				return err
			}
			for _, r := range store.Results {
				printAside(a.out, r)
			}
			fmt.Fprintln(a.out, filepath.Join(out, "REPORT.md"))
			return brokenError(store)
		},
	}
	c.Flags().BoolVar(&check, "check", false, "write nothing; exit 1 if a generated file does not match the results")
	c.Flags().BoolVar(&mixed, "mixed", false, "draw trials of another build too, where this run's has none")
	c.Flags().StringVar(&out, "out", "", "folder that holds results/ (default: the repository)")
	return c
}

// printAside says which stored trials of an experiment are not drawn.
func printAside(w io.Writer, r *report.Result) {
	for _, aside := range r.Aside {
		fmt.Fprintf(w, "%s: %s\n", r.Run.Experiment.Name, aside)
	}
}

// brokenError asks for exit code 1 when results are not as they were written.
func brokenError(s *report.Store) error {
	if len(s.Broken) == 0 {
		return nil
	}
	return errFailed // build has named them
}

// thrifty bounds what is held in memory by what is stored in a folder, until what it
// returns is called: results are read whole, and there may be many. Below that, no
// CPU is spent on what is not held any more.
func thrifty(out string) func() {
	const few, rarely = 100 << 20, 400
	stored := int64(0)
	files, _ := filepath.Glob(filepath.Join(out, "results", "*", "trials.jsonl")) // the pattern is right
	for _, f := range files {
		if info, err := os.Stat(f); err == nil {
			stored += info.Size()
		}
	}
	limit, usual := debug.SetMemoryLimit(max(few, 5*stored/2)), debug.SetGCPercent(rarely)
	return func() { debug.SetMemoryLimit(limit); debug.SetGCPercent(usual) }
}

// readStore reads the results in a folder, which a flag names, and says what is
// wrong with them.
func (a *app) readStore(dir string, mixed bool, flag string) (*report.Store, error) {
	store, err := report.Load(dir, mixed)
	if err != nil {
		return nil, err
	}
	for _, w := range store.Warnings {
		fmt.Fprintln(a.err, "dyno: warning:", w)
	}
	if len(store.Results) == 0 {
		return nil, systems.Usagef("no results are stored in %s: run an experiment first, or say where they are with %s DIR",
			filepath.Join(dir, "results"), flag)
	}
	for _, b := range store.Broken {
		fmt.Fprintln(a.err, "dyno: the seal is broken:", b)
	}
	return store, nil
}

// build draws everything from the results in a folder.
func (a *app) build(out string, mixed bool) (report.Files, *report.Store, error) {
	defer thrifty(out)()
	store, err := a.readStore(out, mixed, "--out")
	if err != nil {
		return nil, nil, err
	}
	var sections []report.Section
	for _, s := range a.systems {
		sections = append(sections, report.Section{System: s.Name, Summary: s.Summary, Template: s.Report})
	}
	files, err := report.Build(store, sections)
	return files, store, err
}

func (a *app) writeReport(out string, mixed bool) (*report.Store, error) {
	files, store, err := a.build(out, mixed)
	if err != nil {
		return nil, err
	}
	return store, report.Write(out, files)
}

func (a *app) checkReport(out string, mixed bool) error {
	files, store, err := a.build(out, mixed)
	if err == nil {
		err = brokenError(store)
	}
	if err != nil {
		return err
	}
	if stale := report.Stale(out, files); len(stale) > 0 {
		return fmt.Errorf("stale: %s; run dyno report", strings.Join(stale, ", "))
	}
	return nil
}
