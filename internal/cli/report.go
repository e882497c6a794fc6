package cli

import (
	"fmt"
	"path/filepath"
	"strings"

	"github.com/spf13/cobra"

	"dyno/internal/report"
	"dyno/systems"
)

func (a *app) report() *cobra.Command {
	var check bool
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
				return a.checkReport(out)
			}
			if _, err := a.writeReport(out); err != nil {
				return err
			}
			fmt.Fprintln(a.out, filepath.Join(out, "REPORT.md"))
			return nil
		},
	}
	c.Flags().BoolVar(&check, "check", false, "write nothing; exit 1 if a generated file does not match the results")
	c.Flags().StringVar(&out, "out", "", "folder that holds results/ (default: the repository)")
	return c
}

// build draws everything from the results in a folder.
func (a *app) build(out string) (report.Files, *report.Store, error) {
	store, err := report.Load(out)
	if err != nil {
		return nil, nil, err
	}
	if len(store.Results) == 0 {
		return nil, nil, systems.Usagef("no results are stored in %s: run an experiment first, or say where they are with --out DIR", filepath.Join(out, "results"))
	}
	for _, w := range store.Warnings {
		fmt.Fprintln(a.err, "dyno: warning:", w)
	}
	var sections []report.Section
	for _, s := range a.systems {
		sections = append(sections, report.Section{System: s.Name, Summary: s.Summary, Template: s.Report})
	}
	files, err := report.Build(store, sections)
	return files, store, err
}

func (a *app) writeReport(out string) (*report.Store, error) {
	files, store, err := a.build(out)
	if err != nil {
		return nil, err
	}
	return store, report.Write(out, files)
}

func (a *app) checkReport(out string) error {
	files, _, err := a.build(out)
	if err != nil {
		return err
	}
	if stale := report.Stale(out, files); len(stale) > 0 {
		return fmt.Errorf("stale: %s; run dyno report", strings.Join(stale, ", "))
	}
	return nil
}
