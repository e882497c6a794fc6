// Package master is the role master: the shell around the planner (package plan),
// with its sessions, its journal and the publication of the output.
package master

import (
	"context"
	"fmt"
	"log/slog"
	"maps"
	"slices"
	"sync"
	"time"

	"google.golang.org/grpc"

	"dyno/internal/node/host"
	mapreducev1 "dyno/proto/mapreduce/v1"
	"dyno/systems/mapreduce/config"
	"dyno/systems/mapreduce/core/plan"
	"dyno/systems/mapreduce/core/task"
	"dyno/systems/mapreduce/disk"
	"dyno/systems/mapreduce/ledger"
)

// How patient a master is, unless told otherwise.
const (
	quietBeats  = 4   // missed beats that make a backup worth while
	slowFactor  = 2.0 // ages, in medians, that do
	minAge      = 100 * time.Millisecond
	maxFailures = 4
	maxSkips    = 100
	maxLosses   = 8
)

// master is the shell around the planner: one job.
type master struct {
	config *config.Config
	id     string // of the job
	splits []task.Split
	log    *slog.Logger
	ledger *ledger.Writer // nil: nobody asked for one
	core   *plan.Core
	host   *host.Host[plan.Input, plan.Output]
	bounds func() ([][]byte, error) // of the keys of an ordered job, found once
	over   chan struct{}            // closed when the job has ended; failure and summary are then settled
	stop   chan struct{}            // closed when the master is to stop
	told   chan struct{}            // holds one when somebody who watches knows how the job ended

	// What follows is touched by what the host calls, and in its View.
	sessions map[string]*session
	all      []*session                           // also those that have ended, in the order of their coming
	results  map[plan.Attempt]*mapreducev1.Result // decoded so far
	joined   int
	joinedAt time.Duration // when the first worker came; 0: not yet
	mapping  bool          // there is a map task left
	mapsAt   time.Duration // when the last one was done
	changed  chan struct{} // closed and replaced whenever the status changes
	ending   bool          // an end was decided on
	failure  string
	summary  *mapreducev1.Summary
	opened   chan struct{} // closed when the host is there
	placed   chan struct{} // closed when outputs may move to their places
	ended    sync.WaitGroup
}

// newMaster prepares the job: folders, journal, splits and plan.
func newMaster(ctx context.Context, s *config.Config, log *slog.Logger, l *ledger.Writer) (*master, error) {
	m := &master{
		config: s, log: log, ledger: l,
		over: make(chan struct{}), told: make(chan struct{}, 1), stop: make(chan struct{}),
		opened: make(chan struct{}), placed: make(chan struct{}), changed: make(chan struct{}),
		sessions: map[string]*session{}, results: map[plan.Attempt]*mapreducev1.Result{},
	}
	m.bounds = sync.OnceValues(m.findBounds)
	var err error
	if m.splits, err = task.Splits(disk.Disk{}, s.Files, s.SplitBytes()); err != nil {
		return nil, err
	}
	if len(m.splits) > config.MaxMaps {
		return nil, fmt.Errorf("the input makes %d map tasks, at most %d: raise --split-size", len(m.splits), config.MaxMaps)
	}
	if err := m.open(ctx); err != nil {
		return nil, err
	}
	return m, nil
}

// step tells the planner what happened.
func (m *master) step(in plan.Input) {
	_ = m.host.Step(in) // after a failure the job ends, and why is known
	m.host.View(func(now time.Duration) {
		if m.mapping && m.core.Planner().Left(plan.Map) == 0 {
			m.mapping, m.mapsAt = false, now
		}
		m.tell()
	})
}

// tell wakes those who watch; the host is at rest.
func (m *master) tell() {
	close(m.changed)
	m.changed = make(chan struct{})
}

// carry does what the planner wants; the host calls it.
func (m *master) carry(out plan.Output) {
	switch out := out.(type) {
	case plan.Assign:
		task := m.assignment(out)
		m.ledger.Got(out.Worker, task)
		m.sessions[out.Worker].send(task)
	case plan.Cancel:
		m.sessions[out.Worker].send(&mapreducev1.WorkResponse{Event: &mapreducev1.WorkResponse_Cancel{
			Cancel: &mapreducev1.Cancel{Attempt: uint64(out.Attempt)},
		}})
	case plan.Finish:
		m.end("")
	case plan.Publish:
		close(m.placed)
	case plan.Abort:
		m.end(out.Reason)
	}
}

