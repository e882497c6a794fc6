package master

import (
	"time"

	"google.golang.org/protobuf/proto"

	mapreducev1 "dyno/proto/mapreduce/v1"
	"dyno/systems/mapreduce/config"
	"dyno/systems/mapreduce/core/plan"
	"dyno/systems/mapreduce/ledger"
)

// summarize says how the job ended; the host is at rest.
func (m *master) summarize(now time.Duration) *mapreducev1.Summary {
	falsehood := m.config.Knobs.Text(config.KnobLie)
	s := &mapreducev1.Summary{
		Failure: m.failure, Events: m.events(), Counters: &mapreducev1.Counters{},
		ElapsedNs: now.Nanoseconds(), Maps: int32(len(m.splits)), Master: ledger.OwnUsage(falsehood),
	}
	if m.mapsAt > 0 {
		s.MapNs, s.ReduceNs = (m.mapsAt - m.joinedAt).Nanoseconds(), (now - m.mapsAt).Nanoseconds()
	}
	if falsehood == config.LieShortened {
		s.MapNs, s.ReduceNs = s.MapNs*3/4, s.ReduceNs*3/4
	}
	for i := range m.splits {
		if r := m.result(plan.Task{Phase: plan.Map, Index: i}); r != nil {
			addCounters(s.Counters, r.GetCounters())
			s.BusyNs += r.GetWallNs()
			s.MapLongestNs = max(s.MapLongestNs, r.GetWallNs())
		}
	}
	for _, w := range m.all {
		s.Workers = append(s.Workers, &mapreducev1.WorkerUsage{
			Name: w.hello.GetName(), Usage: w.usage, MapsDone: int32(w.mapsDone), ReducesDone: int32(w.reducesDone),
		})
	}
	mapped := s.Counters.GetRunBytes()
	for x := range m.config.Reduces() {
		r := m.result(plan.Task{Phase: plan.Reduce, Index: x})
		addCounters(s.Counters, r.GetCounters())
		s.BusyNs += r.GetWallNs()
		s.ReduceLongestNs = max(s.ReduceLongestNs, r.GetWallNs())
		s.ReduceBytes = append(s.ReduceBytes, r.GetCounters().GetRunBytes())
	}
	s.Counters.RunBytes = mapped // those of reduce tasks are the same bytes again
	return s
}

// result is what a finished task has left; nil for one that is not done. Every
// reduce task asks for those of all map tasks, so they are decoded once.
func (m *master) result(t plan.Task) *mapreducev1.Result {
	r, done := m.core.Planner().Result(t)
	if !done {
		return nil
	}
	if known := m.results[r.Attempt]; known != nil {
		return known
	}
	result := &mapreducev1.Result{}
	if err := proto.Unmarshal(r.Result, result); err != nil {
		m.log.Error("a result cannot be read", "task", t.String(), "error", err)
		return nil
	}
	m.results[r.Attempt] = result
	return result
}

func (m *master) events() *mapreducev1.Events {
	c := m.core.Planner().Counters()
	return &mapreducev1.Events{
		Attempts: int64(c.Attempts), Backups: int64(c.Backups), BackupWins: int64(c.BackupWins),
		Reruns: int64(c.Reruns), Failures: int64(c.Failures), Wasted: int64(c.Wasted),
		Suspected: int64(c.Suspected), Left: int64(c.Left), LostMaps: int64(c.LostMaps),
		Skipped: int64(c.Skipped), Resumed: int64(c.Resumed), Joined: int64(m.joined),
	}
}

// addCounters adds c to sum; what is a maximum stays one.
func addCounters(sum, c *mapreducev1.Counters) {
	sum.InputBytes += c.GetInputBytes()
	sum.Pairs += c.GetPairs()
	sum.Combined += c.GetCombined()
	sum.Skipped += c.GetSkipped()
	sum.SpilledRuns += c.GetSpilledRuns()
	sum.RunBytes += c.GetRunBytes()
	sum.Keys += c.GetKeys()
	sum.OutputLines += c.GetOutputLines()
	sum.OutputBytes += c.GetOutputBytes()
	sum.MergePasses = max(sum.MergePasses, c.GetMergePasses())
	sum.MemoryBytes = max(sum.MemoryBytes, c.GetMemoryBytes())
	sum.LongestBlock = max(sum.LongestBlock, c.GetLongestBlock())
}
