package journal

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"sync"
	"testing"
	"time"
)

const benchRecord = 200 // bytes

// contestant makes records durable, each before it returns.
type contestant struct {
	name   string
	append func([]byte) error
}

// BenchmarkAppend has the journal and plain code of the same durability take
// turns, and reports the medians of their rates and the ratio of these.
func BenchmarkAppend(b *testing.B) {
	for _, writers := range []int{1, 32, 128} {
		b.Run(fmt.Sprintf("writers=%d", writers), func(b *testing.B) {
			j := benchJournal(b, b.TempDir(), Options{})
			plain := contestant{"loop", (&plainLoop{file: plainFile(b)}).append}
			if writers > 1 {
				plain = contestant{"group", newPlainGroup(plainFile(b)).append}
			}
			compare(b, writers, contestant{"journal", func(r []byte) error {
				_, err := j.Append(context.Background(), r)
				return err
			}}, plain)
		})
	}
}

func benchJournal(b *testing.B, dir string, opt Options) *Journal {
	j, _, err := Open(filepath.Join(dir, "journal"), opt, func(Entry) error { return nil })
	if err != nil {
		b.Fatal(err)
	}
	b.Cleanup(func() { j.Close() })
	return j
}

// compare lets all take turns: single appends of one writer, and rounds of many
// that are long against the time that it takes to start them. Medians, since
// one append in a hundred takes ten times as long as the others.
func compare(b *testing.B, writers int, all ...contestant) {
	rates := make([][]float64, len(all))
	n := 20 * writers
	if writers == 1 {
		n = 1
	}
	for round := 0; b.Loop(); round++ {
		for i := range all {
			k := (i + round) % len(all)
			rates[k] = append(rates[k], float64(n)/storm(b, writers, n, all[k].append).Seconds())
		}
	}
	for k, c := range all {
		b.ReportMetric(median(rates[k]), c.name+"-records/s")
		if k > 0 {
			b.ReportMetric(median(rates[0])/median(rates[k]), "of-"+c.name)
		}
	}
}

// storm has writers append n records together and returns how long that took.
func storm(b *testing.B, writers, n int, add func([]byte) error) time.Duration {
	write := func() {
		record := bytes.Repeat([]byte("x"), benchRecord)
		for range n / writers {
			if err := add(record); err != nil {
				b.Error(err)
				return
			}
		}
	}
	begin := time.Now()
	if writers == 1 {
		write()
		return time.Since(begin)
	}
	var wg sync.WaitGroup
	for range writers {
		wg.Go(write)
	}
	wg.Wait()
	return time.Since(begin)
}

func median[T float64 | time.Duration](values []T) T {
	slices.Sort(values)
	return values[len(values)/2]
}

// plainFile is a file that was written out ahead.
func plainFile(b *testing.B) *os.File {
	f, err := OS.Create(filepath.Join(b.TempDir(), "plain"), plainSize)
	if err != nil {
		b.Fatal(err)
	}
	b.Cleanup(func() { f.Close() })
	return f.(*machineFile).File
}

const plainSize = 64 << 20

// plainLoop is pwrite and fdatasync, nothing else.
type plainLoop struct {
	file   *os.File
	offset int64
}

func (p *plainLoop) append(record []byte) error {
	p.offset = (p.offset + benchRecord) % (plainSize - 1<<20)
	if _, err := p.file.WriteAt(record, p.offset); err != nil {
		return err
	}
	return syncData(p.file)
}

// plainGroup is group commit as one writes it by hand: who finds nobody at the
// disk goes there for all.
type plainGroup struct {
	plainLoop
	mu            sync.Mutex
	done          *sync.Cond
	pending, old  []byte
	next, durable int
	busy          bool
}

func newPlainGroup(f *os.File) *plainGroup {
	p := &plainGroup{plainLoop: plainLoop{file: f}}
	p.done = sync.NewCond(&p.mu)
	return p
}

