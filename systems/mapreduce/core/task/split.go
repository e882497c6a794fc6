package task

import (
	"bytes"
	"fmt"
	"io"
	"math"
)

// Split is the input of one map task: a part of a file that begins where a
// line begins and ends where one ends.
type Split struct {
	File   string // the input file, as typed on the command line
	Path   string // where this process finds it; empty: File
	Offset int64  // in bytes
	Length int64  // in bytes; 0 for an empty file
}

// path is where to open the split's file.
func (s Split) path() string {
	if s.Path != "" {
		return s.Path
	}
	return s.File
}

// Splits cuts the files at line ends: one split for each file, several for a
// file of more than size bytes. A line longer than size stays whole.
func Splits(disk Disk, files []string, size int64) ([]Split, error) {
	var out []Split
	for _, name := range files {
		splits, err := splitFile(disk, name, max(size, 1))
		if err != nil {
			return nil, fmt.Errorf("input %s: %w", name, err)
		}
		out = append(out, splits...)
	}
	return out, nil
}

// SplitBytesFor returns the split size for which files of these sizes come out
// as about maps tasks. There are never fewer tasks than files.
func SplitBytesFor(sizes []int64, maps int) int64 {
	count := func(size int64) (n int64) {
		for _, s := range sizes {
			n += max(1, (s+size-1)/size)
		}
		return n
	}
	low, high := int64(1), int64(math.MaxInt64/2)
	for low < high {
		if mid := low + (high-low)/2; count(mid) <= int64(max(maps, len(sizes))) {
			high = mid
		} else {
			low = mid + 1
		}
	}
	return low
}

func splitFile(disk Disk, name string, size int64) ([]Split, error) {
	f, err := disk.Open(name)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	total, err := f.Size()
	if err != nil {
		return nil, err
	}
	out := []Split{{File: name, Length: min(size, total)}}
	for {
		last := &out[len(out)-1]
		end, err := lineEnd(f, last.Offset+last.Length, total)
		if err != nil {
			return nil, err
		}
		last.Length = end - last.Offset
		if end == total {
			return out, nil
		}
		out = append(out, Split{File: name, Offset: end, Length: min(size, total-end)})
	}
}

// lineEnd returns the first place at or after from where a line has ended.
func lineEnd(f io.ReaderAt, from, total int64) (int64, error) {
	if from >= total || from <= 0 {
		return min(max(from, 0), total), nil
	}
	var buf [4096]byte
	for at := from - 1; at < total; {
		n, err := f.ReadAt(buf[:min(int64(len(buf)), total-at)], at)
		if i := bytes.IndexByte(buf[:n], '\n'); i >= 0 {
			return at + int64(i) + 1, nil
		}
		if n == 0 && err != nil {
			return 0, fmt.Errorf("reading at byte %d: %w", at, err)
		}
		at += int64(n)
	}
	return total, nil
}
