package simulator

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"dyno/internal/backoff"

	"dyno/bench/sim"
	"dyno/systems/lookaside/directory"
)

// The world in which faults are hunted. The nodes here are shells, as the gRPC
// shell is one: they turn messages and timers into calls of the cores. What
// TCP and HTTP/2 do for the gRPC shell (each message at most once, in order,
// to the process that the connection was made to) they do by numbers and
// addresses in the messages.

// What is said to the directory, and what it says. Leases are numbered by
// those who hold them.
type (
	simPut struct {
		key      string // the prefix and what follows it
		value    directory.Value
		lease    uint64
		followed string // the prefix
	}
	simHeld struct {
		lease   uint64
		put     int64 // revision of the put
		created int64 // create revision of the key
	}
	simRenew   struct{ lease uint64 }
	simRenewed struct {
		lease uint64
		ok    bool
	}
	simRevoke  struct{ lease uint64 }
	simRevoked struct{ lease uint64 }
	simFollow  struct{ prefix string }
	simListing struct {
		prefix   string
		entries  []directory.Entry // oldest first
		revision int64
		sent     time.Duration
	}
)

func (m simPut) String() string     { return fmt.Sprintf("put %s lease %x", m.key, m.lease) }
func (m simHeld) String() string    { return fmt.Sprintf("held %x at %d", m.lease, m.created) }
func (m simRenew) String() string   { return fmt.Sprintf("renew %x", m.lease) }
func (m simRenewed) String() string { return fmt.Sprintf("renewed %x %v", m.lease, m.ok) }
func (m simRevoke) String() string  { return fmt.Sprintf("revoke %x", m.lease) }
func (m simRevoked) String() string { return fmt.Sprintf("revoked %x", m.lease) }
func (m simFollow) String() string  { return "follow " + m.prefix }
func (m simListing) String() string {
	paths := make([]string, len(m.entries))
	for i, e := range m.entries {
		paths[i] = fmt.Sprintf("%s@%d", strings.Join(e.Path, "/"), e.Revision)
	}
	return fmt.Sprintf("%s at %d: %s", m.prefix, m.revision, strings.Join(paths, " "))
}

const (
	simServers   = "servers/"
	simBalancers = "lb/"

	simExpiryLag = 500 * time.Millisecond // etcd looks for expired leases twice a second
	simRefresh   = 200 * time.Millisecond // a lost change is seen after that
)

// simDirectory stands for etcd: keys under leases, create revisions, watches.
type simDirectory struct {
	env       *sim.Env
	revision  int64
	rows      []simRow // by create revision
	until     map[uint64]time.Duration
	ended     map[uint64]bool
	followers []simFollower
}

type simRow struct {
	directory.Entry
	key, prefix string
	lease       uint64
}

type simFollower struct {
	id     sim.ID
	prefix string
}

func newSimDirectory() sim.Node {
	return &simDirectory{until: map[uint64]time.Duration{}, ended: map[uint64]bool{}}
}

func (d *simDirectory) Init(env *sim.Env) { d.env = env }

func (d *simDirectory) Receive(from sim.ID, msg any) {
	switch m := msg.(type) {
	case simPut:
		d.put(from, m)
	case simRenew:
		_, ok := d.until[m.lease]
		if ok {
			d.extend(m.lease)
		}
		d.env.Send(from, simRenewed{m.lease, ok})
	case simRevoke:
		d.end(m.lease)
		d.env.Send(from, simRevoked(m))
	case simFollow:
		if f := (simFollower{from, m.prefix}); !slices.Contains(d.followers, f) {
			d.followers = append(d.followers, f)
		}
		d.env.Send(from, d.listing(m.prefix))
	}
}

func (d *simDirectory) Timer(tag uint64) {
	until, ok := d.until[tag]
	switch now := d.env.Now(); {
	case !ok:
	case until > now:
		d.env.SetTimer(until-now, tag)
	default:
		d.end(tag)
	}
}

func (d *simDirectory) extend(lease uint64) {
	d.until[lease] = d.env.Now() + directory.LeaseTTL + time.Duration(d.env.Rand().Int64N(int64(simExpiryLag)))
}

// put is etcd's: a key that exists keeps its create revision and goes over to
// the new lease.
func (d *simDirectory) put(from sim.ID, m simPut) {
	if _, twice := d.until[m.lease]; twice || d.ended[m.lease] {
		return
	}
	d.extend(m.lease)
	d.env.SetTimer(directory.LeaseTTL, m.lease)
	d.revision++
	i := slices.IndexFunc(d.rows, func(r simRow) bool { return r.key == m.key })
	if i < 0 {
		i = len(d.rows)
		path := strings.Split(strings.TrimPrefix(m.key, m.followed), "/")
		d.rows = append(d.rows, simRow{key: m.key, prefix: m.followed, Entry: directory.Entry{Path: path, Revision: d.revision}})
	}
	d.rows[i].lease, d.rows[i].Address, d.rows[i].Capacity = m.lease, m.value.Address, m.value.Capacity
	d.env.Send(from, simHeld{m.lease, d.revision, d.rows[i].Revision})
	d.push(m.followed)
}

