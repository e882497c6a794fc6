package master

import (
	"context"
	"path/filepath"
	"strconv"
	"strings"
	"time"

	"google.golang.org/grpc"
	"google.golang.org/protobuf/proto"

	"dyno/internal/rpc"
	mapreducev1 "dyno/proto/mapreduce/v1"
	"dyno/systems/mapreduce/config"
	"dyno/systems/mapreduce/core/plan"
	"dyno/systems/mapreduce/core/task"
	"dyno/systems/mapreduce/disk"
	"dyno/systems/mapreduce/ledger"
)

// session is one worker's stream, as the master sees it.
type session struct {
	hello *mapreducev1.Hello
	out   chan *mapreducev1.WorkResponse
	cut   context.CancelCauseFunc // ends the stream

	mapsDone, reducesDone int // in the host's View, as all of the master's
	usage                 *mapreducev1.Usage
}

// sessionQueue bounds what waits to be sent to a worker: it gets one task for
// each question, and a cancellation for each task.
const sessionQueue = 64

// send queues a message; a worker that does not read is cut off. A session
// that is no more takes nothing.
func (s *session) send(r *mapreducev1.WorkResponse) {
	if s == nil {
		return
	}
	select {
	case s.out <- r:
	default:
		s.cut(rpc.Errorf(rpc.Refused, "worker %s does not read: %d messages wait", s.hello.GetName(), sessionQueue))
	}
}

// service is what the master answers on the wire.
type service struct {
	mapreducev1.UnimplementedMasterServiceServer
	*master
}

func (m *master) register(r grpc.ServiceRegistrar) {
	mapreducev1.RegisterMasterServiceServer(r, service{master: m})
}

// Work implements MasterServiceServer.
func (m service) Work(stream grpc.BidiStreamingServer[mapreducev1.WorkRequest, mapreducev1.WorkResponse]) error {
	first, err := stream.Recv()
	if err != nil {
		return err
	}
	ctx, cut := context.WithCancelCause(stream.Context())
	defer cut(nil)
	s := &session{
		hello: first.GetHello(), usage: first.GetHello().GetUsage(), out: make(chan *mapreducev1.WorkResponse, sessionQueue),
		cut: cut,
	}
	if err := m.greet(s); err != nil {
		return err
	}
	if err := m.join(s); err != nil {
		return err
	}
	defer m.leave(s)
	go m.receive(stream, s)
	for {
		select {
		case r := <-s.out:
			if err := stream.Send(r); err != nil {
				return err
			}
		case <-m.over:
			return stream.Send(&mapreducev1.WorkResponse{Event: &mapreducev1.WorkResponse_Over{Over: &mapreducev1.Over{Failure: m.failure}}})
		case <-m.stop:
			select {
			case <-m.over: // the other case would have been right
			default:
				return errStopping
			}
		case <-ctx.Done():
			return context.Cause(ctx)
		}
	}
}

// errStopping ends the streams of a master that was asked to stop.
var errStopping = rpc.Errorf(rpc.Unavailable, "the master is stopping")

// greet tells a worker what the job is. The first one's job begins here: where
// keys are ordered, the master now looks at the input.
func (m *master) greet(s *session) error {
	m.host.View(func(now time.Duration) {
		if m.joinedAt == 0 {
			m.joinedAt = now
		}
	})
	bounds, err := m.bounds()
	if err != nil {
		m.fail("sampling the input: " + err.Error())
		return rpc.Errorf(rpc.Unavailable, "sampling the input: %v", err)
	}
	s.send(m.jobMessage(bounds))
	return nil
}

// findBounds looks for the bounds of an ordered job.
func (m *master) findBounds() ([][]byte, error) {
	if !m.config.Job.Ordered {
		return nil, nil
	}
	p, err := m.config.Job.New(m.config.Args)
	if err != nil {
		return nil, err
	}
	return task.Bounds(context.Background(), disk.Disk{}, m.splits, p, m.config.Reduces())
}

func (m *master) join(s *session) error {
	name := s.hello.GetName()
	if name == "" {
		return rpc.InvalidField("hello.name", "a stream begins with a hello that has a name")
	}
	taken := false
	m.host.View(func(time.Duration) {
		if taken = m.sessions[name] != nil; taken {
			return
		}
		m.sessions[name] = s
		m.all = append(m.all, s)
		m.joined++
	})
	if taken {
		return rpc.InvalidField("hello.name", "a worker %q is here already", name)
	}
	m.step(plan.Join{Worker: name})
	return nil
}

func (m *master) leave(s *session) {
	name := s.hello.GetName()
	m.host.View(func(time.Duration) { delete(m.sessions, name) })
	m.step(plan.Leave{Worker: name})
}

