package peer

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"io"
	"slices"
	"strconv"
	"sync"
	"unicode"
	"unicode/utf8"
)

// Limit counts the words of a text with so many goroutines and writes lines
// "word count", sorted bytewise. Each goroutine reads its own part of the
// file, hashes each word while it looks for its end (FNV-1a), and counts in an
// open-addressing table of its own; the tables are joined at the end.
func Limit(ctx context.Context, in io.ReaderAt, size int64, goroutines int, out io.Writer) error {
	tables := make([]*counts, goroutines)
	errs := make([]error, goroutines)
	var wg sync.WaitGroup
	for i := range tables {
		tables[i] = newCounts()
		from, to := size*int64(i)/int64(goroutines), size*int64(i+1)/int64(goroutines)
		wg.Go(func() { errs[i] = tables[i].countPart(ctx, in, from, to, size) })
	}
	wg.Wait()
	if err := errors.Join(errs...); err != nil {
		return err
	}
	for _, t := range tables[1:] {
		tables[0].join(t)
	}
	return tables[0].write(out)
}

// readBytes is how much is read at a time: less than a second-level cache.
const readBytes = 256 << 10

// counts is the table of one goroutine.
type counts struct {
	slots []slot
	words []byte // all words, one after the other
	used  int
}

// slot is a word and how often it was seen; n is 0 in a free slot.
type slot struct {
	hash uint64
	at   uint32 // in words
	size uint32
	n    uint64
}

func newCounts() *counts { return &counts{slots: make([]slot, 1<<12)} }

// class says of each byte whether it is an ASCII letter (1), the beginning or
// middle of something longer (2), or neither (0).
var class = func() (c [256]byte) {
	for b := range c {
		switch {
		case b >= utf8.RuneSelf:
			c[b] = 2
		case unicode.IsLetter(rune(b)):
			c[b] = 1
		}
	}
	return c
}()

// countPart counts the words between two places of a file, both moved on to
// the next ASCII byte that is no letter.
func (c *counts) countPart(ctx context.Context, in io.ReaderAt, from, to, size int64) error {
	from, err := boundary(in, from, size)
	if err != nil {
		return err
	}
	if to, err = boundary(in, to, size); err != nil {
		return err
	}
	buf := make([]byte, readBytes)
	have := 0 // bytes of a word that has not ended
	for from < to {
		if err := ctx.Err(); err != nil {
			return err
		}
		if have == len(buf) {
			buf = append(buf, make([]byte, len(buf))...)
		}
		n, err := in.ReadAt(buf[have:min(int64(len(buf)), int64(have)+to-from)], from)
		if n == 0 {
			return err
		}
		from += int64(n)
		text := buf[:have+n]
		end := len(text)
		for from < to && end > 0 && class[text[end-1]] != 0 {
			end--
		}
		c.count(text[:end])
		have = copy(buf, text[end:])
	}
	return nil
}

// boundary returns the first place at or after at where an ASCII byte is that
// is no letter, or the size of the file; the beginning is one.
func boundary(in io.ReaderAt, at, size int64) (int64, error) {
	for buf := make([]byte, 4096); at > 0 && at < size; {
		n, err := in.ReadAt(buf, at)
		for i, b := range buf[:n] {
			if class[b] == 0 {
				return at + int64(i), nil
			}
		}
		if n == 0 {
			return 0, err
		}
		at += int64(n)
	}
	return at, nil
}

const (
	offset64 = 14695981039346656037
	prime64  = 1099511628211
)

// count counts the words of a text.
func (c *counts) count(text []byte) {
	for i := 0; i < len(text); {
		if class[text[i]] == 0 {
			i++
			continue
		}
		start, hash := i, uint64(offset64)
		for i < len(text) && class[text[i]] == 1 {
			hash = (hash ^ uint64(text[i])) * prime64
			i++
		}
		if i < len(text) && class[text[i]] == 2 {
			i, hash = wide(text, i, hash)
		}
		if i > start {
			c.add(text[start:i], hash, 1)
		} else {
			_, size := utf8.DecodeRune(text[i:])
			i += size
		}
	}
}

// wide goes on to the end of a word that is not all ASCII.
func wide(text []byte, i int, hash uint64) (int, uint64) {
	for i < len(text) {
		r, size := rune(text[i]), 1
		if r >= utf8.RuneSelf {
			r, size = utf8.DecodeRune(text[i:])
		}
		if !unicode.IsLetter(r) {
			break
		}
		for _, b := range text[i : i+size] {
			hash = (hash ^ uint64(b)) * prime64
		}
		i += size
	}
	return i, hash
}

// add counts a word n times.
func (c *counts) add(word []byte, hash, n uint64) {
	mask := uint64(len(c.slots) - 1)
	i := (hash ^ hash>>32) & mask
	for {
		s := &c.slots[i]
		if s.n == 0 {
			*s = slot{hash: hash, at: uint32(len(c.words)), size: uint32(len(word)), n: n}
			c.words = append(c.words, word...)
			if c.used++; 2*c.used > len(c.slots) {
				c.grow()
			}
			return
		}
		if s.hash == hash && int(s.size) == len(word) && string(c.words[s.at:s.at+s.size]) == string(word) {
			s.n += n
			return
		}
		i = (i + 1) & mask
	}
}

func (c *counts) grow() {
	old := c.slots
	c.slots = make([]slot, 2*len(old))
	mask := uint64(len(c.slots) - 1)
	for _, s := range old {
		if s.n == 0 {
			continue
		}
		i := (s.hash ^ s.hash>>32) & mask
		for c.slots[i].n != 0 {
			i = (i + 1) & mask
		}
		c.slots[i] = s
	}
}

func (c *counts) word(s slot) []byte { return c.words[s.at : s.at+s.size] }

// join adds another table.
func (c *counts) join(o *counts) {
	for _, s := range o.slots {
		if s.n > 0 {
			c.add(o.word(s), s.hash, s.n)
		}
	}
}

// write writes the lines, sorted.
func (c *counts) write(out io.Writer) error {
	found := slices.DeleteFunc(c.slots, func(s slot) bool { return s.n == 0 })
	slices.SortFunc(found, func(a, b slot) int { return bytes.Compare(c.word(a), c.word(b)) })
	w := bufio.NewWriterSize(out, readBytes)
	var line []byte
	for _, s := range found {
		line = append(append(line[:0], c.word(s)...), ' ')
		line = append(strconv.AppendUint(line, s.n, 10), '\n')
		_, _ = w.Write(line) // Flush returns the error
	}
	return w.Flush()
}
