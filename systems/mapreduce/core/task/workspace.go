package task

import (
	"context"
	"errors"
	"io"

	"dyno/systems/mapreduce/core/job"
)

// Workspace is memory that a worker keeps from task to task, so that tables
// and buffers are made once. The zero value is ready. One task at a time may
// use it.
type Workspace struct {
	table   table
	sorter  sorter
	writer  runWriter
	block   []byte
	emitter *job.Emitter
	sink    func(job.Batch)
	texts   bool
}

// emit returns an emitter for a program's kind.
func (w *Workspace) emit(texts bool, sink func(job.Batch)) *job.Emitter {
	w.sink = sink
	if w.emitter == nil || w.texts != texts {
		w.texts = texts
		w.emitter = job.NewEmitter(texts, func(b job.Batch) { w.sink(b) })
	}
	w.emitter.Drop()
	return w.emitter
}

// writeFile creates a file, lets fill write it, and closes it; with sync it is
// durable before that.
func writeFile(ctx context.Context, disk Disk, name string, sync bool, fill func(io.Writer) error) error {
	f, err := disk.Create(name)
	if err != nil {
		return err
	}
	err = fill(&patient{ctx: ctx, w: f})
	if err == nil && sync {
		err = f.Sync()
	}
	return errors.Join(err, f.Close())
}

// patient writes until its context ends.
type patient struct {
	ctx context.Context
	w   io.Writer
}

func (p *patient) Write(b []byte) (int, error) {
	if err := p.ctx.Err(); err != nil {
		return 0, err
	}
	return p.w.Write(b)
}

// orDefault returns n, or what 0 stands for.
func orDefault(n, zero int64) int64 {
	if n == 0 {
		return zero
	}
	return n
}
