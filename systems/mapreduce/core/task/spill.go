package task

import (
	"fmt"
	"io"
	"path"
)

// spills are the sorted runs that a map task writes beyond its budget: each
// file holds one run for each reduce task, one after the other.
type spills struct {
	*mapper
	files []*spill
	made  int // for their names
}

type spill struct {
	name   string
	source Source  // open for reading
	ends   []int64 // where each run ends
}

// maxSpills is how many spilled files are open at a time; beyond, they are
// merged into one.
const maxSpills = 32

// add writes the table as a spilled file.
func (s *spills) add() error {
	s.sorter.group(&s.table)
	if err := s.write(func(part int) error {
		s.sorter.write(part, &s.writer)
		return nil
	}); err != nil {
		return err
	}
	if len(s.files) < maxSpills {
		return nil
	}
	old := s.files
	if err := s.write(func(part int) error { return s.merge(part, &s.writer, old) }); err != nil {
		return err
	}
	for _, f := range old {
		s.drop(f)
	}
	s.files = s.files[len(old):]
	return nil
}

// write makes a spilled file; fill adds the pairs of a reduce task.
func (s *spills) write(fill func(part int) error) error {
	f := &spill{name: path.Join(s.Dir, fmt.Sprintf("mr-%s-%d.spill%d.tmp%d", s.Job, s.Task, s.made, s.Attempt))}
	s.made++
	s.counters.SpilledRuns++
	err := writeFile(s.ctx, s.disk, f.name, false, func(w io.Writer) error {
		end := int64(0)
		for part := range s.Reduces {
			s.writer.start(w)
			if err := fill(part); err != nil {
				return err
			}
			if err := s.writer.close(); err != nil {
				return err
			}
			end += s.writer.bytes
			f.ends = append(f.ends, end)
		}
		return nil
	})
	if err == nil {
		f.source, err = s.disk.Open(f.name)
	}
	if err != nil {
		_ = s.disk.Remove(f.name) // it may not be there; the error that counts is err
		return fmt.Errorf("spilling to %s: %w", f.name, err)
	}
	s.files = append(s.files, f)
	return nil
}

// merge writes a reduce task's pairs of some files to a run.
func (s *spills) merge(part int, run *runWriter, files []*spill) error {
	readers := make([]*runReader, len(files))
	for i, f := range files {
		from := int64(0)
		if part > 0 {
			from = f.ends[part-1]
		}
		readers[i] = &runReader{in: io.NewSectionReader(f.source, from, f.ends[part]-from), run: ownRun}
	}
	m, err := newMerge(readers)
	if err != nil {
		return err
	}
	return m.writeTo(run, s.Program)
}

// remove removes all spilled files.
func (s *spills) remove() {
	for _, f := range s.files {
		s.drop(f)
	}
	s.files = nil
}

func (s *spills) drop(f *spill) {
	_ = f.source.Close()      // only read
	_ = s.disk.Remove(f.name) // scratch: whoever ends the job removes the folder
}
