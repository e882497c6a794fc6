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

// mapper is a map task at work.
type mapper struct {
	Map
	disk     Disk
	emitter  *job.Emitter
	counters Counters
	tables   []map[string][]byte // per reduce task: key to values
}

func newMapper(m Map, disk Disk) *mapper {
	w := &mapper{Map: m, disk: disk, tables: make([]map[string][]byte, m.Reduces)}
	for i := range w.tables {
		w.tables[i] = map[string][]byte{}
	}
	w.emitter = job.NewEmitter(m.Program.Texts, w.collect)
	return w
}

// readSplit maps all blocks of the split.
func (w *mapper) readSplit(ctx context.Context) error {
	f, err := w.disk.Open(w.Split.path())
	if err != nil {
		return fmt.Errorf("input %s: %w", w.Split.File, err)
	}
	defer f.Close()
	data := make([]byte, w.Split.Length)
	if n, err := f.ReadAt(data, w.Split.Offset); err != nil && (err != io.EOF || n < len(data)) {
		return fmt.Errorf("input %s at byte %d: %w", w.Split.File, w.Split.Offset+int64(n), err)
	}
	for at := 0; at < len(data); {
		end := len(data)
		if i := bytes.IndexByte(data[at:], '\n'); i >= 0 {
			end = at + i + 1
		}
		rec := Record{Offset: w.Split.Offset + int64(at), Length: int64(end - at)}
		if slices.Contains(w.Skip, rec) {
			w.counters.Skipped++
		} else if err := w.mapBlock(rec, data[at:end]); err != nil {
			return err
		}
		at = end
		w.counters.InputBytes = int64(at)
		if w.Pace != nil {
			if err := w.Pace(ctx, int64(at)); err != nil {
				return err
			}
		}
		if err := ctx.Err(); err != nil {
			return err
		}
	}
	return nil
}

func (w *mapper) mapBlock(rec Record, block []byte) (err error) {
	defer func() {
		if p := recover(); p != nil {
			err = &Crash{Record: rec, Reason: fmt.Sprint(p), Stack: string(debug.Stack())}
		}
	}()
	w.Program.Map(job.Input{File: w.Split.File, Block: block}, w.emitter)
	w.emitter.Flush()
	return nil
}

// collect takes a batch of pairs.
func (w *mapper) collect(b job.Batch) {
	w.counters.Pairs += int64(len(b.Keys))
	for i, key := range b.Keys {
		t := w.tables[job.Partition(key, w.Reduces)]
		old, known := t[string(key)]
		switch {
		case w.Program.Texts && known && w.Program.CombineText != nil:
			have, _ := job.NewValues(once(old)).Text()
			old = job.AppendText(nil, w.Program.CombineText(nil, have, b.Texts[i]))
			w.counters.Combined++
		case w.Program.Texts:
			old = job.AppendText(old, b.Texts[i])
		case known && w.Program.Combine != nil:
			have, _ := job.NewValues(once(old)).Number()
			old = job.AppendNumber(nil, w.Program.Combine(have, b.Numbers[i]))
			w.counters.Combined++
		default:
			old = job.AppendNumber(old, b.Numbers[i])
		}
		t[string(key)] = old
	}
}

func once(chunk []byte) func() []byte {
	return func() []byte {
		c := chunk
		chunk = nil
		return c
	}
}

// publish writes the runs under temporary names, then gives all of them their own.
func (w *mapper) publish(ctx context.Context) (Mapped, error) {
	out := Mapped{Runs: make([]Run, w.Reduces)}
	var made []string
	err := func() error {
		for r := range out.Runs {
			if err := ctx.Err(); err != nil {
				return err
			}
			out.Runs[r].Name = RunName(w.Job, w.Task, r)
			name := path.Join(w.Dir, w.temporary(out.Runs[r].Name))
			made = append(made, name)
			n, err := w.writeRun(name, w.tables[r])
			if err != nil {
				return fmt.Errorf("run %s: %w", name, err)
			}
			out.Runs[r].Bytes = n
			w.counters.RunBytes += n
		}
		for r, run := range out.Runs {
			name := path.Join(w.Dir, run.Name)
			if err := w.disk.Rename(made[r], name); err != nil {
				return err
			}
			made[r] = name
		}
		if w.Sync {
			return w.disk.SyncDir(w.Dir)
		}
		return nil
	}()
	if err != nil {
		for _, name := range made {
			_ = w.disk.Remove(name) // it may not be there; the error that counts is err
		}
		return Mapped{}, err
	}
	out.Counters = w.counters
	return out, nil
}

func (w *mapper) temporary(name string) string { return fmt.Sprintf("%s.tmp%d", name, w.Attempt) }

func (w *mapper) writeRun(name string, table map[string][]byte) (int64, error) {
	f, err := w.disk.Create(name)
	if err != nil {
		return 0, err
	}
	var run runWriter
	run.start(f)
	keys := make([]string, 0, len(table))
	for k := range table {
		keys = append(keys, k)
	}
	slices.Sort(keys)
	for _, k := range keys {
		run.add([]byte(k), table[k])
	}
	err = run.close()
	if err == nil && w.Sync {
		err = f.Sync()
	}
	return run.bytes, errors.Join(err, f.Close())
}
