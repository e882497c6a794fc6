// Package demo is the command demo: a deployment to look at.
package demo

import (
	"context"
	"errors"
	"fmt"
	"io"
	"strconv"
	"sync"
	"time"

	"dyno/bench/driver"
	"dyno/internal/record"
	"dyno/systems"
	"dyno/systems/lookaside/check"
	"dyno/systems/lookaside/client"
	"dyno/systems/lookaside/server"
	"dyno/systems/lookaside/trial"
)

// demoOptions are the demo's flags.
type demoOptions struct {
	knobs    systems.Values
	duration time.Duration
	requests int64
	seed     uint64
	json     bool
	allowed  record.Share
	work     func() error // checks what a request is
	faults   trial.FaultFlags
}

// Command is the command demo.
func Command(knobs systems.Knobs) systems.Command {
	return systems.Command{
		Name:    "demo",
		Starts:  true,
		Summary: "registry, balancer, servers and clients at once: a live table, then a summary",
		Example: "dyno lookaside demo --policy least_load --servers 4 --clients 20 --duration 5s\n" +
			"dyno lookaside demo --servers 4 --duration 6s --kill s2@2s",
		Setup: func(fs systems.FlagSet) func(context.Context, systems.Shell) error {
			o := &demoOptions{knobs: knobs.Bind(fs, "policy", "mode", "choose", "servers", "clients", "rate", "retries", "attempt",
				"service-time", "cpu", "quota", "distribution", "capacity", "report-interval")}
			fs.DurationVar(&o.duration, "duration", 0, fmt.Sprintf("how long clients send; 0 without --requests: %v", client.DefaultLength))
			fs.Int64Var(&o.requests, "requests", 0, "stop after so many requests instead")
			fs.Uint64Var(&o.seed, "seed", 1, "all random choices come from it")
			fs.BoolVar(&o.json, "json", false, "print the summary as JSON")
			o.allowed = record.DefaultMaxFailures
			fs.Var(&o.allowed, "max-failures", driver.MaxFailuresHelp)
			o.work = server.OneWork(fs, o.knobs)
			o.faults.Declare(fs)
			return o.run
		},
	}
}

// load is what the client role is told, and how long that lasts if it is known.
func (o *demoOptions) load() (args []string, length time.Duration, err error) {
	if err := client.CheckRate(o.knobs.Float("rate"), o.requests); err != nil {
		return nil, 0, err
	}
	switch {
	case o.requests < 0:
		return nil, 0, systems.Usagef("--requests %d must not be negative", o.requests)
	case o.requests > 0 && o.duration > 0:
		return nil, 0, systems.Usagef("--requests %d and --duration %v: give one of them", o.requests, o.duration)
	case o.requests > 0:
		return []string{"--requests", strconv.FormatInt(o.requests, 10)}, 0, nil
	case o.duration == 0:
		o.duration = client.DefaultLength
	}
	if err := systems.CheckWindow(0, o.duration); err != nil {
		return nil, 0, systems.Usagef("--duration: %w", err)
	}
	return []string{"--length", o.duration.String()}, o.duration, nil
}

func (o *demoOptions) run(ctx context.Context, sh systems.Shell) (err error) {
	load, length, err := o.load()
	if err != nil {
		return err
	}
	if err := o.work(); err != nil {
		return err
	}
	c, err := trial.NewConfig(o.knobs, o.seed)
	if err != nil {
		return err
	}
	if err := o.faults.Check(o.knobs.Int("servers"), length); err != nil {
		return err
	}
	ctx, bench, closeBench, err := sh.Bench(ctx, systems.Setting{Seed: o.seed, Load: record.Load{Loop: "closed"}, Length: length})
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, closeBench()) }()
	d, err := trial.Deploy(ctx, bench, c)
	if err != nil {
		return err
	}
	stop := show(ctx, sh, d)
	r, err := d.Run(ctx, o.faults, load...)
	stop()
	if err != nil {
		return err
	}
	if err := d.Stop(ctx); err != nil {
		return err
	}
	return o.report(sh, r)
}

// report prints the summary; a check that failed is an error.
func (o *demoOptions) report(sh systems.Shell, r *trial.Run) error {
	s := r.Summary()
	show := s.Print
	if o.json {
		show = s.PrintJSON
	}
	if err := show(sh.Out); err != nil {
		return err
	}
	verdict := record.Judge(append(r.Verdict().Checks, r.Client.Load.Failures().Check(o.allowed))...)
	if !o.json {
		if err := driver.PrintQuality(sh.Out, &r.Client.Load); err != nil {
			return fmt.Errorf("print the result: %w", err)
		}
		fmt.Fprintf(sh.Out, "checks: %s (%d)\n", verdict.Status, len(verdict.Checks))
	}
	return proved(sh.Err, verdict)
}

// proved turns a verdict into an error that lists the reasons. Two doubts are
// no more than warnings: lateness, which spoils figures that the demo does not
// store and says nothing against the answers, and that a check found nothing
// to look at because the faults left none.
func proved(w io.Writer, v record.Verdict) error {
	var errs []error
	valid := 0
	for _, c := range v.Checks {
		doubt := c.Status == record.Undetermined
		switch {
		case c.Status == record.Valid:
			valid++
		case doubt && (c.Name == check.Punctual || c.Examined == 0):
			fmt.Fprintf(w, "warning: %s: %s\n", c.Name, c.Detail)
		default:
			errs = append(errs, fmt.Errorf("%s is %s: %s", c.Name, c.Status, c.Detail))
		}
	}
	if valid == 0 {
		errs = append(errs, errors.New("nothing was proved"))
	}
	return errors.Join(errs...)
}

// show draws the balancer's table until it is told to stop.
func show(ctx context.Context, sh systems.Shell, d *trial.Deployment) (stop func()) {
	ctx, cancel := context.WithCancel(ctx)
	t := &table{out: sh.Err, terminal: sh.Terminal}
	d.Note = t.note
	var drawing sync.WaitGroup
	drawing.Go(func() {
		tick := time.NewTicker(t.interval())
		defer tick.Stop()
		for {
			select {
			case <-tick.C:
				resp, err := d.Table(ctx)
				if ctx.Err() == nil {
					t.draw(time.Since(d.Started), resp.GetServers(), err)
				}
			case <-ctx.Done():
				return
			}
		}
	})
	return func() {
		cancel()
		drawing.Wait()
	}
}
