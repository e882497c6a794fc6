package trial

import (
	"context"
	"slices"
	"time"

	"dyno/bench/lie"
	"dyno/bench/sample"
	"dyno/internal/record"
	"dyno/systems"
	"dyno/systems/lookaside/client"
)

// When a figure deserves a warning.
const (
	muchOversleep   = 0.05 // of the service time given
	busyProcess     = 0.9  // cores, of a process that has one
	manyClients     = 4    // per server, from which on the asymptote is shown
	missedCPUSample = "cpu-samples"
)

// observe turns a run into figures and the proof behind them.
func (r *Run) observe() record.Observation {
	l := &r.Client.Load
	failures := l.Failures()
	o := record.Observation{Counts: l.Counts, Failures: &failures, Verdict: r.Verdict(), Flags: l.Flags(), Evidence: r.evidence()}
	o.Set("throughput_rps", lie.Rate(r.Text("lie"), l.Throughput))
	o.SetHistogram("response", l.Latency)
	o.Set("in_flight", l.InFlight)
	if l.Schedule != nil {
		o.Set("offered_rps", l.Offered)
		o.Set("achieved_rps", l.Sent)
		o.SetHistogram("lag", l.Lag)
	}
	oversleep := r.history().OversleepShare()
	o.Set("oversleep_share", oversleep)
	r.observeFaults(&o)
	if l.Knee != nil { // what servers did and cost at many rates is a figure of none
		l.ObserveSearch(&o)
	} else {
		r.observeTheory(&o)
		r.observeServers(&o)
		r.observeCPU(&o)
	}
	if oversleep > muchOversleep {
		o.Flag("oversleep", "requests left %.1f %% of the service time late; up to %.0f %% is usual", 100*oversleep, 100*muchOversleep)
	}
	return o
}

// observeFaults sets what clients noticed.
func (r *Run) observeFaults(o *record.Observation) {
	l, a := &r.Client.Load, &r.Client
	if l.Window.Sent > 0 {
		o.Set("availability", float64(l.Window.OK)/float64(l.Window.Sent))
	}
	o.Set("client_errors", float64(l.Counts.Sent-l.Counts.OK))
	o.Set("broken_attempts", float64(a.Broken))
	o.Set("alone", float64(a.Alone))
	if n := l.Counts.Sent; n > 0 && r.Int("reserve") > 0 {
		o.Set("reserved_share", float64(a.Reserve.Used)/float64(n))
		o.Set("pick_age_ms", a.Reserve.Age.Seconds()*1e3)
		o.Set("pick_oldest_ms", a.Reserve.Oldest.Seconds()*1e3)
	}
	for _, s := range r.struck {
		at := r.began.Add(s.at)
		o.Set("recovery_ms", float64(max(time.Unix(0, a.LastBroken).Sub(at), 0))/1e6)
	}
}

// observeServers sets what is known per server.
func (r *Run) observeServers(o *record.Observation) {
	n := len(r.members)
	names := make([]string, n)
	requests, busy, utilization, most := make([]float64, n), make([]float64, n), make([]float64, n), make([]float64, n)
	window := r.window()
	for i, m := range r.members {
		names[i] = m.GetId()
		seen := r.seen(i).Window
		requests[i], busy[i] = float64(seen.OK), seen.Service.Seconds()
		utilization[i] = busy[i] / window.Seconds()
		most[i] = float64(r.stats[m.GetId()].GetMaxInFlight())
	}
	o.SetVector("requests", names, requests)
	o.SetVector("utilization", names, utilization)
	o.SetVector("max_in_flight", names, most)
	o.Set("jain_requests", jain(requests))
	o.Set("jain_busy", jain(busy))
}

// window is the length of the measured part.
func (r *Run) window() time.Duration {
	return time.Duration(r.Client.Load.EndUnixNS - r.Client.Load.BeginUnixNS)
}

