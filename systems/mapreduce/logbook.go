package mapreduce

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"strings"
	"sync"
	"time"

	"dyno/internal/journal"
	"dyno/systems/mapreduce/plan"
)

// entry is one record of the master's journal.
type entry struct {
	Life    *life        `json:"life,omitempty"`    // a master began
	Plan    *plan.Record `json:"plan,omitempty"`    // what the planner wrote
	Publish bool         `json:"publish,omitempty"` // from here on outputs move to where they belong
}

// life is what a master writes when it begins.
type life struct {
	Job  string `json:"job"`  // the job's id, the same in all lives
	Boot string `json:"boot"` // of the machine: runs are not synced, so they are worth nothing after another
}

// history is what the journal tells a master.
type history struct {
	lives     []life
	records   []plan.Record
	published bool
}

// logbook is the journal, written in the background: the planner does not
// wait for the disk, since losing the latest records costs work and nothing
// else.
type logbook struct {
	journal *journal.Journal
	failed  func(error) // called at most once, from the background

	mu      sync.Mutex
	pending [][]byte
	waiters []chan error // told when what is pending is durable
	closed  bool
	wake    chan struct{}

	err  error // why writing ended; to be read after done
	done chan struct{}
}

// lockPatience is how long a master waits for one that was just killed to be
// gone.
const lockPatience = 2 * time.Second

// openLogbook opens or creates the journal and reads what it has to tell.
func openLogbook(ctx context.Context, path, identity string, failed func(error)) (*logbook, *history, error) {
	h := &history{}
	replay := func(e journal.Entry) error {
		var x entry
		if err := json.Unmarshal(e.Data, &x); err != nil {
			return fmt.Errorf("record %d: %w", e.Sequence, err)
		}
		h.add(x)
		return nil
	}
	for end := time.Now().Add(lockPatience); ; {
		j, _, err := journal.Open(path, journal.Options{Identity: identity}, replay)
		if err == nil {
			l := &logbook{journal: j, failed: failed, wake: make(chan struct{}, 1), done: make(chan struct{})}
			go l.write()
			return l, h, nil
		}
		if !errors.Is(err, journal.ErrLocked) || time.Now().After(end) {
			return nil, nil, err
		}
		select {
		case <-ctx.Done():
			return nil, nil, ctx.Err()
		case <-time.After(lockPatience / 100):
		}
	}
}

func (h *history) add(x entry) {
	if x.Life != nil {
		h.lives = append(h.lives, *x.Life)
	}
	if x.Plan != nil {
		h.records = append(h.records, *x.Plan)
	}
	h.published = h.published || x.Publish
}

// note adds an entry, soon to be durable.
func (l *logbook) note(x entry) { l.add(x, nil) }

// force adds an entry and returns when it and all before it are durable.
func (l *logbook) force(ctx context.Context, x entry) error {
	durable := make(chan error, 1)
	l.add(x, durable)
	select {
	case err := <-durable:
		return err
	case <-l.done:
		return l.err
	case <-ctx.Done():
		return ctx.Err()
	}
}

func (l *logbook) add(x entry, durable chan error) {
	data, err := json.Marshal(x)
	if err != nil {
		panic(err) // strings, numbers and bytes only
	}
	l.mu.Lock()
	if !l.closed {
		l.pending = append(l.pending, data)
		if durable != nil {
			l.waiters = append(l.waiters, durable)
		}
	}
	l.mu.Unlock()
	l.nudge()
}

func (l *logbook) nudge() {
	select {
	case l.wake <- struct{}{}:
	default:
	}
}

// write appends what has come in the meantime, a batch at a time, until the
// logbook is closed or the journal fails.
func (l *logbook) write() {
	defer close(l.done)
	for {
		l.mu.Lock()
		batch, waiters, closed := l.pending, l.waiters, l.closed
		l.pending, l.waiters = nil, nil
		l.mu.Unlock()
		if len(batch) > 0 {
			_, l.err = l.journal.Append(context.Background(), batch...)
		}
		for _, w := range waiters {
			w <- l.err
		}
		if l.err != nil {
			l.failed(l.err)
			return
		}
		if closed {
			return
		}
		<-l.wake
	}
}

// close writes what is left and closes the journal.
func (l *logbook) close() error {
	l.mu.Lock()
	l.closed = true
	l.mu.Unlock()
	l.nudge()
	<-l.done
	return l.journal.Close()
}

// bootID names this run of the machine; empty where nothing does.
func bootID() string {
	text, err := os.ReadFile("/proc/sys/kernel/random/boot_id")
	if err != nil {
		return ""
	}
	return strings.TrimSpace(string(text))
}