// fail ends the job for a reason of the master's own.
func (m *master) fail(why string) { m.host.View(func(time.Duration) { m.end(why) }) }

// end publishes the output, unless the job has failed, and closes over; the
// host is at rest.
func (m *master) end(failure string) {
	if m.ending {
		return
	}
	m.ending, m.failure = true, failure
	m.ended.Go(func() {
		<-m.opened // the job of an earlier life may end before that
		if failure == "" {
			if err := m.publish(); err != nil {
				failure = err.Error()
			}
		}
		m.host.View(func(now time.Duration) {
			m.failure = failure
			m.summary = m.summarize(now)
			close(m.over)
			m.tell()
		})
	})
}

// publish moves the outputs to their places, once it is remembered that they
// may be there.
func (m *master) publish() error {
	if err := m.config.Layout().Sync(); err != nil {
		return err
	}
	err := m.host.Step(plan.Staged{})
	if err == nil {
		err = m.host.Sync(context.Background())
	}
	if err != nil {
		return fmt.Errorf("journal: %w", err)
	}
	<-m.placed // Sync has sent what rested on the record
	return m.config.Layout().Publish(m.config.Reduces())
}

// watchPause is the least time between two answers to one onlooker.
const watchPause = 50 * time.Millisecond

// WatchJob implements MasterServiceServer.
func (m service) WatchJob(_ *mapreducev1.WatchJobRequest, stream grpc.ServerStreamingServer[mapreducev1.WatchJobResponse]) error {
	for {
		r, changed := m.view()
		if err := stream.Send(r); err != nil {
			return err
		}
		if r.GetSummary() != nil {
			select {
			case m.told <- struct{}{}:
			default:
			}
			return nil
		}
		pause := time.NewTimer(watchPause)
		select {
		case <-pause.C:
		case <-m.over:
		case <-m.stop:
		case <-stream.Context().Done():
		}
		pause.Stop()
		select {
		case <-changed:
		case <-m.over:
		case <-m.stop:
			select {
			case <-m.over:
			default:
				return errStopping
			}
		case <-stream.Context().Done():
			return stream.Context().Err()
		}
	}
}

// view is how far the job is, and a channel that is closed when that changes.
func (m *master) view() (r *mapreducev1.WatchJobResponse, changed <-chan struct{}) {
	m.host.View(func(now time.Duration) { r, changed = m.status(now) })
	return r, changed
}

// status is the same; the host is at rest.
func (m *master) status(now time.Duration) (*mapreducev1.WatchJobResponse, <-chan struct{}) {
	planner := m.core.Planner()
	s := &mapreducev1.Status{
		JobId: m.id, Job: m.config.Job.Name, ElapsedNs: now.Nanoseconds(), Events: m.events(),
		Maps: int32(len(m.splits)), Reduces: int32(m.config.Reduces()),
	}
	s.MapsDone = s.Maps - int32(planner.Left(plan.Map))
	s.ReducesDone = s.Reduces - int32(planner.Left(plan.Reduce))
	states := map[string]plan.WorkerState{}
	for _, w := range planner.Workers(now) {
		states[w.Name] = w
	}
	for _, name := range slices.Sorted(maps.Keys(m.sessions)) {
		s.Workers = append(s.Workers, m.sessions[name].status(states[name]))
	}
	return &mapreducev1.WatchJobResponse{Status: s, Summary: m.summary}, m.changed
}

// status is the worker's row of the table; mu of the master is held.
func (s *session) status(w plan.WorkerState) *mapreducev1.WorkerStatus {
	row := &mapreducev1.WorkerStatus{
		Name: s.hello.GetName(), Pid: s.hello.GetPid(), Address: s.hello.GetAddress(),
		SilenceNs: w.Silence.Nanoseconds(), Suspected: w.Suspected,
		MapsDone: int32(s.mapsDone), ReducesDone: int32(s.reducesDone),
	}
	if w.Task != nil {
		row.Task, row.AgeNs, row.Backup = w.Task.Task.String(), w.Task.Age.Nanoseconds(), w.Task.Backup
	}
	return row
}