// observeCPU sets the processor time that the window took.
func (r *Run) observeCPU(o *record.Observation) {
	l := &r.Client.Load
	begin, end := time.Unix(0, l.BeginUnixNS), time.Unix(0, l.EndUnixNS)
	var read int
	cores := func(name string) float64 {
		c, ok := r.usage.cores(name, begin, end)
		c = lie.CPU(r.Text("lie"), read, c)
		read++
		if !ok && !r.ended(name) {
			o.Flag(missedCPUSample, "%s was not sampled over the whole window", name)
		}
		return c
	}
	names, each, sum := make([]string, len(r.servers)), make([]float64, len(r.servers)), 0.0
	for i, s := range r.servers {
		names[i], each[i] = s.Name(), cores(s.Name())
		sum += each[i]
	}
	o.SetVector("cpu", names, each)
	o.Set("servers_cores", sum)
	if r.noQuota == nil {
		o.Set("quota_cores", r.Float("quota"))
	} else {
		o.Set("quota_cores", 0)
		o.Flag("quota", "%v", r.noQuota)
	}
	lb, generator := 0.0, lie.CPU(r.Text("lie"), len(r.servers), r.Client.Cores)
	if r.lbs == 1 { // of a balancer that was started later there are no samples
		lb = cores(r.lb.Name())
		o.Set("lb_cores", lb)
	}
	o.Set("generator_cores", generator)
	between, proxy := lb, 0.0
	if r.proxy != nil {
		proxy = cores(r.proxy.Name())
		between = proxy
	}
	if n := l.Throughput; n > 0 && r.lbs == 1 {
		if r.proxy != nil || r.mode == client.ModeAsk {
			o.Set("between_us_per_request", between*1e6/n)
		}
		o.Set("cpu_us_per_request", (generator+lb+proxy+sum)*1e6/n)
		o.Set("client_us_per_request", generator*1e6/n)
	}
	if generator > busyProcess {
		o.Flag("generator", "the clients used %.2f of their one core: they may be what limits the rate", generator)
	}
	if lb > busyProcess {
		o.Flag("balancer", "the balancer used %.2f of its one core: it may be what limits the rate", lb)
	}
}

// ended says that a server's end was the fault that the trial is about: that it
// was not sampled after it says nothing of the measurement.
func (r *Run) ended(server string) bool {
	return slices.ContainsFunc(r.struck, func(s *strike) bool { return s.server == server && s.ends() })
}

// asymptote is the throughput in requests per second that a closed loop tends
// to as clients grow in number, and never exceeds. With S the mean service
// time at capacity 1:
//
//	pick_first   c1/S     the first server alone is never idle; exact for any number of clients that it keeps busy
//	round_robin  n·cmin/S equal turns: the slowest sets the pace of all
//	random       n·cmin/S equal shares: the same
//	least_load   Σc/S     no server is ever idle
//	weighted_round_robin
//	             Σc/S     shares in proportion to speed: all are saturated together
//
// Between one client and many, round_robin and least_load have no closed form,
// so with fewer than manyClients per server nothing is said. ok is false then,
// for other policies, and without a service time.
func (c *Config) asymptote() (rps float64, ok bool) {
	n := float64(len(c.capacities))
	if c.service <= 0 {
		return 0, false
	}
	sum := c.speed()
	switch {
	case c.rate > 0:
		return 0, false // what is offered, as long as the servers can do it
	case c.policy == "pick_first":
		rps = c.capacities[0]
	case float64(c.clients) < manyClients*n:
		return 0, false
	case c.policy == "round_robin" || c.policy == "random":
		rps = n * slices.Min(c.capacities)
	case c.policy == "least_load" || c.policy == "weighted_round_robin":
		rps = sum
	default:
		return 0, false
	}
	return rps / c.service.Seconds(), true
}

// usage is what the processes of a run cost.
type usage struct {
	sampler *sample.Sampler
	samples *sample.Samples // once stopped
	began   time.Time
	ended   time.Time
}

// watch starts sampling the clients, the balancer and every server.
func (d *Deployment) watch(ctx context.Context, client systems.Process) (*usage, error) {
	targets := []sample.Target{sample.Of(client), sample.Of(d.balancer())}
	if d.proxy != nil {
		targets = append(targets, sample.Target{Name: d.proxy.Name(), PID: d.proxy.PID()})
	}
	for _, s := range d.servers {
		targets = append(targets, sample.Of(s))
	}
	u := &usage{began: time.Now()}
	var err error
	u.sampler, err = sample.Start(ctx, targets, 0)
	return u, err
}

func (u *usage) stop() {
	u.samples, u.ended = u.sampler.Stop(), time.Now()
}

// total is the processor time that a process took during the whole run.
func (u *usage) total(name string) time.Duration {
	return time.Duration(u.samples.Window(name, u.began, u.ended).CPUSeconds * float64(time.Second))
}

// cores is the mean number of cores that a process used in a window. ok says
// that there are samples of all of it.
func (u *usage) cores(name string, begin, end time.Time) (cores float64, ok bool) {
	w := u.samples.Window(name, begin, end)
	return w.Cores, w.Covered >= fullCoverage && !w.Ended
}

// fullCoverage leaves room for the instant between the first request and the
// first sample.
const fullCoverage = 0.99
