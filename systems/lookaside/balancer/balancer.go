package balancer

import (
	"cmp"
	"math/rand/v2"
	"time"

	"dyno/systems/lookaside/policy"
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
)

// staleAfter is the age, in report intervals, at which a report no longer says
// anything about a server; a suspicion lasts as long.
const staleAfter = 3

// errorMemory is the time constant with which reported errors are averaged
// (1 − 1/e of the weight lies in the last second): reports come every 100 ms
// or so, and a server must not look healthy because it got no traffic in one
// of them.
const errorMemory = time.Second

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
}

// Config says how a Balancer works.
type Config struct {
	Policy   policy.Policy // required
	Rand     *rand.Rand    // breaks ties; required
	Service  string        // named in a NoServerError
	Interval time.Duration // how often servers report; 0 means DefaultInterval
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
}

type row struct {
	Member
	picks     int64
	last      Report
	reported  bool          // last holds a report of this instance
	at        time.Duration // when the last report came
	errorRate float64       // smoothed, per second
	assigned  int           // picks since the last report, or since counted
	counted   time.Duration // when assigned was last set to 0
	suspected bool
	until     time.Duration // when the suspicion ends
	index     int           // in view; -1 when it may not be picked
}

// New makes an empty Balancer. It panics without a policy or a generator.
func New(cfg Config) *Balancer {
	if cfg.Policy == nil || cfg.Rand == nil {
		panic("balancer: Config needs a Policy and a Rand")
	}
	if cfg.Interval <= 0 {
		cfg.Interval = DefaultInterval
	}
	return &Balancer{cfg: cfg, byID: make(map[string]*row)}
}

// Pick chooses a server for one request, or returns a [*NoServerError] at once.
func (b *Balancer) Pick(now time.Duration) (Pick, error) {
	b.advance(now)
	b.refresh()
	if len(b.view) == 0 {
		return Pick{}, &NoServerError{Service: b.cfg.Service, Registered: len(b.rows)}
	}
	i := b.cfg.Policy.Pick(b.view, b.cfg.Rand)
	r := b.viewOf[i]
	r.picks++
	r.assigned++
	b.view[i].Assigned = r.assigned
	return Pick{ID: r.ID, Instance: r.Instance, Address: r.Address}, nil
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
