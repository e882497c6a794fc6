package security

import (
	"cmp"
	"sync"
	"time"

	"golang.org/x/time/rate"

	"dyno/internal/rpc"
)

// Lockout turns away who gave too many wrong passwords in a row: with the last
// of From for 30 s, twice as long with each further one, 15 minutes at most. A
// quiet hour forgets them. The zero value locks out after [FreeFailures].
type Lockout struct {
	From int // wrong passwords; 0: FreeFailures

	mu     sync.Mutex
	failed map[string]*failures
}

type failures struct {
	count int
	last  time.Time
	until time.Time
}

// How many wrong passwords lock out a user, and an address, which many users
// may share: nobody's right password makes up for the wrong ones of others.
const (
	FreeFailures    = 5
	AddressFailures = 50
)

const (
	firstLock   = 30 * time.Second
	longestLock = 15 * time.Minute
	forgetAfter = time.Hour
	// maxTracked bounds the tables here; for one more, an old one is forgotten.
	maxTracked = 10_000
)

// Check refuses who is locked out at a moment.
func (l *Lockout) Check(who string, now time.Time) error {
	l.mu.Lock()
	defer l.mu.Unlock()
	if f := l.failed[who]; f != nil && now.Before(f.until) {
		return &rpc.Error{Kind: rpc.Refused, Message: "too many wrong passwords", RetryAfter: f.until.Sub(now)}
	}
	return nil
}

// Failed counts a wrong password, and says whether it locks out.
func (l *Lockout) Failed(who string, now time.Time) (locked bool) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.failed == nil {
		l.failed = map[string]*failures{}
	}
	f := l.failed[who]
	if f == nil || now.Sub(f.last) > forgetAfter {
		forget(l.failed, func(f *failures) time.Time { return f.last })
		f = &failures{}
		l.failed[who] = f
	}
	f.count++
	f.last = now
	from := cmp.Or(l.From, FreeFailures)
	if f.count < from {
		return false
	}
	f.until = now.Add(min(firstLock<<min(f.count-from, 10), longestLock))
	return true
}

// Passed forgets what went wrong before.
func (l *Lockout) Passed(who string) {
	l.mu.Lock()
	defer l.mu.Unlock()
	delete(l.failed, who)
}

// Limits bound how often something may be asked for: by the holder of a
// certificate, and by all at one address together.
type Limits struct{ Holder, Address Limiter }

// Allow takes one from both allowances, or says when there will be one. Who has
// used up its own takes nothing from its neighbours.
func (l *Limits) Allow(c Caller, now time.Time) error {
	if err := l.Holder.Allow(c.Name, now); err != nil {
		return err
	}
	return l.Address.Allow(c.Network(), now)
}

// Limiter bounds how often each of many may do something. The zero value allows
// nothing.
type Limiter struct {
	PerSecond float64
	Burst     int

	mu      sync.Mutex
	buckets map[string]*bucket
}

type bucket struct {
	*rate.Limiter
	last time.Time
}

// Allow takes one from who's allowance, or says when there will be one.
func (l *Limiter) Allow(who string, now time.Time) error {
	l.mu.Lock()
	b := l.buckets[who]
	if b == nil {
		if l.buckets == nil {
			l.buckets = map[string]*bucket{}
		}
		forget(l.buckets, func(b *bucket) time.Time { return b.last })
		b = &bucket{Limiter: rate.NewLimiter(rate.Limit(l.PerSecond), l.Burst)}
		l.buckets[who] = b
	}
	b.last = now
	l.mu.Unlock()
	if b.AllowN(now, 1) {
		return nil
	}
	wait := time.Duration((1 - b.TokensAt(now)) / l.PerSecond * float64(time.Second))
	return &rpc.Error{Kind: rpc.Refused, Message: "too many calls", RetryAfter: max(wait, time.Millisecond)}
}

// forget makes room in a table by the oldest of a few entries.
func forget[V any](table map[string]V, last func(V) time.Time) {
	if len(table) < maxTracked {
		return
	}
	oldest, name, looked := time.Time{}, "", 0
	for k, v := range table { // in no order
		if at := last(v); looked == 0 || at.Before(oldest) {
			oldest, name = at, k
		}
		if looked++; looked == 8 {
			break
		}
	}
	delete(table, name)
}
