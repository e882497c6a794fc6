// Package trial measures one configuration: it deploys the roles as processes,
// or sets up a simulation, lets faults strike, and turns what everybody has
// counted into figures ([Metrics]) and the history that they are proved by.
package trial

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"time"

	"dyno/bench/load"
	"dyno/internal/record"
	lookasidev1 "dyno/proto/lookaside/v1"
	"dyno/systems"
	"dyno/systems/lookaside/check"
	"dyno/systems/lookaside/client"
	"dyno/systems/lookaside/core/theory"
	"dyno/systems/lookaside/directory"
	"dyno/systems/lookaside/knobs"
	"dyno/systems/lookaside/simulator"
)

// idleBound is what servers are given, after the last answer, to be done with
// what clients had given up on.
const idleBound = 5 * time.Second

// Measure is a trial of one configuration: a warm-up, a window, in which a fault may strike, and
// a drain.
func Measure(ctx context.Context, b systems.Bench, v systems.Values) (record.Observation, error) {
	set := b.Setting()
	if err := Measurable(set, v); err != nil {
		return record.Observation{}, err
	}
	c, err := NewConfig(v, set.Seed)
	if err != nil {
		return record.Observation{}, err
	}
	if v.Text("world") == knobs.Simulator {
		if set.Load.Loop == loopSearch {
			return record.Observation{}, errors.New("lookaside: load search is for world processes, whose trials search in the simulator as well")
		}
		return simulateTrial(ctx, b, c)
	}
	d, err := Deploy(ctx, b, c)
	if err != nil {
		return record.Observation{}, err
	}
	args := []string{"--warmup", set.Warmup.String(), "--length", set.Length.String()}
	if set.Load.Loop == loopSearch {
		args = append(append(args, "--search"), load.SearchGoal(set.Load, set.Warmup, set.Length).Args()...)
	}
	r, err := d.Run(ctx, c.faults(set.Warmup, set.Length), args...)
	if err != nil {
		return record.Observation{}, err
	}
	if err := systems.KeepHistory(b, r.proof()); err != nil {
		return record.Observation{}, err
	}
	o := r.observe()
	if set.Load.Loop == loopSearch {
		err = c.observeKnee(ctx, &o, set.Load)
	}
	return o, errors.Join(err, d.Stop(ctx))
}

// loopSearch is the load of an experiment that looks for the knee.
const loopSearch = "search"

// Measurable refuses a configuration that could not measure what it says.
func Measurable(set systems.Setting, v systems.Values) error {
	c, err := NewConfig(v, set.Seed)
	if err == nil {
		err = c.loads(set.Load.Loop)
	}
	if err != nil || c.rate == 0 || v.Text("world") == knobs.Simulator { // whose windows are numbers of requests
		return err
	}
	if err := load.CheckWindow(c.rate, set.Length); err != nil {
		return fmt.Errorf("lookaside: %w", err)
	}
	return nil
}

// loads says whether a configuration is what an experiment calls its load.
func (c *Config) loads(loop string) error {
	switch {
	case loop == loopSearch && (c.rate > 0 || c.Text("fault") != knobs.NoFault):
		return errors.New("lookaside: load search tries rates of its own: give no rate, no offered-load, and no fault")
	case loop != "closed" && loop != "open" && loop != "swept" && loop != loopSearch:
		return fmt.Errorf("lookaside: there is no load %q; use closed, open, search, or swept", loop)
	case loop == "open" && c.rate == 0:
		return errors.New("lookaside: load open: give a rate, or an offered-load as a share of what the servers can do")
	case loop == "closed" && c.rate > 0:
		return fmt.Errorf("lookaside: load closed with a rate of %v: give the experiment the load open, or swept", c.rate)
	}
	return nil
}

