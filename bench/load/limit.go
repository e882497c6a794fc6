package load

import (
	"fmt"
	"regexp"
	"sync"
	"sync/atomic"
	"time"

	"dyno/internal/record"
)

// DefaultOver is the time over which a [Limit] looks back.
const DefaultOver = 5 * time.Second

// Limit is a share of failures that ends a run: who loads a service in earnest
// wants to stop when it breaks.
type Limit struct {
	Share record.Share  // of operations that were not answered OK
	Over  time.Duration // of the last so long, up to a tenth less
}

var limitForm = sync.OnceValue(func() *regexp.Regexp { return regexp.MustCompile(`^errors\s*>=?\s*(\S+\s*%)(?:\s+over\s+(\S+))?$`) })

// ParseLimit reads "errors > 5%" or "errors > 5% over 10s".
func ParseLimit(text string) (l Limit, err error) {
	m := limitForm().FindStringSubmatch(text)
	if m == nil {
		return l, fmt.Errorf(`%q is not a bound such as "errors > 5%%" or "errors > 5%% over 10s"`, text)
	}
	if err := l.Share.Set(m[1]); err != nil {
		return l, err
	}
	l.Over = DefaultOver
	if m[2] == "" {
		return l, nil
	}
	if l.Over, err = time.ParseDuration(m[2]); err != nil || l.Over < looks*time.Millisecond {
		return l, fmt.Errorf("%q: %q is not a time of %v or more", text, m[2], looks*time.Millisecond)
	}
	return l, nil
}

// String is the limit as [ParseLimit] reads it.
func (l Limit) String() string { return fmt.Sprintf("errors > %v over %v", l.Share, l.Over) }

// looks is how many parts the time has that a limit looks back.
const looks = 10

// Guard watches a run for a [Limit]. It costs an operation that was OK two
// atomic additions, and nothing to remember.
type Guard struct {
	limit Limit
	trip  func(error)

	parts [looks]struct{ number, sent, failed atomic.Int64 }
	turn  sync.Mutex // of parts
	once  sync.Once
	check atomic.Pointer[record.Check]
}

// NewGuard calls trip once, when the share of failures is above the limit by
// more than chance explains ([record.Failures.Check]).
func NewGuard(l Limit, trip func(error)) *Guard { return &Guard{limit: l, trip: trip} }

// Tripped is the check that the run failed by; nil when it did not.
func (g *Guard) Tripped() *record.Check { return g.check.Load() }

// See is told of every operation, as Closed.Each and Open.Each are.
func (g *Guard) See(s record.Span) {
	number := s.End/(int64(g.limit.Over)/looks) + 1 // from 1: 0 is of a part that was never used
	p := &g.parts[number%looks]
	if now := p.number.Load(); now != number {
		if now > number {
			return // so late that its part is another one's
		}
		g.turn.Lock()
		if p.number.Load() < number {
			p.sent.Store(0)
			p.failed.Store(0)
			p.number.Store(number)
		}
		g.turn.Unlock()
	}
	p.sent.Add(1)
	if s.Outcome == record.OK {
		return
	}
	p.failed.Add(1)
	g.judge(number)
}

// judge looks back from a part, after a failure: only these can raise the share.
func (g *Guard) judge(number int64) {
	var f record.Failures
	for i := range g.parts {
		if p := &g.parts[i]; p.number.Load() > number-looks {
			f.Failed += p.failed.Load()
			f.Sent += p.sent.Load()
		}
	}
	if f.Failed = min(f.Failed, f.Sent); f.Check(g.limit.Share).Status != record.Invalid {
		return
	}
	g.once.Do(func() {
		c := record.Fail("abort-on", f.Sent, "the run was stopped: %v of the last %d operations failed (abort on %v)", f.Share(), f.Sent, g.limit)
		g.check.Store(&c)
		g.trip(fmt.Errorf("load: %s", c.Detail))
	})
}
