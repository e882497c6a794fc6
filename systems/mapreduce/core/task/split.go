package task

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"math"
	"slices"

	"dyno/systems/mapreduce/core/job"
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

// About is how many splits of a size files come out as, give or take one for each.
func About(sizes []int64, size int64) (n int64) {
	for _, s := range sizes {
		n += max(1, (s+size-1)/size)
	}
	return n
}

// SplitBytesFor returns the split size for which files of these sizes come out
// as about maps tasks. There are never fewer tasks than files.
func SplitBytesFor(sizes []int64, maps int) int64 {
	low, high := int64(1), int64(math.MaxInt64/2)
	for low < high {
		if mid := low + (high-low)/2; About(sizes, mid) <= int64(max(maps, len(sizes))) {
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

// How much of the input is looked at to find out how keys are spread: pieces
// evenly apart, whole lines each. With 64 pieces of some 200 lines a range is
// within a few hundredths of its share.
const (
	samplePieces = 64
	sampleBytes  = 16 << 10
	boundBytes   = 256 // of a bound: beyond it keys need not be told apart
)

// Bounds returns where the ranges of keys begin that so many reduce tasks have,
// all but the first's, for [job.Program.Bounds]: quantiles of the keys that the
// program emits for a sample of the input. The same input gives the same bounds,
// so a master that is started again finds those of its earlier life.
func Bounds(ctx context.Context, disk Disk, splits []Split, p job.Program, reduces int) ([][]byte, error) {
	keys, err := sample(ctx, disk, splits, p)
	if err != nil {
		return nil, err
	}
	slices.SortFunc(keys, bytes.Compare)
	bounds := make([][]byte, max(0, reduces-1))
	for i := range bounds {
		if len(keys) > 0 { // without any all keys are the last range's
			key := keys[len(keys)*(i+1)/reduces]
			bounds[i] = key[:min(len(key), boundBytes)]
		}
	}
	return bounds, nil
}

// sample returns keys that the program emits for pieces of the input.
func sample(ctx context.Context, disk Disk, splits []Split, p job.Program) (keys [][]byte, err error) {
	total := int64(0)
	for _, s := range splits {
		total += s.Length
	}
	step := max(1, total/samplePieces)
	skip := step / 2 // to the next piece
	for _, s := range splits {
		for ; skip < s.Length; skip += step {
			if err := ctx.Err(); err != nil {
				return nil, err
			}
			if keys, err = samplePiece(disk, s, skip, p, keys); err != nil {
				return nil, err
			}
		}
		skip -= s.Length
	}
	return keys, nil
}

// samplePiece adds the keys of a piece of a split. Records that crash the
// program are the map task's business.
func samplePiece(disk Disk, s Split, at int64, p job.Program, keys [][]byte) ([][]byte, error) {
	f, err := disk.Open(s.path())
	if err != nil {
		return nil, err
	}
	defer f.Close()
	end := s.Offset + s.Length
	from, err := lineEnd(f, s.Offset+at, end)
	if err != nil {
		return nil, err
	}
	if from == end { // within the last line
		from = s.Offset
	}
	to, err := lineEnd(f, min(from+sampleBytes, end), end)
	if err != nil {
		return nil, err
	}
	b := blocks{in: f, offset: from, left: to - from, cut: p.Cut}
	block, offset, err := b.next()
	if err != nil {
		return nil, err
	}
	w := &mapper{Map: Map{Program: p, Split: s}}
	w.try(block, offset, job.NewEmitter(p.Texts, func(b job.Batch) {
		for _, key := range b.Keys {
			keys = append(keys, bytes.Clone(key))
		}
	}))
	return keys, nil
}
