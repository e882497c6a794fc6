package load

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"sync"
	"time"

	"dyno/bench/driver"
	"dyno/internal/record"
	"dyno/systems"
	"dyno/systems/strife/check"
	"dyno/systems/strife/core/tx"
	"dyno/systems/strife/site"
)

// Report is what the role prints as JSON.
type Report struct {
	driver.Report
	Tally Tally        `json:"tally"`
	Calls []check.Call `json:"calls"` // what the users saw
}

// Role is the role load.
func Role(knobs systems.Knobs) systems.Role {
	return systems.Role{Command: systems.Command{
		Name:    "load",
		Summary: "many users who pay each other, in a closed or an open loop",
		Example: "dyno strife load --dir bank.d --clients 8 --length 2s",
		Setup: func(fs systems.FlagSet) func(context.Context, systems.Shell) error {
			dir := fs.String("dir", "", "folder that dyno strife init made")
			addresses := fs.String("addresses", "", "file that says where the gateway is, in place of DIR/run.json")
			kind := fs.String("loop", driver.Closed, "closed: pay when the last payment has ended; open: pay at --rate, come what may")
			users := fs.String("users", "", "comma-separated users; empty: all customers of DIR/setup.yaml, at most 64")
			f := driver.BindFlags(fs)
			v := knobs.Bind(fs, driver.KnobClients, driver.KnobRate, driver.KnobArrivals, KnobOverdraw, KnobRetry, KnobAttempt)
			return func(ctx context.Context, sh systems.Shell) error {
				if *dir == "" {
					return systems.Usagef("--dir is missing: name the folder that dyno strife init has made")
				}
				if err := f.Check(); err != nil {
					return err
				}
				loop, err := f.Loop(*kind, driver.Model{
					Clients: v.Int(driver.KnobClients), Rate: v.Float(driver.KnobRate), Arrivals: v.Text(driver.KnobArrivals),
				})
				if err != nil {
					return err
				}
				opt := Options{
					Dir: site.Dir(*dir), Addresses: *addresses, Seed: f.Seed, Overdraw: v.Float(KnobOverdraw), Retry: v.Text(KnobRetry) == "on",
					Attempt: v.Duration(KnobAttempt),
				}
				if err := opt.choose(*users); err != nil {
					return err
				}
				r, err := drive(ctx, opt, loop, f)
				if err != nil {
					return err
				}
				if f.JSON {
					return json.NewEncoder(sh.Out).Encode(r)
				}
				return r.print(sh, *kind, f.MaxFailures)
			}
		},
	}}
}

// The knobs of the role, beside those of every generator.
const (
	KnobOverdraw = "overdraw"
	KnobRetry    = "retry"
	KnobAttempt  = "attempt"
)

// mostUsers bounds who logs in unless users are named.
const mostUsers = 64

// choose finds users with their accounts.
func (o *Options) choose(names string) error {
	g, err := o.Dir.ReadGateway()
	if err != nil {
		return err
	}
	accounts := map[string]tx.Account{}
	var all []string
	for _, u := range g.Users {
		if u.Account != "" {
			accounts[u.Name] = tx.Account{Bank: u.Bank, Name: u.Account}
			all = append(all, u.Name)
		}
	}
	o.Users = all[:min(len(all), mostUsers)]
	if names != "" {
		o.Users = strings.Split(names, ",")
	}
	if len(o.Users) < 2 {
		return systems.Usagef("--users: %d of them: at least two are needed to pay each other", len(o.Users))
	}
	for _, u := range o.Users {
		a, known := accounts[u]
		if !known {
			return systems.Usagef("--users: setup.yaml names no customer %q", u)
		}
		o.Accounts = append(o.Accounts, a)
	}
	return nil
}

func drive(ctx context.Context, opt Options, loop driver.Loop, f *driver.Flags) (r Report, err error) {
	c, err := open(ctx, opt)
	if err != nil {
		return r, err
	}
	defer func() { err = errors.Join(err, c.close()) }()
	if err := c.ready(); err != nil {
		return r, err
	}
	reading, stop := context.WithCancel(ctx)
	var readers sync.WaitGroup
	readers.Go(func() { c.read(reading) })
	meter := driver.StartMeter(f.Warmup, f.Length)
	sum, err := loop(ctx, c.pay)
	stop()
	readers.Wait()
	r = Report{Report: driver.Report{Summary: sum}, Tally: c.tally, Calls: c.calls}
	r.Meter(meter)
	r.FirstError = c.errors.String()
	return r, err
}

func (r *Report) print(sh systems.Shell, kind string, allowed record.Share) error {
	if err := r.Print(sh.Out, kind, allowed); err != nil {
		return err
	}
	t := r.Tally
	_, err := fmt.Fprintf(sh.Out, "%d calls: %d paid, %d of them told before; %d declined, %d aborted, %d without an answer\n",
		t.Pays, t.Paid, t.Replayed, t.Declined, t.Aborted, t.Silent)
	return err
}

// Knobs are those that the role binds.
func Knobs() systems.Knobs {
	return systems.Knobs{
		{
			Name: KnobOverdraw, Unit: "1", Default: "0", Type: systems.Float{Min: 0, Max: 1},
			Help: "share of payments that nobody can afford: they must be declined",
		},
		{
			Name: KnobRetry, Default: "off", Type: systems.Choice{"on", "off"},
			Help: "whether a user asks again, under the same key, until the end of a payment is known",
		},
		{
			Name: KnobAttempt, Default: "5s", Type: systems.Duration{Min: 10 * time.Millisecond, Max: time.Minute},
			Help: "how long a user waits for an answer before the end of the payment counts as unknown",
		},
	}
}
