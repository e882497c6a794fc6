package task

import (
	"bytes"

	"dyno/systems/mapreduce/core/job"
)

// fold joins the values of a key with the job's combiner.
type fold struct {
	program job.Program
	values  *job.Values
	chunk   []byte // what values reads next
	any     bool
	number  uint64
	text    []byte
	scratch []byte
	out     []byte
}

func newFold(p job.Program) *fold {
	f := &fold{program: p}
	f.values = job.NewValues(func() []byte {
		c := f.chunk
		f.chunk = nil
		return c
	})
	return f
}

// combines reports whether the program has a combiner.
func combines(p job.Program) bool {
	if p.Texts {
		return p.CombineText != nil
	}
	return p.Combine != nil
}

// add joins a chunk of values.
func (f *fold) add(chunk []byte) {
	f.chunk = chunk
	if f.program.Texts {
		for text, ok := f.values.Text(); ok; text, ok = f.values.Text() {
			f.addText(text)
		}
		return
	}
	for n, ok := f.values.Number(); ok; n, ok = f.values.Number() {
		if f.any {
			n = f.program.Combine(f.number, n)
		}
		f.number, f.any = n, true
	}
}

func (f *fold) addText(text []byte) {
	if !f.any {
		f.text, f.any = append(f.text[:0], text...), true
		return
	}
	// The result may be any of the three buffers.
	f.out = append(f.out[:0], f.program.CombineText(f.scratch[:0], f.text, text)...)
	f.text, f.out = f.out, f.text
}

// take returns the joined value as a chunk and starts the next key.
func (f *fold) take() []byte {
	if f.program.Texts {
		f.scratch = job.AppendText(f.scratch[:0], f.text)
	} else {
		f.scratch = job.AppendNumber(f.scratch[:0], f.number)
	}
	f.any = false
	return f.scratch
}

// writeTo writes all records to a run, with the values of a key joined if the
// program has a combiner.
func (m *merge) writeTo(run *runWriter, p job.Program) error {
	f, joins := newFold(p), combines(p)
	var key []byte
	for top := m.top(); top != nil; top = m.top() {
		if !joins {
			run.add(top.key, top.values)
			if err := m.step(run); err != nil {
				return err
			}
			continue
		}
		key = append(key[:0], top.key...)
		for ; top != nil && bytes.Equal(top.key, key); top = m.top() {
			f.add(top.values)
			if err := m.step(run); err != nil {
				return err
			}
		}
		run.add(key, f.take())
	}
	return nil
}

// step advances, unless writing has failed meanwhile.
func (m *merge) step(run *runWriter) error {
	if run.err != nil {
		return run.err
	}
	return m.next()
}
