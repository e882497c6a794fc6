package journal

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"

	"pgregory.net/rapid"
)

// replayed is what a journal holds: the snapshot, if any, as its first text.
func replayed(path string) (texts []string, r Recovery, err error) {
	j, r, err := Open(path, Options{}, func(e Entry) error {
		text := fmt.Sprintf("%d:%s", e.Sequence, e.Data)
		if e.Snapshot {
			text = "snapshot " + text
		}
		texts = append(texts, text)
		return nil
	})
	if err != nil {
		return texts, r, err
	}
	return texts, r, j.Close()
}

func open(t testing.TB, path string) *Journal {
	t.Helper()
	j, _, err := Open(path, Options{}, func(Entry) error { return nil })
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { j.Close() })
	return j
}

// Whatever is appended, in any order of calls and openings, is replayed.
func TestReplay(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		m := &model{path: filepath.Join(temp(t), "journal")}
		m.reopen(t)
		t.Repeat(map[string]func(*rapid.T){
			"append":   func(t *rapid.T) { m.append(t, (*Journal).Append) },
			"enqueue":  func(t *rapid.T) { m.append(t, (*Journal).Enqueue) },
			"snapshot": m.snapshot,
			"reopen":   m.reopen,
		})
		m.reopen(t)
		if err := m.journal.Close(); err != nil {
			t.Fatal(err)
		}
	})
}

func temp(t *rapid.T) string {
	dir, err := os.MkdirTemp("", "journal-test-")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { os.RemoveAll(dir) })
	return dir
}

type model struct {
	path    string
	journal *Journal
	want    []string // as replayed gives it
	last    uint64
}

func (m *model) append(t *rapid.T, add func(*Journal, context.Context, ...[]byte) (uint64, error)) {
	var records [][]byte
	for range rapid.IntRange(1, 4).Draw(t, "records") {
		n := rapid.SampledFrom([]int{0, 1, 31, 32, 33, 600, 5000}).Draw(t, "bytes")
		fill := rapid.SampledFrom([]string{"\x00", "x", "\xff"}).Draw(t, "fill")
		records = append(records, []byte(strings.Repeat(fill, n)))
		m.last++
		m.want = append(m.want, fmt.Sprintf("%d:%s", m.last, records[len(records)-1]))
	}
	last, err := add(m.journal, context.Background(), records...)
	if err != nil || last != m.last {
		t.Fatalf("record %d, %v; want record %d", last, err, m.last)
	}
}

func (m *model) snapshot(t *rapid.T) {
	first := uint64(1)
	if len(m.want) > 0 {
		fmt.Sscanf(strings.TrimPrefix(m.want[0], "snapshot "), "%d:", &first)
	}
	if m.last < first {
		t.Skip("nothing to put into a snapshot")
	}
	through := rapid.Uint64Range(first, m.last).Draw(t, "through")
	if err := m.journal.Snapshot(context.Background(), through, []byte("state")); err != nil {
		t.Fatal(err)
	}
	m.want = slices.Insert(m.want[through-first+1:], 0, fmt.Sprintf("snapshot %d:state", through))
}

func (m *model) reopen(t *rapid.T) {
	if m.journal != nil {
		if err := m.journal.Close(); err != nil {
			t.Fatal(err)
		}
	}
	got, r, err := replayed(m.path)
	if err != nil || !slices.Equal(got, m.want) || r.Last != m.last || r.Cut != 0 {
		t.Fatalf("replayed %.200q (%+v, %v), want %.200q", got, r, err, m.want)
	}
	m.journal, _, err = Open(m.path, Options{}, func(Entry) error { return nil })
	if err != nil {
		t.Fatal(err)
	}
}

// While one sync is under way, all who come share the next one.
func TestGroupCommit(t *testing.T) {
	j := open(t, filepath.Join(t.TempDir(), "journal"))
	gate := &gatedFile{file: j.file, entered: make(chan struct{}, 100), leave: make(chan struct{})}
	j.file = gate // the writer is idle and has not looked yet
	var wg sync.WaitGroup
	put := func() {
		if _, err := j.Append(t.Context(), []byte("x")); err != nil {
			t.Error(err)
		}
	}
	wg.Go(put)
	<-gate.entered
	for range 99 {
		wg.Go(put)
	}
	for { // until all wait for the second sync
		j.mu.Lock()
		n := j.pending.count
		j.mu.Unlock()
		if n == 99 {
			break
		}
	}
	close(gate.leave)
	wg.Wait()
	if n := 1 + len(gate.entered); n != 2 {
		t.Errorf("%d syncs for 1 + 99 records, want 2", n)
	}
}

