package journal

import (
	"fmt"
	"path/filepath"
	"slices"
	"strings"
)

// inventory is what is in a journal's folder.
type inventory struct {
	segments []segment // in order
	through  uint64    // of the newest snapshot; 0: none
	stale    []string  // names of files that an interrupted change has left
}

// inventory lists the folder and tells what counts from what is left over: a
// staged file, all snapshots but the newest, segments that were cut off, and
// those that the snapshot covers.
func (l *Log) inventory() (inventory, error) {
	names, err := l.fs.List(l.dir)
	if err != nil {
		return inventory{}, fmt.Errorf("journal: %w", err)
	}
	slices.Sort(names) // numbers have a fixed width
	var files inventory
	for _, name := range names {
		if seq, ok := fileSequence(name, segmentSuffix); ok {
			files.segments = append(files.segments, segment{first: seq})
		} else if seq, ok := fileSequence(name, snapshotSuffix); ok {
			if files.through > 0 {
				files.stale = append(files.stale, fileName(files.through, snapshotSuffix))
			}
			files.through = seq
		} else if strings.HasSuffix(name, stagedSuffix) {
			files.stale = append(files.stale, name)
		}
	}
	if err := l.headers(files.segments); err != nil {
		return files, err
	}
	files.segments = slices.DeleteFunc(files.segments, files.older())
	covered := files.covered()
	for _, s := range files.segments[:covered] {
		files.stale = append(files.stale, fileName(s.first, segmentSuffix))
	}
	files.segments = files.segments[covered:]
	return files, files.begins(l.dir)
}

// headers reads the headers of segments.
func (l *Log) headers(segments []segment) error {
	for i := range segments {
		name := filepath.Join(l.dir, fileName(segments[i].first, segmentSuffix))
		s, h, err := openSegment(l.fs, name, segments[i].first, l.opt.Identity)
		if err != nil {
			return err
		}
		if err := s.file.Close(); err != nil {
			return err
		}
		segments[i].header, segments[i].generation = h, h.generation
	}
	return nil
}

// older says which segments were cut off: those behind one of a later
// generation.
func (files *inventory) older() func(segment) bool {
	newest := uint32(0)
	return func(s segment) bool {
		newest = max(newest, s.generation)
		if s.generation < newest {
			files.stale = append(files.stale, fileName(s.first, segmentSuffix))
		}
		return s.generation < newest
	}
}

// covered counts the segments of which the snapshot holds every record.
func (files *inventory) covered() int {
	n := 0
	for n+1 < len(files.segments) && files.segments[n+1].first <= files.through+1 {
		n++
	}
	return n
}

// begins checks that nothing is missing before the first segment.
func (files *inventory) begins(dir string) error {
	switch {
	case len(files.segments) == 0 && files.through > 0:
		return &DamageError{Path: dir, Reason: "there is a snapshot, and no segment"}
	case len(files.segments) > 0 && files.segments[0].first > files.through+1:
		return &DamageError{Path: dir, Reason: fmt.Sprintf("the records from %d to %d are missing", files.through+1, files.segments[0].first-1)}
	}
	return nil
}