func (d *simDirectory) end(lease uint64) {
	delete(d.until, lease)
	d.ended[lease] = true
	i := slices.IndexFunc(d.rows, func(r simRow) bool { return r.lease == lease })
	if i < 0 {
		return
	}
	prefix := d.rows[i].prefix
	d.rows = slices.Delete(d.rows, i, i+1)
	d.revision++
	d.push(prefix)
}

func (d *simDirectory) push(prefix string) {
	for _, f := range d.followers {
		if f.prefix == prefix {
			d.env.Send(f.id, d.listing(prefix))
		}
	}
}

func (d *simDirectory) listing(prefix string) simListing {
	l := simListing{prefix: prefix, revision: d.revision, sent: d.env.Now()}
	for _, r := range d.rows {
		if r.prefix == prefix {
			l.entries = append(l.entries, r.Entry)
		}
	}
	return l
}

// Tags of timers: a kind in the low byte, above it the number of what it was
// set for, so that one that is out of date can be told.
const (
	simTagFollow uint64 = iota
	simTagPut           // the directory has not answered
	simTagRenew
	simTagGiveUp // the directory has not answered the revocation
	simTagRetry  // announce again
	simTagReport
	simTagSession // register again
	simTagDrain
	simTagDepart
	simTagThink
	simTagAsk   // ask again
	simTagReply // the balancer has not answered
	simTagServe // the server has not answered
)

func simTag(kind, number uint64) uint64 { return number<<8 | kind }

// simWatch follows a prefix, as directory.follow does.
type simWatch struct {
	env    *sim.Env
	prefix string
	last   simListing
}

func (f *simWatch) ask() {
	f.env.Send(simDirectoryID, simFollow{f.prefix})
	f.env.SetTimer(simRefresh, simTagFollow)
}

// news reports whether a listing is newer than the last one.
func (f *simWatch) news(l simListing) bool {
	if l.prefix != f.prefix || l.revision < f.last.revision || l.revision == f.last.revision && l.sent <= f.last.sent {
		return false
	}
	f.last = l
	return true
}

// simBalancerAddress is where a finder would go: to the balancer announced
// last; when there is none, to the last one known.
func simBalancerAddress(l simListing, known string) string {
	if n := len(l.entries); n > 0 {
		return l.entries[n-1].Address
	}
	return known
}

// simAnnouncer keeps a key in the directory, as [directory.Directory.Announce] does.
type simAnnouncer struct {
	env    *sim.Env
	mutant simMutant
	put    simPut
	held   func(revision int64)
	number uint64 // of the lease, among this process's
	holds  bool
	losing bool          // the lease is being revoked
	until  time.Duration // when the lease ends, as far as is known
	retry  backoff.Backoff
	ended  bool
}

func (a *simAnnouncer) start() {
	a.retry.Rand = a.env.Rand()
	a.number++
	a.holds, a.put.lease = false, a.env.Rand().Uint64()
	a.env.Send(simDirectoryID, a.put)
	a.env.SetTimer(directory.Timeout, simTag(simTagPut, a.number))
}

func (a *simAnnouncer) receive(msg any) {
	switch m := msg.(type) {
	case simHeld:
		if m.lease == a.put.lease && !a.holds && !a.ended {
			a.holds, a.until = true, a.env.Now()+directory.LeaseTTL
			a.retry.Reset()
			a.env.SetTimer(directory.LeaseTTL/3, simTag(simTagRenew, a.number))
			if a.held(m.created); a.mutant == mutantRevision {
				a.held(m.put)
			}
		}
	case simRenewed:
		if m.lease != a.put.lease || !a.holds {
			return
		}
		if a.until = a.env.Now() + directory.LeaseTTL; !m.ok {
			a.lose()
		}
	case simRevoked:
		if m.lease == a.put.lease && a.losing {
			a.again()
		}
	}
}

func (a *simAnnouncer) timer(tag uint64) {
	if tag>>8 != a.number || a.ended {
		return
	}
	switch kind := tag & 0xff; {
	case kind == simTagRetry:
		a.start()
	case kind == simTagGiveUp:
		a.again()
	case kind == simTagPut && !a.holds && !a.losing, kind == simTagRenew && a.env.Now() >= a.until:
		a.lose()
	case kind == simTagRenew:
		a.env.Send(simDirectoryID, simRenew{a.put.lease})
		a.env.SetTimer(directory.LeaseTTL/3, simTag(simTagRenew, a.number))
	}
}

func (a *simAnnouncer) lose() {
	a.env.Send(simDirectoryID, simRevoke{a.put.lease})
	a.number++
	a.holds, a.losing = false, true
	a.env.SetTimer(directory.Timeout/2, simTag(simTagGiveUp, a.number))
}

func (a *simAnnouncer) again() {
	a.number++
	a.losing = false
	a.env.SetTimer(a.retry.Next(), simTag(simTagRetry, a.number))
}

// stop takes the key away, or leaves it to its lease's end when that fails.
func (a *simAnnouncer) stop(fails bool) {
	if a.ended = true; !fails {
		a.env.Send(simDirectoryID, simRevoke{a.put.lease})
	}
}
