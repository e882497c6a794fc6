package peer

import (
	"bufio"
	"bytes"
	"context"
	"encoding/binary"
	"errors"
	"io"
	"maps"
	"os"
	"slices"
	"sync"
	"sync/atomic"
)

// Index writes lines "word file1,file2,…", sorted bytewise: which of the files
// each word occurs in. The goroutines take one file after the other, and find
// the words of each with the table of [Limit].
func Index(ctx context.Context, files []string, goroutines int, out io.Writer) error {
	files = slices.Sorted(slices.Values(files))
	found := make([]map[string][]int, goroutines) // by word: numbers of files, ascending
	errs := make([]error, goroutines)
	var next atomic.Int64
	var wg sync.WaitGroup
	for g := range goroutines {
		found[g] = map[string][]int{}
		wg.Go(func() {
			for i := int(next.Add(1)) - 1; i < len(files) && errs[g] == nil; i = int(next.Add(1)) - 1 {
				errs[g] = indexFile(ctx, files[i], i, found[g])
			}
		})
	}
	wg.Wait()
	if err := errors.Join(errs...); err != nil {
		return err
	}
	all := found[0]
	for _, more := range found[1:] {
		for word, places := range more {
			all[word] = append(all[word], places...)
		}
	}
	return writeIndex(files, all, out)
}

// indexFile adds a file's number to each of its words.
func indexFile(ctx context.Context, name string, number int, found map[string][]int) error {
	f, err := os.Open(name)
	if err != nil {
		return err
	}
	defer f.Close()
	info, err := f.Stat()
	if err != nil {
		return err
	}
	c := newCounts()
	if err := c.countPart(ctx, f, 0, info.Size(), info.Size()); err != nil {
		return err
	}
	for _, s := range c.slots {
		if s.n > 0 {
			found[string(c.word(s))] = append(found[string(c.word(s))], number)
		}
	}
	return nil
}

func writeIndex(files []string, found map[string][]int, out io.Writer) error {
	w := bufio.NewWriterSize(out, readBytes)
	for _, word := range slices.Sorted(maps.Keys(found)) {
		_, _ = w.WriteString(word) // Flush returns the error
		places := found[word]
		slices.Sort(places)
		for i, n := range places {
			_ = w.WriteByte(" ,"[min(i, 1)])
			_, _ = w.WriteString(files[n])
		}
		_ = w.WriteByte('\n')
	}
	return w.Flush()
}

// line is one of a text: where it is, and its first 8 bytes as a number that
// sorts like them, which decides nearly always.
type line struct {
	prefix   uint64
	from, to int
}

// Sort sorts the lines of a text bytewise with so many goroutines, all of it in
// memory: each sorts its part of the lines, and the parts are merged as they are
// written.
func Sort(ctx context.Context, in io.ReaderAt, size int64, goroutines int, out io.Writer) error {
	text := make([]byte, size)
	if n, err := in.ReadAt(text, 0); n < len(text) {
		return err
	}
	parts := make([][]line, goroutines)
	var wg sync.WaitGroup
	for i, from := 0, 0; i < goroutines; i++ {
		to := lineEnd(text, len(text)*(i+1)/goroutines)
		begin := from
		wg.Go(func() { parts[i] = sortLines(text, begin, to) })
		from = max(from, to)
	}
	wg.Wait()
	if err := ctx.Err(); err != nil {
		return err
	}
	return mergeLines(text, parts, out)
}

// lineEnd returns the first place at or after at where a line begins, or the
// text ends.
func lineEnd(text []byte, at int) int {
	if at == 0 || at >= len(text) {
		return at
	}
	if n := bytes.IndexByte(text[at-1:], '\n'); n >= 0 {
		return at + n
	}
	return len(text)
}

// sortLines returns the lines between two places, sorted.
func sortLines(text []byte, from, to int) (lines []line) {
	var head [8]byte
	for from < to {
		end, next := to, to
		if n := bytes.IndexByte(text[from:to], '\n'); n >= 0 {
			end, next = from+n, from+n+1
		}
		clear(head[:])
		copy(head[:], text[from:end])
		lines = append(lines, line{binary.BigEndian.Uint64(head[:]), from, end})
		from = next
	}
	slices.SortFunc(lines, func(a, b line) int { return compareLines(text, a, b) })
	return lines
}

func compareLines(text []byte, a, b line) int {
	switch {
	case a.prefix < b.prefix:
		return -1
	case a.prefix > b.prefix:
		return 1
	}
	return bytes.Compare(text[a.from:a.to], text[b.from:b.to])
}

// mergeLines writes the lines of sorted parts in order.
func mergeLines(text []byte, parts [][]line, out io.Writer) error {
	w := bufio.NewWriterSize(out, readBytes)
	for {
		least := -1
		for i, p := range parts {
			if len(p) > 0 && (least < 0 || compareLines(text, p[0], parts[least][0]) < 0) {
				least = i
			}
		}
		if least < 0 {
			return w.Flush()
		}
		l := parts[least][0]
		parts[least] = parts[least][1:]
		_, _ = w.Write(text[l.from:l.to]) // Flush returns the error
		_ = w.WriteByte('\n')
	}
}
