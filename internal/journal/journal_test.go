package journal

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"

	"pgregory.net/rapid"
)

// small has segments that fill up within a test.
var small = Options{Segment: 16 << 10}

// replayed is what a journal holds: the snapshot, if any, as its first text.
func replayed(path string, opt Options) (texts []string, r Recovery, err error) {
	j, r, err := Open(path, opt, func(e Entry) error {
		text := fmt.Sprintf("%d:%s", e.Sequence, e.Data)
		if e.Snapshot != nil {
			state, err := io.ReadAll(e.Snapshot)
			if err != nil {
				return err
			}
			text = fmt.Sprintf("snapshot %d:%s", e.Sequence, state)
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
	j, _, err := Open(path, small, func(Entry) error { return nil })
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { j.Close() })
	return j
}

// Whatever is appended, in any order of calls and openings, is replayed.
func TestReplay(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		m := &model{opt: Options{FS: newFaultFS(1), Segment: 16 << 10}}
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

type model struct {
	opt     Options
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
	if err := m.journal.Snapshot(context.Background(), through, writeState); err != nil {
		t.Fatal(err)
	}
	m.want = slices.Insert(m.want[through-first+1:], 0, fmt.Sprintf("snapshot %d:state", through))
}

func writeState(w io.Writer) error {
	_, err := io.WriteString(w, "state")
	return err
}

func (m *model) reopen(t *rapid.T) {
	if m.journal != nil {
		if err := m.journal.Close(); err != nil {
			t.Fatal(err)
		}
	}
	got, r, err := replayed("/j", m.opt)
	if err != nil || !slices.Equal(got, m.want) || r.Last != m.last || r.Cut != 0 {
		t.Fatalf("replayed %.200q (%+v, %v), want %.200q", got, r, err, m.want)
	}
	m.journal, _, err = Open("/j", m.opt, func(Entry) error { return nil })
	if err != nil {
		t.Fatal(err)
	}
}

// While one sync is under way, all who come share the next one.
func TestGroupCommit(t *testing.T) {
	gate := &gatedFS{FS: OS, entered: make(chan struct{}, 100), leave: make(chan struct{})}
	j, _, err := Open(filepath.Join(t.TempDir(), "journal"), Options{FS: gate, Segment: 16 << 10}, nil)
	if err != nil {
		t.Fatal(err)
	}
	gate.shut.Store(true)
	var wg sync.WaitGroup
	put := func(i int) {
		switch seq, err := uint64(0), error(nil); i % 3 {
		case 0:
			if _, err = j.Append(t.Context(), []byte("x")); err != nil {
				t.Error(err)
			}
		case 1:
			if seq, err = j.Enqueue(t.Context(), []byte("x")); err == nil {
				err = j.Sync(t.Context(), seq)
			}
			if err != nil {
				t.Error(err)
			}
		default:
			if _, err := j.Submit(t.Context(), []byte("x")); err != nil {
				t.Error(err)
			}
		}
	}
	wg.Go(func() { put(0) })
	<-gate.entered
	for i := range 99 {
		wg.Go(func() { put(i) })
	}
	for { // until all wait for the second sync
		j.mu.Lock()
		n := j.pending.count
		j.mu.Unlock()
		if n == 99 {
			break
		}
		runtime.Gosched()
	}
	close(gate.leave)
	wg.Wait()
	if err := j.Sync(t.Context(), 100); err != nil {
		t.Fatal(err)
	}
	s := j.Stats()
	if s.Syncs != 2 || s.Batches != 2 || s.Records != 100 || s.Sizes[0] != 1 || s.Sizes[6] != 1 {
		t.Errorf("%d syncs of %d batches for 1 + 99 records (%v), want 2", s.Syncs, s.Batches, s.Sizes)
	}
	if s.Waits.Count < 67 || s.Waits.Max > s.Waits.Sum {
		t.Errorf("waits %+v, want those of 67 callers", s.Waits)
	}
	if err := j.Close(); err != nil {
		t.Fatal(err)
	}
}

// gatedFS holds the syncs of files up.
type gatedFS struct {
	FS
	shut    atomic.Bool
	entered chan struct{}
	leave   chan struct{}
}

type gatedFile struct {
	File
	fs *gatedFS
}

func (f *gatedFS) Create(name string, size int64) (File, error) {
	file, err := f.FS.Create(name, size)
	return &gatedFile{file, f}, err
}

func (f *gatedFile) Sync() error {
	if f.fs.shut.Load() {
		f.fs.entered <- struct{}{}
		<-f.fs.leave
	}
	return f.File.Sync()
}

// After a failed write or sync nothing is accepted, and what was acknowledged
// before is there when the journal is opened again.
func TestFailedDisk(t *testing.T) {
	for _, f := range []fault{{op: "sync"}, {op: "write"}, {op: "write", short: true}} {
		t.Run(fmt.Sprintf("%+v", f), func(t *testing.T) {
			disk := newFaultFS(1)
			opt := Options{FS: disk, Segment: 16 << 10}
			j, _, err := Open("/j", opt, nil)
			if err != nil {
				t.Fatal(err)
			}
			if _, err := j.Append(t.Context(), []byte("kept")); err != nil {
				t.Fatal(err)
			}
			_, changed := j.Durable()
			disk.fault = f
			want := errDisk
			if f.short {
				want = io.ErrShortWrite
			}
			for range 2 {
				if _, err := j.Append(t.Context(), []byte(strings.Repeat("lost", 1000))); !errors.Is(err, want) {
					t.Fatalf("error %v, want %v", err, want)
				}
			}
			<-changed
			<-j.Failed()
			syncs := disk.syncs
			if err := j.Err(); !errors.Is(err, want) {
				t.Errorf("it says %v", err)
			}
			if err := j.Sync(t.Context(), 2); !errors.Is(err, want) {
				t.Errorf("sync: %v", err)
			}
			if err := j.Snapshot(t.Context(), 1, writeState); !errors.Is(err, want) {
				t.Errorf("snapshot: %v", err)
			}
			if err := j.CutAfter(t.Context(), 1); !errors.Is(err, want) {
				t.Errorf("cut: %v", err)
			}
			if err := j.Close(); !errors.Is(err, want) {
				t.Errorf("close: %v", err)
			}
			if disk.syncs != syncs {
				t.Error("synced again: after a failed sync nobody knows what is on the disk")
			}
			disk.lose()
			var got []string
			if _, err := Scan("/j", opt, func(e Entry) error { got = append(got, string(e.Data)); return nil }); err != nil || got[0] != "kept" {
				t.Errorf("replayed %.50q, %v", got, err)
			}
		})
	}
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
	if err := j.Snapshot(t.Context(), 1, writeState); err == nil {
		t.Error("made a snapshot through a record that does not exist")
	}
	for _, opt := range []Options{{Segment: 100}, {MaxRecord: -1}, {Identity: strings.Repeat("x", maxIdentity+1)}} {
		if _, _, err := Open(path, opt, nil); err == nil {
			t.Errorf("opened with %.60v", opt)
		}
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
	file := filepath.Join(t.TempDir(), "file")
	if err := os.WriteFile(file, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	for _, path := range []string{file, filepath.Join(file, "x"), filepath.Join(file, "x", "y")} {
		if _, _, err := Open(path, Options{}, nil); err == nil {
			t.Errorf("opened %s", path)
		}
	}
	if err := j.Sync(t.Context(), 7); err == nil {
		t.Error("synced a record that does not exist")
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
