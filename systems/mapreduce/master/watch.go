package master

import (
	"maps"
	"slices"
	"time"

	"google.golang.org/grpc"

	mapreducev1 "dyno/proto/mapreduce/v1"
	"dyno/systems/mapreduce/core/plan"
)

// watchPause is the least time between two answers to one onlooker.
const watchPause = 50 * time.Millisecond

// WatchJob implements MasterServiceServer.
func (m service) WatchJob(_ *mapreducev1.WatchJobRequest, stream grpc.ServerStreamingServer[mapreducev1.WatchJobResponse]) error {
	for {
		r, changed := m.view()
		if err := stream.Send(r); err != nil || r.GetSummary() != nil {
			return err
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
