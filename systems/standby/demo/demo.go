// Package demo is the command demo: a primary is killed under load, and no money
// is lost.
package demo

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"time"

	"dyno/internal/backoff"
	"dyno/internal/record"
	"dyno/systems"
	"dyno/systems/standby/client"
	"dyno/systems/standby/cluster"
)

// What the demo does, and for how long at most.
const (
	accounts  = 8
	each      = 1000 // on every account at the start
	before    = time.Second
	after     = time.Second
	patience  = 10 * time.Second
	lookEvery = 10 * time.Millisecond
)

// options are the demo's flags.
type options struct {
	replicate string
	lease     time.Duration
	clients   int
	asJSON    bool
}

// Command is the command demo.
func Command() systems.Command {
	return systems.Command{
		Name:    "demo",
		Starts:  true,
		Summary: "a cluster, clients, a kill -9 of the primary, no lost money: what happened, explained",
		Example: "dyno standby demo\ndyno standby demo --replicate async --json",
		Setup: func(fs systems.FlagSet) func(context.Context, systems.Shell) error {
			o := &options{}
			fs.StringVar(&o.replicate, "replicate", "sync", "sync: acknowledged when both have it; async: at once")
			fs.DurationVar(&o.lease, "lease", time.Second, "the longest time without a primary, 50ms to 10s")
			fs.IntVar(&o.clients, "clients", accounts, "clients, 1 to 100")
			fs.BoolVar(&o.asJSON, "json", false, "print what happened as JSON")
			return o.run
		},
	}
}

func (o *options) check() error {
	if _, err := (systems.Choice{"sync", "async"}).Parse(o.replicate); err != nil {
		return systems.Usagef("--replicate %w", err)
	}
	if _, err := (systems.Duration{Min: 50 * time.Millisecond, Max: 10 * time.Second}).Parse(o.lease.String()); err != nil {
		return systems.Usagef("--lease %w", err)
	}
	if _, err := (systems.Int{Min: 1, Max: 100}).Parse(fmt.Sprint(o.clients)); err != nil {
		return systems.Usagef("--clients %w", err)
	}
	return nil
}

func (o *options) run(ctx context.Context, sh systems.Shell) (err error) {
	if err := o.check(); err != nil {
		return err
	}
	ctx, bench, closeBench, err := sh.Bench(ctx, systems.Setting{Seed: 1, Load: record.Load{Loop: "closed"}, Length: before + after})
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, closeBench()) }()
	say := func(format string, args ...any) {
		if !o.asJSON {
			fmt.Fprintf(sh.Out, format+"\n", args...)
		}
	}
	r, err := o.play(ctx, bench, say)
	if err != nil {
		return err
	}
	if o.asJSON {
		e := json.NewEncoder(sh.Out)
		e.SetIndent("", "  ")
		err = e.Encode(r)
	} else {
		err = r.print(sh.Out)
	}
	return errors.Join(err, r.failure())
}

// play runs the demo.
func (o *options) play(ctx context.Context, bench systems.Bench, say func(string, ...any)) (*result, error) {
	opening := map[string]int64{}
	for i := range accounts {
		opening[account(i)] = each
	}
	c, err := cluster.Start(ctx, bench, cluster.Options{Accounts: opening, Async: o.replicate == "async", Lease: o.lease, Witness: true})
	if err != nil {
		return nil, err
	}
	bank, err := client.Dial(client.Options{Hosts: c.Hosts, File: c.Config, Attempt: max(o.lease/4, 20*time.Millisecond), Bound: patience})
	if err != nil {
		return nil, err
	}
	defer bank.Close()
	s := &scene{bank: bank, resumed: make(chan struct{}), result: &result{Replicate: o.replicate, LeaseMS: ms(o.lease), Clients: o.clients}}
	if _, err := bank.Session().Balance(ctx, account(0)); err != nil {
		return nil, fmt.Errorf("the bank does not open: %w", err)
	}
	if err := s.awaitPair(ctx); err != nil {
		return nil, err
	}
	say("A witness, a primary and a standby run as processes; %d accounts with %d each. %d clients move money.", accounts, each, o.clients)
	stop := s.load(ctx, o.clients)
	defer stop()
	if err := backoff.Sleep(ctx, before); err != nil {
		return nil, err
	}
	killed, survivor, err := s.cast(ctx, c)
	if err != nil {
		return nil, err
	}
	say("Now kill -9 of %s, the primary, in the middle of it.", killed.Name())
	if err := s.kill(killed); err != nil {
		return nil, err
	}
	if err := s.awaitSuccessor(ctx); err != nil {
		return nil, err
	}
	say("%s has taken over after %.0f ms.", survivor.Name(), s.silence())
	if err := backoff.Sleep(ctx, after); err != nil {
		return nil, err
	}
	say("%s is started again, and finds itself the standby.", killed.Name())
	if err := killed.Restart(ctx); err != nil {
		return nil, err
	}
	stop()
	return s.result, s.audit(ctx)
}

