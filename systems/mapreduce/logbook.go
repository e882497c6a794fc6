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
	watch   sync.WaitGroup
	closing chan struct{}
}

// lockPatience is how long a master waits for one that was just killed to be
// gone.
const lockPatience = 2 * time.Second

// logbookSegment is small: most jobs write a few hundred records.
const logbookSegment = 256 << 10

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
		j, _, err := journal.Open(path, journal.Options{Identity: identity, Segment: logbookSegment}, replay)
		if err == nil {
			l := &logbook{journal: j, closing: make(chan struct{})}
			l.watch.Go(func() { l.report(failed) })
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

// report calls failed, at most once, if the journal fails.
func (l *logbook) report(failed func(error)) {
	select {
	case <-l.journal.Failed():
		failed(l.journal.Err())
	case <-l.closing:
	}
}

// note adds an entry, soon to be durable. That it cannot be is reported.
func (l *logbook) note(x entry) { _, _ = l.journal.Submit(context.Background(), x.encode()) }

// force adds an entry and returns when it and all before it are durable.
func (l *logbook) force(ctx context.Context, x entry) error {
	_, err := l.journal.Append(ctx, x.encode())
	return err
}

func (x entry) encode() []byte {
	data, err := json.Marshal(x)
	if err != nil {
		panic(err) // strings, numbers and bytes only
	}
	return data
}

// close writes what is left and closes the journal.
func (l *logbook) close() error {
	close(l.closing)
	l.watch.Wait()
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