// receive turns a worker's messages into inputs until the stream breaks.
func (m *master) receive(stream grpc.BidiStreamingServer[mapreducev1.WorkRequest, mapreducev1.WorkResponse], s *session) {
	name := s.hello.GetName()
	for {
		r, err := stream.Recv()
		if err != nil {
			s.cut(err)
			return
		}
		switch e := r.GetEvent().(type) {
		case *mapreducev1.WorkRequest_Beat:
			m.host.View(func(time.Duration) { s.usage = e.Beat.GetUsage() })
			m.step(plan.Beat{Worker: name})
		case *mapreducev1.WorkRequest_Ask:
			m.step(plan.Ask{Worker: name, Seq: e.Ask.GetSeq()})
		case *mapreducev1.WorkRequest_Done:
			m.finished(s, e.Done)
		case *mapreducev1.WorkRequest_Failed:
			m.failed(s, e.Failed)
		}
	}
}

func (m *master) finished(s *session, d *mapreducev1.Done) {
	result, err := proto.Marshal(d.GetResult())
	if err != nil {
		m.log.Error("a result cannot be kept", "worker", s.hello.GetName(), "error", err)
		return
	}
	m.ledger.Write(ledger.Line{Event: ledger.EventTold, Attempt: d.GetAttempt(), Worker: s.hello.GetName()})
	m.host.View(func(time.Duration) {
		s.usage = d.GetUsage()
		if len(d.GetResult().GetRunBytes()) > 0 {
			s.mapsDone++
		} else {
			s.reducesDone++
		}
	})
	m.step(plan.Done{Worker: s.hello.GetName(), Attempt: plan.Attempt(d.GetAttempt()), Result: result})
}

func (m *master) failed(s *session, f *mapreducev1.Failed) {
	in := plan.Failed{Worker: s.hello.GetName(), Attempt: plan.Attempt(f.GetAttempt()), Reason: f.GetReason()}
	if r := f.GetRecord(); r != nil {
		in.Record = recordName(r)
	}
	m.host.View(func(time.Duration) {
		sources := m.core.Planner().Sources(in.Attempt)
		for _, i := range f.GetLostMaps() {
			if i >= 0 && int(i) < len(sources) {
				in.Lost = append(in.Lost, sources[i])
			}
		}
	})
	m.log.Warn("an attempt failed", "worker", in.Worker, "attempt", in.Attempt, "reason", in.Reason)
	m.step(in)
}

// recordName writes a record as the planner knows it.
func recordName(r *mapreducev1.Record) string {
	return strconv.FormatInt(r.GetOffset(), 10) + "+" + strconv.FormatInt(r.GetLength(), 10) + " " + string(r.GetKey())
}

// recordNamed reads what recordName wrote.
func recordNamed(name string) *mapreducev1.Record {
	place, key, _ := strings.Cut(name, " ")
	offset, length, _ := strings.Cut(place, "+")
	r := &mapreducev1.Record{Key: []byte(key)}
	r.Offset, _ = strconv.ParseInt(offset, 10, 64) // both were written above
	r.Length, _ = strconv.ParseInt(length, 10, 64)
	return r
}

func (m *master) jobMessage(bounds [][]byte) *mapreducev1.WorkResponse {
	s := m.config
	return &mapreducev1.WorkResponse{Event: &mapreducev1.WorkResponse_Job{Job: &mapreducev1.Job{
		Id: m.id, Name: s.Job.Name, Args: s.Args, Combine: s.On(config.KnobCombiner), Reduces: int32(s.Reduces()),
		MemoryBytes: s.Memory(), Stream: s.Stream(), OutDir: s.Layout().Staged(),
		BeatNs: (s.Lease / config.LeaseBeats).Nanoseconds(), Bounds: bounds,
	}}}
}

// assignment is an assignment on the wire; the host is at rest.
func (m *master) assignment(a plan.Assign) *mapreducev1.WorkResponse {
	var skip []*mapreducev1.Record
	for _, name := range a.Skip {
		skip = append(skip, recordNamed(name))
	}
	if a.Task.Phase == plan.Map {
		split := m.splits[a.Task.Index]
		return &mapreducev1.WorkResponse{Event: &mapreducev1.WorkResponse_Map{Map: &mapreducev1.MapTask{
			Seq: a.Seq, Attempt: uint64(a.Attempt), Task: int32(a.Task.Index),
			File: split.File, Path: absolute(split), Offset: split.Offset, Length: split.Length, Skip: skip,
		}}}
	}
	t := &mapreducev1.ReduceTask{Seq: a.Seq, Attempt: uint64(a.Attempt), Task: int32(a.Task.Index), Skip: skip}
	seen := map[string]int32{}
	for i := range m.splits {
		r := m.result(plan.Task{Phase: plan.Map, Index: i})
		key := r.GetDir() + "\x00" + r.GetAddress()
		home, known := seen[key]
		if !known {
			home = int32(len(t.Homes))
			seen[key] = home
			t.Homes = append(t.Homes, &mapreducev1.Home{Dir: r.GetDir(), Address: r.GetAddress()})
		}
		t.Home = append(t.Home, home)
	}
	return &mapreducev1.WorkResponse{Event: &mapreducev1.WorkResponse_Reduce{Reduce: t}}
}

// absolute is where a worker finds the input: its folder may be another.
func absolute(s task.Split) string {
	path, err := filepath.Abs(s.File)
	if err != nil { // there is no current folder: a relative name is all there is
		return s.File
	}
	return path
}
