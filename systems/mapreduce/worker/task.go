package worker

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"time"

	mapreducev1 "dyno/proto/mapreduce/v1"
	"dyno/systems/mapreduce/config"
	"dyno/systems/mapreduce/core/job"
	"dyno/systems/mapreduce/core/task"
	"dyno/systems/mapreduce/disk"
	"dyno/systems/mapreduce/ledger"
)

// doMap runs a map task and returns its report.
func (t *turn) doMap(ctx context.Context, m *mapreducev1.MapTask) *mapreducev1.WorkRequest {
	began := time.Now()
	program, err := t.program()
	if err != nil {
		return failure(m.GetAttempt(), err)
	}
	done, err := task.Map{
		Job: t.job.GetId(), Program: program, Task: int(m.GetTask()), Attempt: int(m.GetAttempt()),
		Split:   task.Split{File: m.GetFile(), Path: m.GetPath(), Offset: m.GetOffset(), Length: m.GetLength()},
		Reduces: int(t.job.GetReduces()), Dir: t.dir, Memory: t.job.GetMemoryBytes(), Skip: skipped(m.GetSkip()),
		Workspace: &t.space,
	}.Run(ctx, disk.Disk{})
	if err != nil {
		return failure(m.GetAttempt(), err)
	}
	r := &mapreducev1.Result{Counters: wireCounters(done.Counters), Dir: t.dir, Address: t.address, WallNs: time.Since(began).Nanoseconds()}
	for _, run := range done.Runs {
		r.RunBytes = append(r.RunBytes, run.Bytes)
	}
	t.ledger.Write(ledger.Line{
		Event: ledger.EventMade, Attempt: m.GetAttempt(),
		Made: &ledger.Made{WallNs: r.GetWallNs(), Spilled: done.Counters.SpilledRuns},
	})
	return t.success(m.GetAttempt(), r)
}

// doReduce runs a reduce task and returns its report.
func (t *turn) doReduce(ctx context.Context, m *mapreducev1.ReduceTask) *mapreducev1.WorkRequest {
	began := time.Now()
	program, err := t.program()
	if err != nil {
		return failure(m.GetAttempt(), err)
	}
	fetch := newFetcher(t.job.GetId(), time.Duration(t.job.GetBeatNs())*stallBeats)
	defer fetch.close()
	var inputs []task.Input
	for i, h := range m.GetHome() {
		home := m.GetHomes()[h]
		if t.job.GetStream() && home.GetAddress() != t.address {
			inputs = append(inputs, fetch.input(home.GetAddress(), i, int(m.GetTask())))
		} else {
			inputs = append(inputs, task.FileInput(disk.Disk{}, i, config.RunPath(home.GetDir(), t.job.GetId(), i, int(m.GetTask()))))
		}
	}
	done, err := task.Reduce{
		Job: t.job.GetId(), Program: program, Task: int(m.GetTask()), Attempt: int(m.GetAttempt()),
		Inputs: inputs, Scratch: t.dir, Out: t.job.GetOutDir(), Memory: t.job.GetMemoryBytes(), Skip: skipped(m.GetSkip()),
	}.Run(ctx, disk.Disk{})
	if err != nil {
		return failure(m.GetAttempt(), err)
	}
	r := &mapreducev1.Result{Counters: wireCounters(done.Counters), WallNs: time.Since(began).Nanoseconds()}
	out := &ledger.File{Bytes: done.Counters.OutputBytes, Checksum: done.Checksum}
	if info, err := os.Stat(filepath.Join(t.job.GetOutDir(), task.OutputName(int(m.GetTask())))); err == nil {
		out.Inode = ledger.InodeOf(info)
	}
	t.ledger.Write(ledger.Line{
		Event: ledger.EventMade, Attempt: m.GetAttempt(),
		Made: &ledger.Made{WallNs: r.GetWallNs(), Fetched: fetch.bytes.Load(), Output: out},
	})
	return t.success(m.GetAttempt(), r)
}

func (t *turn) success(attempt uint64, r *mapreducev1.Result) *mapreducev1.WorkRequest {
	return &mapreducev1.WorkRequest{Event: &mapreducev1.WorkRequest_Done{Done: &mapreducev1.Done{
		Attempt: attempt, Result: r,
		Usage: ledger.OwnUsage(t.lie),
	}}}
}

// failure reports an attempt that came to nothing, and who is to blame: the
// user's function, a run that is gone, or neither.
func failure(attempt uint64, err error) *mapreducev1.WorkRequest {
	f := &mapreducev1.Failed{Attempt: attempt, Reason: err.Error()}
	if c, ok := errors.AsType[*task.Crash](err); ok && c.Skippable() {
		f.Record = &mapreducev1.Record{Offset: c.Record.Offset, Length: c.Record.Length, Key: []byte(c.Record.Key)}
	}
	if l, ok := errors.AsType[*task.Lost](err); ok && l.Map >= 0 {
		f.LostMaps = []int32{int32(l.Map)}
	}
	return &mapreducev1.WorkRequest{Event: &mapreducev1.WorkRequest_Failed{Failed: f}}
}

func skipped(list []*mapreducev1.Record) []task.Record {
	var out []task.Record
	for _, r := range list {
		out = append(out, task.Record{Offset: r.GetOffset(), Length: r.GetLength(), Key: string(r.GetKey())})
	}
	return out
}

// wireCounters translates a task's counters.
func wireCounters(c task.Counters) *mapreducev1.Counters {
	return &mapreducev1.Counters{
		InputBytes: c.InputBytes, Pairs: c.Pairs, Combined: c.Combined, Skipped: c.Skipped,
		SpilledRuns: c.SpilledRuns, RunBytes: c.RunBytes, Keys: c.Keys, OutputLines: c.OutputLines,
		OutputBytes: c.OutputBytes, MergePasses: c.MergePasses, MemoryBytes: c.MemoryBytes, LongestBlock: c.LongestBlock,
	}
}

// dropping drops the first record of every key whose first byte is one of some.
func dropping(p job.Program) job.Program {
	reduce := p.Reduce
	p.Reduce = func(key []byte, values *job.Values, out *job.Output) {
		if len(key) > 0 && key[0]%8 == 0 {
			if p.Texts {
				_, _ = values.Text()
			} else {
				_, _ = values.Number()
			}
		}
		reduce(key, values, out)
	}
	return p
}
