package peer

import (
	"bufio"
	"context"
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
