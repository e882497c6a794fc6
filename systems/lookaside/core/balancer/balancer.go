// Package balancer is the core of the look-aside load balancer: the table of
// servers, what they reported, and who is picked next.
//
// It is a state machine without a clock, network or disk. The shell around it
// (package lookaside) turns etcd events, registrations, load reports and
// questions into calls, passes the time in as now, and serialises them: the
// type is not safe for concurrent use. Times are durations since any fixed
// moment of the shell's choice and must not run backwards; one that does is
// taken as the latest time seen.
//
// What the core promises for every policy:
//
//   - no server that may be picked: an immediate [NoServerError], never a wait;
//   - a draining server gets nothing new;
//   - a server registered twice is one row, the newer registration counts, and
//     the end of the older one does not remove it;
//   - reports out of order are ignored, impossible ones refused, and those of a
//     server that is not in the table answered with [ErrUnknownServer], so that
//     it registers again;
//   - an empty core that is told the members by [Balancer.Join], as after a
//     restart, spreads by its own picks alone until reports arrive.
package balancer

import (
	"cmp"
	"errors"
	"fmt"
	"math/rand/v2"
	"time"

	"dyno/systems/lookaside/core/policy"
)

// Limits on what the core accepts and keeps.
const (
	MaxServers = 1 << 16 // rows in the table
	MaxName    = 256     // bytes of an id, an instance or an address

	MinCapacity = 1e-3 // relative to a normal server
	MaxCapacity = 1e3

	MaxInFlight    = 1 << 30 // requests
	MaxUtilization = 1e3     // 1 is one server kept busy; ORCA allows more, a thousand cores is the end
	MaxRate        = 1e9     // queries or errors per second
	MaxLatency     = time.Hour

	// MaxProbes bounds the probes that wait for [Balancer.Probes]; with more, new
	// ones are not asked for.
	MaxProbes = 256
)

// staleAfter is the age, in report intervals, at which a report no longer says
// anything about a server; a suspicion lasts as long.
const staleAfter = 3

// errorMemory is the time constant with which reported errors are averaged
// (1 − 1/e of the weight lies in the last second): reports come every 100 ms
// or so, and a server must not look healthy because it got no traffic in one
// of them.
const errorMemory = time.Second

// workMemory is the time constant with which rates and utilisations are
// averaged, and the time that reports must cover before they are believed: what
// A58 calls the blackout period (10 s there, with requests by the thousand).
// enoughWork is how many requests must have been finished in it: the weight of a
// server is then within a third of the truth, two times of three within a fifth.
const (
	workMemory = 5 * time.Second
	enoughWork = 30
)

// DefaultDoubt is how long a server that has stopped reporting, while others go
// on, counts as silent unless Config says otherwise: a lease of 2 s and a second.
// If it is dead, it is gone by then; if it is not, only its reports are.
const DefaultDoubt = 3 * time.Second

// DefaultInterval is the time between two load reports unless Config says otherwise.
const DefaultInterval = 100 * time.Millisecond

// Member is one registration of a server.
type Member struct {
	ID       string // names the row
	Instance string // tells two lives of the same id apart
	Address  string // where clients reach it
	Capacity float64
	Revision int64 // etcd's create revision: the order of registration
}

// Report is what a server says of its load, shaped like an ORCA load report.
type Report struct {
	ID, Instance string
	Sequence     uint64  // grows with every report of one instance
	InFlight     int64   // requests it has
	Utilization  float64 // share of the time since the last report that it was busy
	QPS          float64 // requests finished per second since the last report
	EPS          float64 // of these, errors per second
	Draining     bool    // it finishes what it has and wants nothing new

	// Latency is the mean time that requests spent in the server, of those
	// finished since the last report; 0 when there were none.
	Latency time.Duration
}

// Pick names the server that is to serve a request.
type Pick struct{ ID, Instance, Address string }

// Row is the state of one server in the table, for people to look at.
type Row struct {
	Member
	Picks       int64         // since this instance joined
	InFlight    int64         // as last reported
	Utilization float64       // as last reported
	Assigned    int           // picks since the last report
	ReportAge   time.Duration // since the last report; -1 when there was none
	Draining    bool
	Suspect     bool // a client found it unreachable and no report has come since
	Tally       Tally
}

// Config says how a Balancer works.
type Config struct {
	Policy   policy.Policy // required
	Rand     *rand.Rand    // breaks ties; required
	Service  string        // named in a NoServerError
	Promise  policy.Shares // what the policy promises of its picks, to be audited; empty: no audit
	Interval time.Duration // how often servers report; 0 means DefaultInterval
	Doubt    time.Duration // see DefaultDoubt; 0 means that
}