type gatedFile struct {
	file
	entered chan struct{}
	leave   chan struct{}
}

func (f *gatedFile) Sync() error {
	f.entered <- struct{}{}
	<-f.leave
	return f.file.Sync()
}

// After a failed write or sync nothing is accepted, and what was acknowledged
// before is there when the journal is opened again.
func TestFailedDisk(t *testing.T) {
	for _, f := range []*failingFile{{syncs: true}, {writes: true}} {
		t.Run(fmt.Sprintf("%+v", *f), func(t *testing.T) {
			path := filepath.Join(t.TempDir(), "journal")
			j := open(t, path)
			if _, err := j.Append(t.Context(), []byte("kept")); err != nil {
				t.Fatal(err)
			}
			f.file = j.file
			j.file = f
			for range 2 {
				if _, err := j.Append(t.Context(), []byte(strings.Repeat("lost", 1000))); !errors.Is(err, errDisk) {
					t.Fatalf("error %v, want that of the disk", err)
				}
			}
			if f.tries != 1 {
				t.Errorf("tried the disk %d times: after a failed sync nobody knows what is on it", f.tries)
			}
			if err := j.Snapshot(t.Context(), 1, nil); !errors.Is(err, errDisk) {
				t.Errorf("snapshot: %v", err)
			}
			if err := j.Close(); !errors.Is(err, errDisk) {
				t.Errorf("close: %v", err)
			}
			got, _, err := replayed(path)
			if err != nil || len(got) == 0 || got[0] != "1:kept" {
				t.Errorf("replayed %.50q, %v", got, err)
			}
		})
	}
}

var errDisk = errors.New("no space left")

type failingFile struct {
	file
	syncs, writes bool
	tries         int
}

func (f *failingFile) WriteAt(b []byte, at int64) (int, error) {
	if f.writes {
		f.tries++
		n, _ := f.file.WriteAt(b[:len(b)/2], at)
		return n, errDisk
	}
	return f.file.WriteAt(b, at)
}

func (f *failingFile) Sync() error {
	if f.syncs {
		f.tries++
		return errDisk
	}
	return f.file.Sync()
}

func TestRefusals(t *testing.T) {
	path := filepath.Join(t.TempDir(), "journal")
	j := open(t, path)
	if _, _, err := Open(path, Options{}, nil); !errors.Is(err, ErrLocked) {
		t.Errorf("opened twice: %v", err)
	}
	if _, err := j.Append(t.Context()); err == nil {
		t.Error("appended nothing")
	}
	if _, err := j.Append(t.Context(), make([]byte, defaultMaxRecord+1)); err == nil {
		t.Error("appended a record beyond the limit")
	}
	if err := j.Snapshot(t.Context(), 1, nil); err == nil {
		t.Error("made a snapshot through a record that does not exist")
	}
	if err := j.Close(); err != nil {
		t.Fatal(err)
	}
	if _, err := j.Append(t.Context(), nil); !errors.Is(err, ErrClosed) {
		t.Errorf("appended after Close: %v", err)
	}
	var identity *IdentityError
	if _, _, err := Open(path, Options{Identity: "another"}, nil); !errors.As(err, &identity) {
		t.Errorf("opened under another identity: %v", err)
	}
	if _, _, err := Open(filepath.Join(path, "x"), Options{}, nil); err == nil {
		t.Error("opened below a file")
	}
}

// A full queue makes writers wait instead of growing.
func TestPendingIsBounded(t *testing.T) {
	path := filepath.Join(t.TempDir(), "journal")
	j, _, err := Open(path, Options{MaxPending: 100}, nil)
	if err != nil {
		t.Fatal(err)
	}
	defer j.Close()
	for range 50 { // nobody waits for these, yet they are written on the way
		if _, err := j.Enqueue(t.Context(), []byte(strings.Repeat("x", 60))); err != nil {
			t.Fatal(err)
		}
		j.mu.Lock()
		n := len(j.pending.body)
		j.mu.Unlock()
		if n > align+100+2 {
			t.Fatalf("%d bytes are pending", n)
		}
	}
}

func BenchmarkAppend(b *testing.B) {
	for _, writers := range []int{1, 32} {
		b.Run(fmt.Sprintf("writers=%d", writers), func(b *testing.B) {
			j := open(b, filepath.Join(b.TempDir(), "journal"))
			record := make([]byte, 100)
			work := make(chan struct{})
			var wg sync.WaitGroup
			for range writers {
				wg.Go(func() {
					for range work {
						if _, err := j.Append(context.Background(), record); err != nil {
							b.Error(err)
						}
					}
				})
			}
			for b.Loop() {
				work <- struct{}{}
			}
			close(work)
			wg.Wait()
		})
	}
}