// faults are what the knob fault asks for: it strikes the first server, which
// every policy uses, after a quarter of the window.
func (c *Config) faults(warmup, length time.Duration) []Fault {
	f := Fault{kind: c.Text("fault"), server: simulator.ServerName(0), after: warmup + length/4}
	switch f.kind {
	case knobs.NoFault:
		return nil
	case knobs.Restart:
		f.server = ""
	}
	return []Fault{f}
}

// TimeConstant is what a trial forgets its initial state in: its queues, and
// the turns that a balancer takes before it has weights.
func TimeConstant(v systems.Values) time.Duration {
	c, err := NewConfig(v, 0)
	if err != nil {
		return 0 // the trial says so
	}
	if v.Text("world") == knobs.Simulator {
		return 0 // it sees to that itself
	}
	if c.mode == client.ModeGRPC && c.Text("choose") == client.ChooseWeighted {
		return max(client.WeightsCount, c.queues())
	}
	return c.queues()
}

// queues is the time that the queue of all clients takes to pass: at the first
// server, or at all of them together. In an open loop it is the time in which
// the queues that are offered this load forget where they began.
func (c *Config) queues() time.Duration {
	speed := c.speed()
	if rho := c.rate * c.service.Seconds() / speed; rho > 0 {
		if rho >= 1 {
			return 0 // it grows for ever: no time would do
		}
		return c.forgets(rho)
	}
	if c.policy == "pick_first" {
		speed = c.capacities[0]
	}
	return time.Duration(float64(c.service+c.computing()) * float64(c.clients) / speed)
}

// forgets is the relaxation time of an open loop at a utilisation. Of a server
// that is chosen at random it is that of an M/M/1 queue, in closed form. Turns
// arrive more evenly, and an excess lasts as much shorter as the variances of
// both sides add up to less. A policy that sees all loads keeps queues level, and
// then they drain together, unless reports are what takes longer.
func (c *Config) forgets(rho float64) time.Duration {
	alone := float64(c.service) * theory.Relaxation(rho)
	n := float64(len(c.capacities))
	switch c.policy {
	case "round_robin":
		return time.Duration(alone * (1 + 1/n) / 2)
	case "least_load", "least_reported":
		return max(time.Duration(alone/n), 2*c.reportInterval)
	}
	return time.Duration(alone)
}

// Run is what a deployment did under one load.
type Run struct {
	*Deployment
	Client  client.Summary
	began   time.Time                                // before the first request
	elapsed time.Duration                            // from then until after the last answer
	stats   map[string]*lookasidev1.GetStatsResponse // by server, of those that live
	rows    []*lookasidev1.Server                    // the balancer's table at the end
	audit   *lookasidev1.Audit                       // of that balancer's picks
	changes uint64                                   // of that table, since the balancer started
	usage   *usage
	struck  []*strike
}

// Run lets the clients do their work while faults strike, and gathers what
// everybody has to say.
func (d *Deployment) Run(ctx context.Context, faults []Fault, load ...string) (*Run, error) {
	r := &Run{Deployment: d, stats: make(map[string]*lookasidev1.GetStatsResponse)}
	client, err := d.bench.Start(ctx, d.clientLaunch(load...))
	if err != nil {
		return nil, err
	}
	r.began = time.Now()
	if r.usage, err = d.watch(ctx, client); err != nil {
		return nil, err
	}
	faultsEnd := d.strike(ctx, faults)
	out, err := client.Wait(ctx)
	r.elapsed = time.Since(r.began)
	r.usage.stop()
	if r.struck, err = faultsEnd(err); err != nil {
		return nil, err
	}
	if err := json.Unmarshal(out, &r.Client); err != nil {
		return nil, fmt.Errorf("the clients' account: %w", err)
	}
	return r, r.gather(ctx)
}

// gather asks the balancer and every server that lives for their counts.
func (r *Run) gather(ctx context.Context) (err error) {
	for _, s := range r.servers {
		if lost(r.struck, s.Name()) {
			continue
		}
		if r.stats[s.Name()], err = idleStats(ctx, s.Addr()); err != nil {
			return err
		}
	}
	table, err := r.Table(ctx)
	r.rows, r.changes, r.audit = table.GetServers(), table.GetChanges(), table.GetAudit()
	return err
}

