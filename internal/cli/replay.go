package cli

import (
	"errors"
	"fmt"
	"io"
	"path/filepath"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"dyno/experiments"
	"dyno/internal/record"
	"dyno/internal/rpc"
	"dyno/systems"
)

func (a *app) replay() *cobra.Command {
	var out string
	impl := make(systems.Impl)
	traced := rpc.Shown{Service: "replay"}
	c := &cobra.Command{
		Use:   "replay TRIAL",
		Short: "Run one stored trial again: same knobs, same seed, logs kept; changes no result",
		Example: `  dyno replay lb-policies-b01-c003
  dyno replay lb-policies-b01-c003 --out out/quick
  dyno replay lb-policies-b01-c003 --traces 127.0.0.1:4317   # every RPC as a span`,
		Args: func(c *cobra.Command, args []string) error {
			if len(args) != 1 {
				return systems.Usagef("%s wants one trial, for example lb-policies-b01-c003", c.CommandPath())
			}
			return nil
		},
		RunE: func(c *cobra.Command, args []string) (err error) {
			if out == "" {
				var err error
				if out, err = repository(); err != nil {
					return err
				}
			}
			run, old, err := experiments.Find(out, args[0])
			if err != nil {
				return err
			}
			needed := slices.ContainsFunc(a.systems, func(s *systems.System) bool { return s.Name == old.System && s.Whole })
			if err := a.whole(needed || traced.Traces != ""); err != nil {
				return err
			}
			lock, err := experiments.Lock(out) // it would disturb a run, and its logs may be that run's
			if err != nil {
				return err
			}
			defer func() { err = errors.Join(err, lock.Close()) }()
			stop, err := a.show(c.Context(), traced)
			if err != nil {
				return err
			}
			defer func() { err = errors.Join(err, stop()) }()
			fmt.Fprintf(a.err, "replaying %s: about %v\n", old.ID, old.Took.Duration().Round(1e8))
			r := &experiments.Runner{Out: out, Impl: impl, Report: func(p experiments.Progress) {
				if line := p.Message + p.Note; line != "" {
					fmt.Fprintln(a.err, " ", line)
				}
			}}
			now, bundle, err := r.Replay(c.Context(), a.catalog, run, old)
			if err != nil {
				return err
			}
			fmt.Fprintf(a.out, "stored: %s\nnow:    %s\nlogs:   %s\n", outcome(old), outcome(now), filepath.Clean(bundle))
			if c, ok := run.Experiment.Control(now.Control); ok {
				return controlError(a.err, c, now)
			}
			return verdictError(a.err, now)
		},
	}
	c.Flags().Var(impl, "impl", systems.ImplHelp)
	c.Flags().StringVar(&traced.Traces, "traces", "", tracesHelp)
	c.Flags().Var((*folder)(&out), "out", "folder that holds results/ (default: the repository)")
	return c
}

// outcome is a trial's end in one line.
func outcome(t *record.Trial) string {
	if t.Observation == nil {
		return "no observation"
	}
	c := t.Observation.Counts
	return fmt.Sprintf("%s; sent %d = ok %d + refused %d + failed %d + unknown %d", t.Status(), c.Sent, c.OK, c.Refused, c.Failed, c.Unknown)
}

// controlError asks for exit code 1 when a negative control is not found out.
func controlError(w io.Writer, c record.Control, t *record.Trial) error {
	if c.Caught(t) {
		fmt.Fprintf(w, "control %s, caught by %s: %s\n", c.Name, c.CaughtBy, strings.Join(reasons(t), "\n  "))
		return nil
	}
	fmt.Fprintf(w, "dyno: control %s was missed: %s should have caught it\n", c.Name, c.CaughtBy)
	return errFailed
}

// verdictError prints why a trial is not valid and asks for exit code 1.
func verdictError(w io.Writer, t *record.Trial) error {
	if t.Status() == record.Valid {
		return nil
	}
	fmt.Fprintf(w, "dyno: %s\n", strings.Join(reasons(t), "\n  "))
	return errFailed
}
