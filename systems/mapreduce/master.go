package mapreduce

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"sync"
	"time"

	"google.golang.org/protobuf/proto"

	"dyno/internal/journal"
	mapreducev1 "dyno/proto/mapreduce/v1"
	"dyno/systems/mapreduce/disk"
	"dyno/systems/mapreduce/plan"
	"dyno/systems/mapreduce/task"
)

// How patient a master is, unless told otherwise.
const (
	defaultLease = time.Second
	minLease     = 50 * time.Millisecond

	leaseBeats  = 40  // beats in a lease
	quietBeats  = 4   // missed beats that make a backup worth while
	slowFactor  = 2.0 // ages, in medians, that do
	minAge      = 100 * time.Millisecond
	maxFailures = 4
	maxSkips    = 100
	maxLosses   = 8
)

// master is the shell around the planner: one job.
type master struct {
	spec   *spec
	wrong  wrong
	id     string // of the job
	splits []task.Split
	log    *slog.Logger
	book   *logbook
	began  time.Time
	over   chan struct{} // closed when the job has ended; failure and summary are then settled
	stop   chan struct{} // closed when the master is to stop

	mu       sync.Mutex
	planner  *plan.Planner
	sessions map[string]*session
	all      []*session                           // also those that have ended, in the order of their coming
	results  map[plan.Attempt]*mapreducev1.Result // decoded so far
	joined   int
	joinedAt time.Duration // when the first worker came; 0: not yet
	mapsAt   time.Duration // when the last map task was done
	changed  chan struct{} // closed and replaced whenever the status changes
	ending   bool          // an end was decided on
	failure  string
	summary  *mapreducev1.Summary
	ended    sync.WaitGroup
}

// newMaster prepares the job: folders, journal, splits and plan.
func newMaster(ctx context.Context, s *spec, log *slog.Logger) (*master, error) {
	m := &master{
		spec: s, log: log, began: time.Now(), over: make(chan struct{}), stop: make(chan struct{}),
		sessions: map[string]*session{}, results: map[plan.Attempt]*mapreducev1.Result{}, changed: make(chan struct{}),
	}
	var err error
	if m.splits, err = task.Splits(disk.Disk{}, s.files, s.splitBytes()); err != nil {
		return nil, err
	}
	if len(m.splits) > maxMaps {
		return nil, fmt.Errorf("the input makes %d map tasks, at most %d: raise --split-size", len(m.splits), maxMaps)
	}
	h, err := m.open(ctx)
	if err != nil {
		return nil, err
	}
	if err := m.resume(h); err != nil {
		return nil, errors.Join(err, m.book.close())
	}
	return m, nil
}

// open makes the folders and opens the journal; with --force it first removes
// what an earlier job has left.
func (m *master) open(ctx context.Context) (*history, error) {
	l := m.spec.layout()
	fail := func(err error) { m.fail("journal: " + err.Error()) }
	if m.spec.force {
		if err := m.clear(ctx); err != nil {
			return nil, err
		}
	}
	if err := l.make(); err != nil {
		return nil, err
	}
	book, h, err := openLogbook(ctx, l.journal(), m.spec.identity(), fail)
	if other, ok := errors.AsType[*journal.IdentityError](err); ok {
		return nil, fmt.Errorf("the unfinished job in %s is another one (%s; now %s): its command line or its input was different; --force starts anew", m.spec.out, other.Got, other.Want)
	}
	m.book = book
	return h, err
}

// clear removes the scratch folder of a job that nobody works on any more.
func (m *master) clear(ctx context.Context) error {
	l := m.spec.layout()
	if _, err := os.Stat(l.journal()); err == nil {
		book, _, err := openLogbook(ctx, l.journal(), m.spec.identity(), func(error) {})
		if errors.Is(err, journal.ErrLocked) {
			return fmt.Errorf("another master is at work in %s", m.spec.out)
		}
		if err == nil {
			err = book.close()
		}
		m.log.Debug("replacing a job", "journal", l.journal(), "error", err) // of another identity, or damaged: it goes
	}
	return l.remove()
}

