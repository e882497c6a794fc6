// Package deposit is the load of servers of which some may be gone: clients who
// write deposits that are numbered, try again until they are acknowledged, and
// one client who stays with the server that it began with.
package deposit

import (
	"context"
	"errors"
	"sync"
	"time"

	"dyno/bench/driver"
	"dyno/bench/load"
	"dyno/internal/record"
)

// Store is how one client reaches the servers: for one caller at a time.
type Store interface {
	// Write does deposit n, once. After an error the next attempt may look for
	// another server.
	Write(ctx context.Context, n int64) error
	Close() error
}

// Report is what a load prints.
type Report struct {
	driver.Report
	Done   []Tally `json:"done"`             // by client
	Gaps   []Gap   `json:"gaps,omitempty"`   // in which no write was acknowledged
	Stayed []Stay  `json:"stayed,omitempty"` // what the client who stays was told
}

// Tally is what became of one client's writes, which are numbered from 0.
type Tally struct {
	Sent    int64   `json:"sent"`
	Unknown []int64 `json:"unknown,omitempty"` // those that were not acknowledged; all others were
}

// Acked says how many writes were acknowledged.
func (t Tally) Acked() int64 { return t.Sent - int64(len(t.Unknown)) }

// Gap is a time without an acknowledged write.
type Gap struct {
	FromUnixNS int64 `json:"from_unix_ns"`
	ToUnixNS   int64 `json:"to_unix_ns"`
}

// Stay is a write that was acknowledged to the client who stays.
type Stay struct {
	N      int64 `json:"n"`
	UnixNS int64 `json:"unix_ns"` // when
}

// Load are clients in a closed loop, each with one write under way.
type Load struct {
	Flags   *driver.Flags
	Clients int
	// Gone says that servers may be gone: a write is tried again until it is
	// acknowledged, its attempts are bounded, and Stay is opened.
	Gone bool
	Open func(ctx context.Context, client int) (Store, error)
	// Stay leads to the server that is to be struck. It returns nil from Write when
	// that acknowledged, and [ErrNoReceipt] when another attempt may succeed there.
	Stay func(context.Context) (Store, error)
}

type client struct {
	store Store
	tally Tally
}

// Run loads the store.
func (l Load) Run(ctx context.Context) (r Report, err error) {
	clients := make([]*client, l.Clients)
	for i := range clients {
		clients[i] = new(client)
		if clients[i].store, err = l.Open(ctx, i); err != nil {
			return r, err
		}
		defer clients[i].store.Close()
	}
	meter := driver.StartMeter(l.Flags.Warmup, l.Flags.Length)
	loop, err := l.Flags.Loop(driver.Closed, driver.Model{Clients: l.Clients})
	if err != nil {
		return r, err
	}
	staying, leave := context.WithCancel(ctx)
	var aside sync.WaitGroup
	if l.Gone {
		aside.Go(func() { r.Stayed = l.stay(staying) })
	}
	var first load.FirstError
	var quiet silence
	sum, err := loop(ctx, func(ctx context.Context, i int) (int32, record.Outcome) {
		if err := clients[i].write(ctx, l.Gone); err != nil {
			first.Note(err.Error())
			return -1, record.Unknown
		}
		quiet.end()
		return 0, record.OK
	})
	leave()
	aside.Wait()
	sum.FirstError = first.String()
	r.Report = driver.Report{Summary: sum}
	r.Meter(meter)
	if l.Gone {
		quiet.end() // nobody may have been served to the end
	}
	r.Gaps = quiet.gaps
	for _, c := range clients {
		r.Done = append(r.Done, c.tally)
	}
	return r, err
}

// Bounds of one attempt where servers may be gone, and of the time between two.
const (
	attemptBound = 300 * time.Millisecond
	attemptPause = 5 * time.Millisecond
)

// write does one write. Where servers may be gone, it is tried again until it is
// acknowledged.
func (c *client) write(ctx context.Context, gone bool) error {
	n := c.tally.Sent
	c.tally.Sent++
	err := c.attempt(ctx, n, gone)
	for err != nil && gone && ctx.Err() == nil {
		time.Sleep(attemptPause)
		err = c.attempt(ctx, n, gone)
	}
	if err != nil {
		c.tally.Unknown = append(c.tally.Unknown, n)
	}
	return err
}

func (c *client) attempt(ctx context.Context, n int64, gone bool) error {
	if gone {
		var cancel context.CancelFunc
		ctx, cancel = context.WithTimeout(ctx, attemptBound)
		defer cancel()
	}
	return c.store.Write(ctx, n)
}

// stayPause is the time between two writes of the client who stays.
const stayPause = 2 * time.Millisecond

// stay writes to the first server for as long as that takes writes, however long
// it is silent: a client without a time-out.
func (l Load) stay(ctx context.Context) (acked []Stay) {
	s, err := l.Stay(ctx)
	if err != nil {
		return nil
	}
	defer s.Close()
	for n := int64(0); ctx.Err() == nil; n++ {
		switch err := s.Write(ctx, n); {
		case err == nil:
			acked = append(acked, Stay{n, time.Now().UnixNano()})
		case !isNoReceipt(err):
			return acked // it takes no writes any more, or is gone
		}
		time.Sleep(stayPause)
	}
	return acked
}

// ErrNoReceipt is the error of a write that a server has done, while nobody else
// said that it has it too.
var ErrNoReceipt = errors.New("the replica did not say that it has the write")

func isNoReceipt(err error) bool { return errors.Is(err, ErrNoReceipt) }

// Gaps that are kept: those of some length, so many.
const (
	leastGap = 20 * time.Millisecond
	mostGaps = 10_000
)

// silence finds the times without an acknowledged write.
type silence struct {
	mu   sync.Mutex
	last int64
	gaps []Gap
}

func (s *silence) end() {
	s.mu.Lock()
	defer s.mu.Unlock()
	now := time.Now().UnixNano()
	if s.last != 0 && now-s.last >= int64(leastGap) && len(s.gaps) < mostGaps {
		s.gaps = append(s.gaps, Gap{s.last, now})
	}
	s.last = now
}
