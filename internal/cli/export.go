package cli

import (
	"bytes"
	"context"
	"encoding/csv"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"

	"github.com/spf13/cobra"

	"dyno/internal/atomicfile"
	"dyno/internal/report"
	"dyno/systems"
)

// exportFormats are what tables can be written as.
var exportFormats = systems.Choice{"csv", "parquet"}

type exportFlags struct{ from, format, out string }

func (a *app) export() *cobra.Command {
	var f exportFlags
	c := &cobra.Command{
		Use:   "export [NAME]...",
		Short: "Stored trials as tables for other programs: CSV or Parquet, a row a trial",
		Long: `Writes a table for each of the named experiments (default: all that are stored): a row a
trial, with its verdict, its knobs, and its figures under the names that plots and claims use, in
the metric's unit (of histograms NAME.mean, NAME.p50, NAME.p90, NAME.p99, NAME.p999 in
milliseconds). A trial that is not valid has no figures. One experiment as CSV goes to standard
output unless --out names a folder. results/NAME.txt holds the same for benchstat. Exit code 1 says
that results were changed since they were written: what was is left out.

Parquet is written by bin/dyno-parquet, which make parquet builds: its libraries are in nothing else.`,
		Example: `  dyno export lb-policies > lb-policies.csv
  dyno export --out out/tables
  dyno export mr-scaling --format parquet --out out/tables`,
		RunE: func(c *cobra.Command, args []string) error { return a.exportRows(c.Context(), f, args) },
	}
	c.Flags().StringVar(&f.format, "format", "csv", "csv or parquet")
	c.Flags().Var((*folder)(&f.from), "from", "folder that holds results/ (default: the repository)")
	c.Flags().Var((*folder)(&f.out), "out", "folder for NAME.csv or NAME.parquet; - is standard output, for one experiment")
	return c
}

func (a *app) exportRows(ctx context.Context, f exportFlags, names []string) error {
	if _, err := exportFormats.Parse(f.format); err != nil {
		return systems.Usagef("--format %w", err)
	}
	if f.from == "" {
		var err error
		if f.from, err = repository(); err != nil {
			return err
		}
	}
	store, err := a.readStore(f.from, false, "--from")
	if err != nil {
		return err
	}
	found, err := named(store, f.from, names)
	if err != nil {
		return err
	}
	if err := a.writeTables(ctx, f, found); err != nil {
		return err
	}
	return brokenError(store)
}

// writeTables writes a table for each result, to where the flags say.
func (a *app) writeTables(ctx context.Context, f exportFlags, found []*report.Result) error {
	encode := writeCSV
	if f.format == "parquet" {
		encode = func(r report.Rows, w io.Writer) error { return a.writeParquet(ctx, r, w) }
	}
	if f.out == "-" || f.out == "" && len(found) == 1 && f.format == "csv" {
		if len(found) != 1 {
			return systems.Usagef("standard output takes one experiment, and %d are named: --out FOLDER", len(found))
		}
		return encode(found[0].Rows(), a.out)
	}
	if f.out == "" {
		return systems.Usagef("--out FOLDER: where are the %d tables to go?", len(found))
	}
	if err := os.MkdirAll(f.out, 0o755); err != nil {
		return err
	}
	for _, r := range found {
		path := filepath.Join(f.out, r.Run.Experiment.Name+"."+f.format)
		if err := writeTable(path, r.Rows(), encode); err != nil {
			return err
		}
		fmt.Fprintln(a.out, path)
	}
	return nil
}

// writeTable leaves a table that is there alone unless it has a new one.
func writeTable(path string, r report.Rows, encode func(report.Rows, io.Writer) error) error {
	var table bytes.Buffer
	if err := encode(r, &table); err != nil {
		return fmt.Errorf("%s: %w", path, err)
	}
	return atomicfile.Write(path, table.Bytes())
}

// named are the results of the named experiments in a folder; without names, all.
func named(store *report.Store, folder string, names []string) ([]*report.Result, error) {
	if len(names) == 0 {
		return store.Results, nil
	}
	var have []string
	for _, r := range store.Results {
		have = append(have, r.Run.Experiment.Name)
	}
	var out []*report.Result
	for _, name := range names {
		i := slices.Index(have, name)
		if i < 0 {
			return nil, systems.Usagef("experiment %w (those with results in %s; --from names another folder)",
				&systems.ChoiceError{Word: name, Allowed: have, See: "dyno list"}, folder)
		}
		out = append(out, store.Results[i])
	}
	return out, nil
}

// writeCSV leaves a field empty where there is no figure.
func writeCSV(r report.Rows, w io.Writer) error {
	c := csv.NewWriter(w)
	if err := c.Write(r.Columns); err != nil {
		return err
	}
	for _, row := range r.Rows {
		fields := make([]string, len(row))
		for i, v := range row {
			switch v := v.(type) {
			case string:
				fields[i] = v
			case float64:
				fields[i] = strconv.FormatFloat(v, 'g', -1, 64)
			}
		}
		if err := c.Write(fields); err != nil {
			return err
		}
	}
	c.Flush()
	return c.Error()
}

// writeParquet has the program beside this one turn CSV to Parquet.
func (a *app) writeParquet(ctx context.Context, r report.Rows, w io.Writer) (err error) {
	self, err := os.Executable()
	if err != nil {
		return err
	}
	path := filepath.Join(filepath.Dir(self), "dyno-parquet")
	if _, err := os.Stat(path); err != nil {
		return systems.Usagef("--format parquet needs %s: make parquet builds it", path)
	}
	cmd := exec.CommandContext(ctx, path, strconv.Itoa(r.Text))
	cmd.Stdout, cmd.Stderr = w, a.err
	in, err := cmd.StdinPipe()
	if err != nil {
		return err
	}
	if err := cmd.Start(); err != nil {
		return err
	}
	// A program that ended early says why itself; that the pipe broke does not.
	written := errors.Join(writeCSV(r, in), in.Close())
	if err := cmd.Wait(); err != nil {
		return fmt.Errorf("%s: %w", path, err)
	}
	return written
}