func (p *plainGroup) append(record []byte) (err error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.pending = append(p.pending, record...)
	p.next++
	for mine := p.next; p.durable < mine; {
		if p.busy {
			p.done.Wait()
			continue
		}
		p.busy = true
		batch, last := p.pending, p.next
		p.pending = p.old[:0]
		p.mu.Unlock()
		if _, err = p.file.WriteAt(batch, p.offset); err == nil {
			err = syncData(p.file)
		}
		p.mu.Lock()
		p.offset = (p.offset + int64(len(batch))) % (plainSize - 1<<20)
		p.busy, p.durable, p.old = false, last, batch
		p.done.Broadcast()
	}
	return err
}

// unsynced is the machine's file system in a hurry, to build what a benchmark reads.
type unsynced struct{ FS }

type unsyncedFile struct{ File }

func (unsynced) SyncDir(string) error { return nil }
func (unsyncedFile) Sync() error      { return nil }
func (u unsynced) Create(name string, size int64) (File, error) {
	f, err := u.FS.Create(name, 0)
	if err == nil && size > 0 {
		err = f.(*machineFile).Truncate(size)
	}
	return unsyncedFile{f}, err
}

// BenchmarkReplay opens a journal of a million records.
func BenchmarkReplay(b *testing.B) {
	const records = 1e6
	for _, batch := range []int{1, 64} {
		b.Run(fmt.Sprintf("batch=%d", batch), func(b *testing.B) {
			dir := filepath.Join(b.TempDir(), "journal")
			l, _, err := OpenLog(dir, Options{FS: unsynced{OS}}, nil)
			record := make([]byte, benchRecord)
			for i := 0; i < records && err == nil; i++ {
				record[i%benchRecord]++
				if _, err = l.Append(record); err == nil && (i+1)%batch == 0 {
					err = l.Flush()
				}
			}
			if err == nil {
				err = l.Close()
			}
			if err != nil {
				b.Fatal(err)
			}
			b.SetBytes(records * benchRecord)
			var took []time.Duration
			for b.Loop() {
				n, begin := 0, time.Now()
				l, _, err := OpenLog(dir, Options{}, func(Entry) error { n++; return nil })
				took = append(took, time.Since(begin))
				if err != nil || n != records {
					b.Fatal(n, err)
				}
				if err := l.Close(); err != nil {
					b.Fatal(err)
				}
			}
			b.ReportMetric(median(took).Seconds()*1e3, "median-ms")
		})
	}
}

// BenchmarkSnapshot appends without pause while a state of 256 MiB is streamed
// into a snapshot, and reports the longest append with it and without.
func BenchmarkSnapshot(b *testing.B) {
	j := benchJournal(b, b.TempDir(), Options{})
	piece := make([]byte, 1<<20)
	var quiet, beside []time.Duration
	for b.Loop() {
		done := make(chan struct{})
		go func() { time.Sleep(time.Second); close(done) }()
		quiet = append(quiet, appendUntil(b, j, done)...)
		done = make(chan struct{})
		go func() {
			defer close(done)
			seq, _ := j.Durable()
			err := j.Snapshot(context.Background(), seq, func(w io.Writer) error {
				for range 256 {
					if _, err := w.Write(piece); err != nil {
						return err
					}
				}
				return nil
			})
			if err != nil {
				b.Error(err)
			}
		}()
		beside = append(beside, appendUntil(b, j, done)...)
	}
	for name, times := range map[string][]time.Duration{"quiet": quiet, "beside": beside} {
		slices.Sort(times)
		b.ReportMetric(times[len(times)-1].Seconds()*1e3, name+"-max-ms")
		b.ReportMetric(times[len(times)*999/1000].Seconds()*1e3, name+"-p99.9-ms")
		b.ReportMetric(float64(len(times)), name+"-n")
	}
}

func appendUntil(b *testing.B, j *Journal, done chan struct{}) (took []time.Duration) {
	for {
		select {
		case <-done:
			return took
		default:
		}
		begin := time.Now()
		if _, err := j.Append(context.Background(), make([]byte, benchRecord)); err != nil {
			b.Error(err)
			return took
		}
		took = append(took, time.Since(begin))
	}
}
