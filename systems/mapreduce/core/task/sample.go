package task

import (
	"bytes"
	"context"
	"slices"

	"dyno/systems/mapreduce/core/job"
)

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