// resume makes the planner from what is left of earlier lives.
func (m *master) resume(h *history) error {
	m.id = newJobID()
	boot := bootID()
	rebooted := false
	if n := len(h.lives); n > 0 {
		m.id = h.lives[n-1].Job
		rebooted = h.lives[n-1].Boot != boot
	}
	s := m.spec
	beat := s.lease / leaseBeats
	var err error
	m.planner, err = plan.New(plan.Config{
		Maps: len(m.splits), Reduces: s.reduces,
		Survives: s.shuffle == "files",
		Lease:    s.lease, Backups: s.backups, Quiet: quietBeats * beat, Slow: slowFactor, MinAge: minAge,
		Failures: maxFailures, Skips: maxSkips, Losses: maxLosses,
		First: plan.Attempt(len(h.lives)) << 32,
	}, m.usable(h, rebooted))
	if err != nil {
		return err
	}
	m.book.note(entry{Life: &life{Job: m.id, Boot: boot}})
	if n := m.planner.Counters().Resumed; n > 0 {
		m.log.Info("resuming", "job", m.id, "finished tasks", n)
	}
	return nil
}

// usable are the records whose files are still there: those of a machine that
// was started anew may not be, for only outputs were synced.
func (m *master) usable(h *history, rebooted bool) []plan.Record {
	var out []plan.Record
	for _, r := range h.records {
		if r.Kind == plan.TaskDone && !m.there(r, rebooted) && !h.published {
			continue
		}
		out = append(out, r)
	}
	return out
}

// there says whether a finished task's files are as it left them.
func (m *master) there(r plan.Record, rebooted bool) bool {
	result := &mapreducev1.Result{}
	if err := proto.Unmarshal(r.Result, result); err != nil {
		return false
	}
	if r.Task.Phase == plan.Reduce {
		info, err := os.Stat(m.spec.layout().stagedOutput(r.Task.Index))
		return err == nil && info.Size() == result.GetCounters().GetOutputBytes()
	}
	if rebooted {
		return false
	}
	for x, bytes := range result.GetRunBytes() {
		info, err := os.Stat(runPath(result.GetDir(), m.id, r.Task.Index, x))
		if err != nil || info.Size() != bytes {
			return false
		}
	}
	return true
}

// step tells the planner what happened and carries out what it says.
func (m *master) step(in plan.Input) {
	m.mu.Lock()
	defer m.mu.Unlock()
	now := time.Since(m.began)
	left := m.planner.Left(plan.Map)
	for _, out := range m.planner.Step(now, in) {
		m.carry(out)
	}
	if left > 0 && m.planner.Left(plan.Map) == 0 {
		m.mapsAt = now
	}
	if _, tick := in.(plan.Tick); !tick {
		m.tell()
	}
}

// tell wakes those who watch; mu is held.
func (m *master) tell() {
	close(m.changed)
	m.changed = make(chan struct{})
}

// carry does what the planner wants; mu is held.
func (m *master) carry(out plan.Output) {
	switch out := out.(type) {
	case plan.Assign:
		m.sessions[out.Worker].send(m.assignment(out))
	case plan.Cancel:
		m.sessions[out.Worker].send(&mapreducev1.WorkResponse{Event: &mapreducev1.WorkResponse_Cancel{
			Cancel: &mapreducev1.Cancel{Attempt: uint64(out.Attempt)},
		}})
	case plan.Write:
		m.book.note(entry{Plan: &out.Record})
	case plan.Finish:
		m.end("")
	case plan.Abort:
		m.end(out.Reason)
	}
}

// fail ends the job for a reason of the master's own.
func (m *master) fail(why string) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.end(why)
}

// end publishes the output, unless the job has failed, and closes over; mu is
// held.
func (m *master) end(failure string) {
	if m.ending {
		return
	}
	m.ending, m.failure = true, failure
	m.ended.Go(func() {
		if failure == "" {
			if err := m.publish(); err != nil {
				failure = err.Error()
			}
		}
		m.mu.Lock()
		defer m.mu.Unlock()
		m.failure = failure
		m.summary = m.summarize()
		close(m.over)
		m.tell()
	})
}

func (m *master) publish() error {
	if err := m.spec.layout().sync(); err != nil {
		return err
	}
	if err := m.book.force(context.Background(), entry{Publish: true}); err != nil {
		return fmt.Errorf("journal: %w", err)
	}
	return m.spec.layout().publish(m.spec.reduces)
}

// run ticks until the job is over or the context ends.
func (m *master) run(ctx context.Context) {
	m.mu.Lock()
	if m.planner.Left(plan.Reduce) == 0 { // an earlier life got as far as this
		m.end("")
	}
	tick := time.NewTicker(m.planner.Wait())
	m.mu.Unlock()
	defer tick.Stop()
	for {
		select {
		case <-tick.C:
			m.step(plan.Tick{})
		case <-m.over:
			return
		case <-ctx.Done():
			return
		}
	}
}