// history is what the check judges.
func (r *Run) history() *check.History {
	h := &check.History{
		Policy: r.policy, Asked: r.mode == client.ModeAsk && r.Client.Alone == 0 && r.proxy == nil, Faults: len(r.struck) > 0,
		Moved:   r.changes != uint64(len(r.members)), // each joined once
		Service: r.service, Elapsed: r.elapsed, Bound: directory.LeaseTTL + time.Second,
	}
	if r.proxy != nil {
		h.Proxied = &check.Proxied{Software: r.proxy.Room.Version(), Retries: r.Int("retries"), Leaning: check.Leaning(r.Client.Leaning)}
	}
	a := r.audit
	h.Audit = check.Audit{Picks: a.GetPicks(), Broken: a.GetBroken(), Rank: a.GetRank(), RankVariance: a.GetRankVariance()}
	rows := make(map[string]*lookasidev1.Server)
	for _, row := range r.rows {
		rows[row.GetId()+"/"+row.GetInstance()] = row
	}
	for _, m := range r.members {
		s := check.Server{ID: m.GetId(), Instance: m.GetInstance(), Capacity: m.GetCapacity()}
		row := rows[s.Key()]
		s.Picks, s.Tally = row.GetPicks(), check.Tally{Picks: row.GetAudited(), Expected: row.GetExpected(), Variance: row.GetVariance()}
		s.Unused = r.Client.Reserve.Unused[s.Key()]
		st := r.stats[s.ID]
		s.Lost = st == nil
		s.Requests, s.Abandoned, s.InFlight = st.GetRequests(), st.GetAbandoned(), st.GetInFlight()
		s.Area, s.Busy, s.Oversleep = time.Duration(st.GetInFlightAreaNs()), time.Duration(st.GetBusyNs()), time.Duration(st.GetOversleepNs())
		s.GoneAt, s.Gone = r.goneAt(s.ID)
		h.Servers = append(h.Servers, s)
	}
	for _, a := range r.Client.Servers {
		for i := range h.Servers {
			if s := &h.Servers[i]; s.ID == a.ID && s.Instance == a.Instance {
				s.LastPicked = time.Unix(0, a.LastPickedNS).Sub(r.began)
			}
		}
	}
	h.Clients = r.clientHistories()
	h.Calls = r.calls()
	return h
}

// calls are those that clients told one by one, on the clock of the history. A pick
// may have been made ahead of its call, by as much as the oldest was.
func (r *Run) calls() []check.Call {
	at := func(unix int64) time.Duration { return time.Unix(0, unix).Sub(r.began) }
	out := make([]check.Call, len(r.Client.Calls))
	for i, c := range r.Client.Calls {
		out[i] = check.Call{
			Client: fmt.Sprintf("client %d", c.Client), Number: c.Number, Outcome: c.Outcome, Reason: c.Reason,
			Began: at(c.Began) - r.Client.Reserve.Oldest, Sent: at(c.Sent), Ended: at(c.Ended),
		}
		if c.Server >= 0 {
			out[i].Server = r.Client.Servers[c.Server].ID
		}
	}
	return out
}

func (r *Run) clientHistories() []check.Client {
	out := make([]check.Client, len(r.Client.Clients))
	for i, c := range r.Client.Clients {
		out[i] = check.Client{Name: fmt.Sprintf("client %d", i), Counts: c.Counts, Verified: c.Verified, Wrong: c.Wrong}
		out[i].Servers = make(map[string]check.Share)
		for k, share := range c.Shares {
			if s := r.Client.Servers[k]; share.Sent > 0 {
				out[i].Servers[s.ID+"/"+s.Instance] = check.Share(share)
			}
		}
	}
	return out
}