func account(i int) string { return fmt.Sprint(i + 1) }

func ms(d time.Duration) float64 {
	return float64(d.Round(10*time.Microsecond)) / float64(time.Millisecond)
}

// result is what happened; times are in milliseconds.
type result struct {
	Replicate string  `json:"replicate"`
	LeaseMS   float64 `json:"lease_ms"`
	Clients   int     `json:"clients"`

	BeforeKill int64    `json:"acknowledged_before_kill"`
	AfterKill  int64    `json:"acknowledged_after_kill"`
	Repeated   int64    `json:"answered_from_the_stored_reply"` // sent again, not done again
	Unknown    int64    `json:"unknown"`                        // never answered: done or not
	LostErrors int64    `json:"lost_errors"`                    // async: told that what was acknowledged is lost
	SilenceMS  float64  `json:"silence_ms"`                     // from the kill to the next acknowledged write
	Epochs     []uint64 `json:"epochs"`

	Opening  int64    `json:"opening_money"`
	Expected int64    `json:"expected_money"` // the opening balances, and all that was acknowledged
	Money    int64    `json:"money"`          // what the accounts hold in the end
	Lost     []string `json:"lost_actions,omitempty"`
	Equal    bool     `json:"logs_equal"`
	Actions  uint64   `json:"actions"`
}

// failure is an error where sync mode broke its promise, or the logs differ.
func (r *result) failure() error {
	var errs []error
	if low, high := r.Expected-r.Unknown, r.Expected+r.Unknown; r.Replicate == "sync" && (r.Money < low || r.Money > high) {
		errs = append(errs, fmt.Errorf("the accounts hold %d, want %d: acknowledged money is lost or was counted twice", r.Money, r.Expected))
	}
	if !r.Equal {
		errs = append(errs, errors.New("the two logs differ after the rejoin"))
	}
	return errors.Join(errs...)
}

func (r *result) print(w io.Writer) error {
	fmt.Fprintf(w, "\n%-34s %d\n", "acknowledged before the kill", r.BeforeKill)
	fmt.Fprintf(w, "%-34s %d\n", "acknowledged after it", r.AfterKill)
	fmt.Fprintf(w, "%-34s %.0f ms (lease %.0f ms)\n", "from the kill to the next answer", r.SilenceMS, r.LeaseMS)
	fmt.Fprintf(w, "%-34s %d\n", "sent again and not done again", r.Repeated)
	fmt.Fprintf(w, "%-34s %v\n", "epochs of the answers", r.Epochs)
	fmt.Fprintf(w, "%-34s %d at the start, %+d acknowledged: want %d\n", "money", r.Opening, r.Expected-r.Opening, r.Expected)
	fmt.Fprintf(w, "%-34s %d\n", "money on the accounts", r.Money)
	for _, l := range r.Lost {
		fmt.Fprintf(w, "%-34s %s\n", "lost actions", l)
	}
	_, err := fmt.Fprintf(w, "\n%s\n", r.why())
	return err
}

// why explains it.
func (r *result) why() string {
	equal := "Both logs are equal again"
	if !r.Equal {
		equal = "The logs DIFFER"
	}
	if r.Replicate == "sync" {
		return "The primary answered only what the standby had on its disk as well, so the standby knew every\n" +
			"acknowledged action when the lease of the dead one ran out and the witness granted it the next epoch.\n" +
			"Clients sent what was not answered again, under the same number: what had been done was answered\n" +
			fmt.Sprintf("from the stored reply, not done twice. %s, at action %d.", equal, r.Actions)
	}
	return "The primary answered at once and shipped later: what it had not shipped when it died is lost, and the\n" +
		"clients that had seen it were told which actions these are, instead of being served an older state\n" +
		fmt.Sprintf("silently. %s, at action %d.", equal, r.Actions)
}
