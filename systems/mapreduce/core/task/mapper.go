package task

import (
	"context"
	"errors"
	"fmt"
	"io"
	"path"

	"dyno/systems/mapreduce/core/job"
)

// mapper is a map task at work.
type mapper struct {
	Map
	*Workspace
	ctx      context.Context
	disk     Disk
	counters Counters
	emitter  *job.Emitter
	spills   spills
	err      error // of spilling, found while the user's function emits
}

func (m Map) run(ctx context.Context, disk Disk) (Mapped, error) {
	if m.Workspace == nil {
		m.Workspace = new(Workspace)
	}
	w := &mapper{Map: m, Workspace: m.Workspace, ctx: ctx, disk: disk}
	w.table.program, w.table.reduces = m.Program, m.Reduces
	w.table.budget = orDefault(m.Memory, DefaultMemoryBytes) - blockRead - 2*blockBytes
	w.table.joined = 0
	w.table.reset()
	w.emitter = w.emit(m.Program.Texts, w.collect)
	w.spills = spills{mapper: w}
	defer w.spills.remove()
	if err := w.readSplit(); err != nil {
		return Mapped{}, err
	}
	return w.publish()
}

// collect takes a batch of pairs.
func (w *mapper) collect(b job.Batch) {
	w.counters.Pairs += int64(len(b.Keys))
	for w.err == nil {
		n := w.table.add(b)
		if n == len(b.Keys) {
			return
		}
		b.Keys = b.Keys[n:]
		if w.Program.Texts {
			b.Texts = b.Texts[n:]
		} else {
			b.Numbers = b.Numbers[n:]
		}
		w.err = w.spill()
	}
}

// spill writes what the table holds and empties it.
func (w *mapper) spill() error {
	w.counters.MemoryBytes = max(w.counters.MemoryBytes, w.table.bytes())
	if err := w.spills.add(); err != nil {
		return err
	}
	w.table.reset()
	return nil
}

// publish writes the runs under temporary names, then gives all of them their
// own.
func (w *mapper) publish() (Mapped, error) {
	w.counters.MemoryBytes = max(w.counters.MemoryBytes, w.table.bytes())
	w.counters.Combined = w.table.joined
	out := Mapped{Runs: make([]Run, w.Reduces)}
	if len(w.spills.files) > 0 {
		if err := w.spill(); err != nil {
			return Mapped{}, err
		}
	} else {
		w.sorter.group(&w.table)
	}
	made, err := w.writeRuns(out.Runs)
	if err != nil {
		for _, name := range made {
			_ = w.disk.Remove(name) // it may not be there; the error that counts is err
		}
		return Mapped{}, err
	}
	out.Counters = w.counters
	return out, nil
}

// writeRuns returns the files that it left, also when it fails.
func (w *mapper) writeRuns(runs []Run) (made []string, err error) {
	for r := range runs {
		runs[r].Name = RunName(w.Job, w.Task, r)
		name := path.Join(w.Dir, w.temporary(runs[r].Name))
		made = append(made, name)
		err := writeFile(w.ctx, w.disk, name, false, func(f io.Writer) error {
			w.writer.start(f)
			if err := w.fill(r); err != nil {
				return err
			}
			return w.writer.close()
		})
		if err != nil {
			return made, fmt.Errorf("run %s: %w", name, err)
		}
		runs[r].Bytes = w.writer.bytes
		w.counters.RunBytes += w.writer.bytes
	}
	for r, run := range runs {
		name := path.Join(w.Dir, run.Name)
		if err := w.disk.Rename(made[r], name); err != nil {
			return made, err
		}
		made[r] = name
	}
	return made, nil
}

// fill writes the pairs of a reduce task.
func (w *mapper) fill(reduceTask int) error {
	if len(w.spills.files) == 0 {
		w.sorter.write(reduceTask, &w.writer)
		return nil
	}
	return w.spills.merge(reduceTask, &w.writer, w.spills.files)
}

func (w *mapper) temporary(name string) string { return fmt.Sprintf("%s.tmp%d", name, w.Attempt) }

// readSplit maps all blocks of the split.
func (w *mapper) readSplit() error {
	f, err := w.disk.Open(w.Split.path())
	if err != nil {
		return fmt.Errorf("input %s: %w", w.Split.File, err)
	}
	defer f.Close()
	b := blocks{in: f, buf: w.block, offset: w.Split.Offset, left: w.Split.Length, cut: w.Program.Cut}
	defer func() { w.block = b.buf }()
	for {
		block, offset, err := b.next()
		if errors.Is(err, io.EOF) {
			return nil
		}
		if err != nil {
			return fmt.Errorf("input %s: %w", w.Split.File, err)
		}
		w.counters.LongestBlock = max(w.counters.LongestBlock, int64(len(block)))
		if err := w.mapAround(block, offset); err != nil {
			return err
		}
		if err := w.ctx.Err(); err != nil {
			return err
		}
		w.counters.InputBytes += int64(len(block))
	}
}

// DefaultMemoryBytes is the budget of a task.
const DefaultMemoryBytes = 64 << 20

// Map is one map task.
type Map struct {
	Job     string      // the job's id, in the names of the runs
	Program job.Program // made for this task alone
	Task    int         // its number, from 0
	Attempt int         // makes temporary names of attempts different
	Split   Split
	Reduces int    // how many runs it leaves, at least 1
	Dir     string // where it leaves them; "" is the current directory
	Memory  int64  // budget of tables and buffers, in bytes; 0: DefaultMemoryBytes
	Skip    []Record

	Workspace *Workspace // memory kept from task to task; nil: made for this one
}

// Mapped is what a map task reports.
type Mapped struct {
	Runs     []Run // one per reduce task
	Counters Counters
}

// Run is a file of sorted pairs for one reduce task.
type Run struct {
	Name  string // within Dir
	Bytes int64
}

// Run maps the split and leaves Reduces runs in Dir under [RunName], each
// complete or not there at all. It returns a *Crash when the user's function
// panics on a record that is not in Skip, the context's error soon after it
// ends, or the disk's error; on any error it leaves no file behind.
func (m Map) Run(ctx context.Context, disk Disk) (Mapped, error) {
	return m.run(ctx, disk)
}
