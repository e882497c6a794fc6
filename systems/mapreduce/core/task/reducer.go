package task

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"hash/crc32"
	"io"
	"path"
	"runtime/debug"
	"slices"

	"dyno/systems/mapreduce/core/job"
)

// reducer is a reduce task at work.
type reducer struct {
	Reduce
	ctx      context.Context
	disk     Disk
	counters Counters
	merge    *merge
	group    []byte // the key being reduced
	given    bool   // the values on top have been handed out
	err      error  // of reading, found inside a reduce call
	ticks    int
	read     int64 // bytes of runs
	writer   runWriter
	checksum uint32 // of the output
}

func (r *reducer) run() (Reduced, error) {
	err := r.reduce()
	if err == nil {
		return Reduced{Counters: r.counters, Checksum: r.checksum}, nil
	}
	// A stream that breaks because the task is given up is no lost run.
	if cause := r.ctx.Err(); cause != nil && !errors.Is(err, cause) {
		err = errors.Join(cause, err)
	}
	return Reduced{}, err
}

func (r *reducer) reduce() error {
	inputs, scratch, err := r.narrow()
	defer func() {
		for _, name := range scratch {
			_ = r.disk.Remove(name) // scratch: whoever ends the job removes the folder
		}
	}()
	if err != nil {
		return err
	}
	name := path.Join(r.Out, OutputName(r.Task))
	temporary := fmt.Sprintf("%s.tmp%d", name, r.Attempt)
	err = r.merging(inputs, func(m *merge) error {
		r.merge = m
		return writeFile(r.ctx, r.disk, temporary, true, r.reduceAll)
	})
	if err == nil {
		err = r.disk.Rename(temporary, name)
	}
	if err != nil {
		_ = r.disk.Remove(temporary) // it may not be there; the error that counts is err
	}
	return err
}

// fanIn is how many runs may be open at a time. Each holds a block.
func (r *reducer) fanIn() int {
	n := r.FanIn
	if n == 0 {
		n = int(min(DefaultFanIn, orDefault(r.Memory, DefaultMemoryBytes)/(3*blockBytes)))
	}
	return max(n, 2)
}

// narrow merges runs into scratch files until one merge can take the rest. It
// returns the files that it left, also when it fails.
func (r *reducer) narrow() (inputs []Input, scratch []string, err error) {
	inputs = slices.Clone(r.Inputs)
	for most := r.fanIn(); len(inputs) > most; {
		n := min(most, len(inputs)-most+1)
		name := path.Join(r.Scratch, fmt.Sprintf("mr-%s-reduce%d-pass%d.tmp%d", r.Job, r.Task, len(scratch), r.Attempt))
		scratch = append(scratch, name)
		err := r.merging(inputs[:n], func(m *merge) error {
			return writeFile(r.ctx, r.disk, name, false, func(w io.Writer) error {
				r.writer.start(w)
				if err := m.writeTo(&r.writer, r.Program); err != nil {
					return err
				}
				return r.writer.close()
			})
		})
		if err != nil {
			return nil, scratch, err
		}
		r.counters.MergePasses++
		inputs = append(inputs[n:], FileInput(r.disk, ownRun, name))
	}
	return inputs, scratch, nil
}

// merging opens runs, lets use read them as one, and closes them.
func (r *reducer) merging(inputs []Input, use func(*merge) error) error {
	readers := make([]*runReader, 0, len(inputs))
	var closers []io.Closer
	defer func() {
		for _, c := range closers {
			_ = c.Close() // only read
		}
	}()
	for _, in := range inputs {
		f, err := in.Open(r.ctx)
		if err != nil {
			return (&runReader{run: in.Map}).lost(err)
		}
		closers = append(closers, f)
		var source io.Reader = f
		if in.Map != ownRun { // what a map task left is read once, however often it is merged
			source = &counted{Reader: f, n: &r.read}
		}
		readers = append(readers, &runReader{in: source, run: in.Map})
	}
	m, err := newMerge(readers)
	if err != nil {
		return err
	}
	return use(m)
}

// counted counts the bytes that are read.
type counted struct {
	io.Reader
	n *int64
}

func (c *counted) Read(p []byte) (int, error) {
	n, err := c.Reader.Read(p)
	*c.n += int64(n)
	return n, err
}

// reduceAll calls the user's function for each key and writes its lines.
func (r *reducer) reduceAll(w io.Writer) error {
	size := &sized{w: w}
	out := job.NewOutput(size)
	values := job.NewValues(r.nextValues)
	for top := r.merge.top(); top != nil; top = r.merge.top() {
		r.group, r.given = append(r.group[:0], top.key...), false
		values.Reset()
		if err := r.reduceKey(values, out); err != nil {
			return err
		}
		for r.nextValues() != nil { // what the function did not ask for
		}
		if r.err != nil {
			return r.err
		}
	}
	err := out.Flush()
	r.counters.OutputLines, r.counters.OutputBytes, r.counters.RunBytes = out.Lines(), size.n, r.read
	r.checksum = size.sum
	return err
}

// sized counts and sums up what is written.
type sized struct {
	w   io.Writer
	n   int64
	sum uint32
}

func (s *sized) Write(p []byte) (int, error) {
	n, err := s.w.Write(p)
	s.n += int64(n)
	s.sum = crc32.Update(s.sum, castagnoli, p[:n])
	return n, err
}

// reduceKey calls the user's function and catches a panic.
func (r *reducer) reduceKey(values *job.Values, out *job.Output) (err error) {
	for _, s := range r.Skip {
		if s.Length == 0 && s.Key == string(r.group) {
			r.counters.Skipped++
			return nil
		}
	}
	defer func() {
		if p := recover(); p != nil {
			err = &Crash{Record: Record{Key: string(r.group)}, Reason: fmt.Sprint(p), Stack: string(debug.Stack())}
		}
	}()
	r.counters.Keys++
	r.Program.Reduce(r.group, values, out)
	return nil
}

// nextValues returns the group's next values, or nil after the last.
func (r *reducer) nextValues() []byte {
	if r.err != nil {
		return nil
	}
	if r.given {
		if r.err = r.step(); r.err != nil {
			return nil
		}
	}
	top := r.merge.top()
	r.given = top != nil && bytes.Equal(top.key, r.group)
	if !r.given {
		return nil
	}
	return top.values
}

// ticksPerLook is how many records are read between two looks at the context.
const ticksPerLook = 4096

func (r *reducer) step() error {
	if r.ticks++; r.ticks%ticksPerLook == 0 {
		if err := r.ctx.Err(); err != nil {
			return err
		}
	}
	return r.merge.next()
}