// Balancer is the table of servers and the choice among them. Make one with [New].
type Balancer struct {
	cfg     Config
	byID    map[string]*row
	rows    []*row // in registration order
	now     time.Duration
	view    []policy.Server // what the policy sees; see view.go
	viewOf  []*row          // the row behind each entry of view
	fresh   bool            // view is right until expires, unless something happens
	expire  time.Duration
	heard   bool   // some entry of view rests on a report
	silent  bool   // some entry of view rests on the mean of the others' reports
	changes uint64 // of the membership

	scored policy.Scored // the policy, if it is one
	index  index         // of the scores in view, then
	prober policy.Prober // the policy, if it is one
	probes []Pick        // wanted, then

	auditor auditor
}

type row struct {
	Member
	picks     int64
	last      Report
	reported  bool          // last holds a report of this instance
	at        time.Duration // when the last report came
	errorRate float64       // smoothed, per second
	work      work
	latency   policy.Peak
	assigned  int           // picks since the last report, or since counted
	counted   time.Duration // when assigned was last set to 0
	suspected bool
	until     time.Duration // when the suspicion ends
	silent    bool          // in view: it has stopped reporting, and most others have not
	index     int           // in view; -1 when it may not be picked
	anew      int           // how often assigned was set to 0
	tally     Tally         // of this instance's picks
}

// New makes an empty Balancer. It panics without a policy or a generator.
func New(cfg Config) *Balancer {
	if cfg.Policy == nil || cfg.Rand == nil {
		panic("balancer: Config needs a Policy and a Rand")
	}
	if cfg.Interval <= 0 {
		cfg.Interval = DefaultInterval
	}
	if cfg.Doubt <= 0 {
		cfg.Doubt = DefaultDoubt
	}
	b := &Balancer{cfg: cfg, byID: make(map[string]*row), auditor: auditor{promise: cfg.Promise}}
	b.scored, _ = cfg.Policy.(policy.Scored)
	b.prober, _ = cfg.Policy.(policy.Prober)
	return b
}

// Pick chooses a server for one request, or returns a [*NoServerError] at once.
func (b *Balancer) Pick(now time.Duration) (Pick, error) {
	b.advance(now)
	b.refresh()
	if len(b.view) == 0 {
		return Pick{}, &NoServerError{Service: b.cfg.Service, Registered: len(b.rows)}
	}
	i := b.choice()
	b.auditor.pick(b.view, b.viewOf, i)
	r := b.viewOf[i]
	r.picks++
	r.assigned++
	b.view[i].Assigned = r.assigned
	b.rescore(i)
	return Pick{ID: r.ID, Instance: r.Instance, Address: r.Address}, nil
}

// choice asks the policy, or the index of its scores.
func (b *Balancer) choice() int {
	if b.scored != nil {
		rng := b.cfg.Rand
		if b.scored.First() {
			rng = nil
		}
		return b.index.pick(rng)
	}
	i := b.cfg.Policy.Pick(b.now, b.view, b.cfg.Rand)
	if b.prober != nil {
		b.wantProbes()
	}
	return i
}

// rescore tells the index that an entry of the view has changed.
func (b *Balancer) rescore(i int) {
	if b.scored != nil {
		b.index.set(i, b.scored.Score(&b.view[i]))
	}
}

// Rows returns the table in registration order.
func (b *Balancer) Rows(now time.Duration) []Row {
	b.advance(now)
	b.refresh()
	out := make([]Row, len(b.rows))
	for i, r := range b.rows {
		out[i] = Row{
			Member: r.Member, Picks: r.picks, InFlight: r.last.InFlight, Utilization: r.last.Utilization,
			Assigned: r.assigned, ReportAge: -1, Draining: r.last.Draining, Suspect: r.suspected,
			Tally: r.tally,
		}
		if r.reported {
			out[i].ReportAge = b.now - r.at
		}
	}
	return out
}

// advance keeps the time from running backwards.
func (b *Balancer) advance(now time.Duration) { b.now = max(b.now, now) }

func order(r, s *row) int {
	return cmp.Or(cmp.Compare(r.Revision, s.Revision), cmp.Compare(r.ID, s.ID))
}

// Errors that a server gets for what it says of itself; the shell maps them to
// INVALID_ARGUMENT, NOT_FOUND and RESOURCE_EXHAUSTED.
var (
	ErrInvalid       = errors.New("invalid")
	ErrUnknownServer = errors.New("unknown server: register again")
	ErrFull          = fmt.Errorf("the table is full with %d servers", MaxServers)
)

// NoServerError says that there is nobody to pick; the shell maps it to
// UNAVAILABLE.
type NoServerError struct {
	Service    string
	Registered int // servers in the table, none of which may be picked
}

func (e *NoServerError) Error() string {
	if e.Registered > 0 {
		return fmt.Sprintf("no server for service %q: all %d are draining", e.Service, e.Registered)
	}
	return fmt.Sprintf("no server for service %q is registered", e.Service)
}

func invalid(format string, args ...any) error {
	return fmt.Errorf("%w: %s", ErrInvalid, fmt.Sprintf(format, args...))
}
