package task

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"runtime/debug"
	"strconv"

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

// Disk is where tasks read and write files. Names are paths; package disk has
// the real one, tests have one that fails.
type Disk interface {
	// Open opens a file for reading.
	Open(name string) (Source, error)
	// Create makes a file for writing, empty.
	Create(name string) (File, error)
	// Rename replaces newName by oldName, atomically.
	Rename(oldName, newName string) error
	// Remove removes a file.
	Remove(name string) error
}

// Source is a file open for reading. It may be read at several places at once.
type Source interface {
	io.ReaderAt
	io.Closer
	Size() (int64, error) // bytes
}

// File is a file open for writing.
type File interface {
	io.Writer
	io.Closer
	Sync() error
}

// RunName is the name of the run that a map task leaves for a reduce task.
func RunName(job string, mapTask, reduceTask int) string {
	return "mr-" + job + "-" + strconv.Itoa(mapTask) + "-" + strconv.Itoa(reduceTask)
}

// OutputName is the name of a reduce task's output.
func OutputName(reduceTask int) string { return "mr-out-" + strconv.Itoa(reduceTask) }

// mapAround maps a block without the records to skip.
func (w *mapper) mapAround(block []byte, offset int64) error {
	for _, s := range w.Skip { // few, sorted by whoever reports them first
		from, to := s.Offset-offset, s.Offset+s.Length-offset
		if from >= int64(len(block)) || to <= 0 {
			continue
		}
		if from >= 0 {
			w.counters.Skipped++
		}
		if from > 0 {
			if err := w.mapAround(block[:from], offset); err != nil {
				return err
			}
		}
		if to < int64(len(block)) {
			return w.mapAround(block[to:], offset+to)
		}
		return nil
	}
	return w.mapBlock(block, offset)
}

// mapBlock maps a block. If the user's function crashes, its records are
// mapped again one by one, for nothing but to learn which of them did it: so
// the usual case pays nothing for each record.
func (w *mapper) mapBlock(block []byte, offset int64) error {
	crash := w.try(block, offset, w.emitter)
	if w.err != nil {
		return w.err
	}
	if crash == nil {
		return nil
	}
	nothing := job.NewEmitter(w.Program.Texts, func(job.Batch) {})
	for rest, at := block, offset; len(rest) > 0; {
		n := bytes.IndexByte(rest, '\n') + 1
		if n == 0 {
			n = len(rest)
		}
		if alone := w.try(rest[:n], at, nothing); alone != nil {
			return alone
		}
		rest, at = rest[n:], at+int64(n)
	}
	crash.Record = Record{} // no record crashes alone, so none can be left out
	return crash
}

// try maps some records and catches a panic.
func (w *mapper) try(block []byte, offset int64, out *job.Emitter) (crash *Crash) {
	defer func() {
		if p := recover(); p != nil {
			out.Drop()
			crash = &Crash{
				InMap: true, Record: Record{Offset: offset, Length: int64(len(block))}, Reason: fmt.Sprint(p),
				Stack: string(debug.Stack()),
			}
		}
	}()
	w.Program.Map(job.Input{File: w.Split.File, Block: block}, out)
	out.Flush()
	return nil
}
