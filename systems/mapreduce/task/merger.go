package task

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"path"
	"runtime/debug"
	"slices"

	"dyno/systems/mapreduce/job"
)

// merger is a reduce task at work.
type merger struct {
	Reduce
	disk     Disk
	counters Counters
	readers  []*runReader // those not at their end
	group    []byte       // the key being reduced
	err      error        // of reading, found inside a reduce call
}

func newMerger(r Reduce, disk Disk) *merger { return &merger{Reduce: r, disk: disk} }

func (m *merger) run(ctx context.Context) (Reduced, error) {
	var closers []io.Closer
	defer func() {
		for _, c := range closers {
			_ = c.Close() // read to its end, or given up
		}
	}()
	for _, in := range m.Inputs {
		f, err := in.Open(ctx)
		if err != nil {
			return Reduced{}, &Lost{Map: in.Map, Err: err}
		}
		closers = append(closers, f)
		m.readers = append(m.readers, &runReader{in: f, run: in.Map})
	}
	name := path.Join(m.Out, OutputName(m.Task))
	temporary := fmt.Sprintf("%s.tmp%d", name, m.Attempt)
	f, err := m.disk.Create(temporary)
	if err != nil {
		return Reduced{}, fmt.Errorf("output %s: %w", temporary, err)
	}
	err = m.reduceAll(ctx, f)
	if err == nil {
		err = f.Sync()
	}
	err = errors.Join(err, f.Close())
	if err == nil {
		err = m.disk.Rename(temporary, name)
	}
	if err == nil {
		err = m.disk.SyncDir(m.Out)
	}
	if err != nil {
		_ = m.disk.Remove(temporary) // the error that counts is err
		return Reduced{}, err
	}
	return Reduced{Counters: m.counters}, nil
}

func (m *merger) reduceAll(ctx context.Context, w io.Writer) error {
	out := job.NewOutput(w)
	for _, r := range slices.Clone(m.readers) {
		if err := m.step(r); err != nil {
			return err
		}
	}
	values := job.NewValues(m.nextChunk)
	for len(m.readers) > 0 {
		if err := ctx.Err(); err != nil {
			return err
		}
		m.group = append(m.group[:0], m.smallest().key...)
		values.Reset()
		if err := m.reduceKey(values, out); err != nil {
			return err
		}
		for m.nextChunk() != nil {
		}
		if m.err != nil {
			return m.err
		}
	}
	m.counters.OutputLines = out.Lines()
	return out.Flush()
}

// reduceKey calls the user's function.
func (m *merger) reduceKey(values *job.Values, out *job.Output) (err error) {
	if slices.ContainsFunc(m.Skip, func(r Record) bool { return r.Key == string(m.group) }) {
		m.counters.Skipped++
		return nil
	}
	defer func() {
		if p := recover(); p != nil {
			err = &Crash{Record: Record{Key: string(m.group)}, Reason: fmt.Sprint(p), Stack: string(debug.Stack())}
		}
	}()
	m.counters.Keys++
	m.Program.Reduce(m.group, values, out)
	return nil
}

func (m *merger) smallest() *runReader {
	return slices.MinFunc(m.readers, func(a, b *runReader) int { return bytes.Compare(a.key, b.key) })
}

// nextChunk returns the group's next values.
func (m *merger) nextChunk() []byte {
	if m.err != nil || len(m.readers) == 0 {
		return nil
	}
	r := m.smallest()
	if !bytes.Equal(r.key, m.group) {
		return nil
	}
	chunk := slices.Clone(r.values)
	m.err = m.step(r)
	return chunk
}

func (m *merger) step(r *runReader) error {
	more, err := r.advance()
	if !more {
		m.readers = slices.DeleteFunc(m.readers, func(o *runReader) bool { return o == r })
	}
	return err
}
