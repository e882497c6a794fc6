package journal

import (
	"context"
	"errors"
	"fmt"
	"io"
	"path/filepath"
	"sync"
	"sync/atomic"
	"testing"
)

// Of many who open a missing journal at once, one gets it.
func TestExclusiveCreation(t *testing.T) {
	for round := range 50 {
		path := filepath.Join(t.TempDir(), "journal")
		var won, locked atomic.Int32
		var wg sync.WaitGroup
		journals := make(chan *Journal, 4)
		for range 4 {
			wg.Go(func() {
				j, r, err := Open(path, small, nil)
				switch {
				case err == nil && r.Created:
					won.Add(1)
					journals <- j
				case errors.Is(err, ErrLocked):
					locked.Add(1)
				default:
					t.Errorf("%+v, %v", r, err)
				}
			})
		}
		wg.Wait()
		if won.Load() != 1 || locked.Load() != 3 {
			t.Fatalf("round %d: %d have it, %d were told that it is locked", round, won.Load(), locked.Load())
		}
		if err := (<-journals).Close(); err != nil {
			t.Fatal(err)
		}
	}
}

// Readers that follow see every record once, in order, however many write,
// rotate and make snapshots meanwhile.
func TestFollow(t *testing.T) {
	const writers, each = 4, 300
	j := open(t, filepath.Join(t.TempDir(), "journal"))
	var wg, reading sync.WaitGroup
	for range 2 {
		reading.Go(func() { follow(t, j, writers*each) })
	}
	for w := range writers {
		wg.Go(func() {
			for i := range each {
				add := [](func(context.Context, ...[]byte) (uint64, error)){j.Append, j.Submit, j.Enqueue}[i%3]
				if _, err := add(t.Context(), fmt.Appendf(nil, "%d %d %0200d", w, i, 0)); err != nil {
					t.Error(err)
				}
			}
		})
	}
	wg.Wait()
	if err := j.Sync(t.Context(), writers*each); err != nil {
		t.Fatal(err)
	}
	reading.Wait()
	if s := j.Stats(); s.Records != writers*each || s.Syncs != s.Batches || s.Segments < 3 {
		t.Errorf("%+v", s)
	}
}

// follow reads n records and checks that those of each writer are in order.
func follow(t *testing.T, j *Journal, n int) {
	r := j.Follow(1)
	defer r.Close()
	next := map[int]int{}
	for seq := range n {
		e, err := r.Next(t.Context())
		var w, i int
		if err == nil {
			_, err = fmt.Sscanf(string(e.Data), "%d %d", &w, &i)
		}
		if err != nil || e.Sequence != uint64(seq+1) || i != next[w] {
			t.Errorf("record %d: read %d, of writer %d number %d, want %d: %v", seq+1, e.Sequence, w, i, next[w], err)
			return
		}
		next[w]++
	}
}

// A reader is told of what it can no longer read, and of the end.
func TestFollowToTheEnd(t *testing.T) {
	j := open(t, filepath.Join(t.TempDir(), "journal"))
	r := j.Follow(1)
	defer r.Close()
	waiting, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := r.Next(waiting); !errors.Is(err, context.Canceled) {
		t.Errorf("nothing to read: %v", err)
	}
	for range 200 {
		if _, err := j.Append(t.Context(), make([]byte, 300)); err != nil {
			t.Fatal(err)
		}
	}
	if err := j.Snapshot(t.Context(), 150, writeState); err != nil {
		t.Fatal(err)
	}
	if _, err := r.Next(t.Context()); !errors.Is(err, ErrCompacted) {
		t.Errorf("read what went into the snapshot: %v", err)
	}
	if err := j.CutAfter(t.Context(), 149); !errors.Is(err, ErrCompacted) {
		t.Errorf("cut into the snapshot: %v", err)
	}
	late := j.Follow(190)
	defer late.Close()
	if e, err := late.Next(t.Context()); err != nil || e.Sequence != 190 {
		t.Errorf("%d, %v", e.Sequence, err)
	}
	if err := j.CutAfter(t.Context(), 195); err != nil {
		t.Fatal(err)
	}
	if _, err := late.Next(t.Context()); !errors.Is(err, ErrCut) {
		t.Errorf("read on behind a cut: %v", err)
	}
	last := j.Follow(196)
	defer last.Close()
	ended := make(chan error)
	go func() { _, err := last.Next(t.Context()); ended <- err }()
	if err := j.Close(); err != nil {
		t.Fatal(err)
	}
	if err := <-ended; !errors.Is(err, ErrClosed) {
		t.Errorf("the journal was closed: %v", err)
	}
}

// Who adds while the tail is cut gets numbers behind the cut, and what they say
// is there stays there.
func TestCutBesideWriters(t *testing.T) {
	disk := newFaultFS(1)
	opt := Options{FS: disk, Segment: minSegment}
	j, _, err := Open("/j", opt, nil)
	if err != nil {
		t.Fatal(err)
	}
	var wg sync.WaitGroup
	var done atomic.Bool
	for w := range 3 {
		wg.Go(func() {
			for i := 0; i < 200 || !done.Load(); i++ { // there is always something to cut
				if _, err := j.Append(t.Context(), fmt.Appendf(nil, "%d %d", w, i)); err != nil {
					t.Error(err)
					return
				}
			}
		})
	}
	for cuts := 0; cuts < 20; {
		durable, _ := j.Durable()
		if err := j.CutAfter(t.Context(), durable/2); err != nil {
			t.Error(err)
			break
		}
		if durable > 0 {
			cuts++
		}
		_, more := j.Durable()
		<-more
	}
	done.Store(true)
	wg.Wait()
	want := map[uint64]string{}
	for i := range 5 {
		text := fmt.Sprintf("last %d", i)
		seq, err := j.Append(t.Context(), []byte(text))
		if err != nil {
			t.Fatal(err)
		}
		want[seq] = text
	}
	disk.lose()
	_, err = Scan("/j", opt, func(e Entry) error {
		if text, ok := want[e.Sequence]; ok && text != string(e.Data) {
			return fmt.Errorf("record %d is %q, want %q", e.Sequence, e.Data, text)
		}
		delete(want, e.Sequence)
		return nil
	})
	if err != nil || len(want) > 0 {
		t.Errorf("%v; missing %v", err, want)
	}
}

// A context that ends first leaves the record on its way, and the turn to
// others.
func TestImpatient(t *testing.T) {
	j := open(t, filepath.Join(t.TempDir(), "journal"))
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	var wg sync.WaitGroup
	for i := range 100 {
		wg.Go(func() {
			mine := t.Context()
			if i%2 == 0 {
				mine = ctx
			}
			if _, err := j.Append(mine, []byte("x")); err != nil && (mine != ctx || !errors.Is(err, context.Canceled)) {
				t.Error(err)
			}
		})
	}
	wg.Wait()
	if _, err := j.Append(t.Context(), []byte("x")); err != nil {
		t.Fatal(err)
	}
	if n, _ := j.Durable(); n != 101 {
		t.Errorf("%d records are durable, want 101", n)
	}
}

// A snapshot is streamed while others append, holds no more than a piece in
// memory, and nobody waits for it.
func TestSnapshotBesideWriters(t *testing.T) {
	disk := newFaultFS(1)
	opt := Options{FS: disk, Segment: minSegment}
	j, _, err := Open("/j", opt, nil)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := j.Append(t.Context(), []byte("first")); err != nil {
		t.Fatal(err)
	}
	err = j.Snapshot(t.Context(), 1, func(w io.Writer) error {
		for i := range 40 { // in the middle of the state
			if _, err := w.Write(make([]byte, part/3)); err != nil {
				return err
			}
			if _, err := j.Append(t.Context(), fmt.Appendf(nil, "%0500d", i)); err != nil {
				return err
			}
		}
		if held := cap(w.(*snapshotWriter).buf); held > 2*part {
			return fmt.Errorf("%d bytes are held", held)
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	disk.lose()
	size, records := int64(0), 0
	_, err = Scan("/j", opt, func(e Entry) (err error) {
		if e.Snapshot != nil {
			size, err = io.Copy(io.Discard, e.Snapshot)
			return err
		}
		records++
		return nil
	})
	if err != nil || size != 40*(part/3) || records != 40 {
		t.Errorf("a state of %d bytes and %d records: %v", size, records, err)
	}
}

// A snapshot that cannot be finished changes nothing.
func TestSnapshotOnFullDisk(t *testing.T) {
	for _, f := range []fault{{op: "create"}, {op: "write", skip: 2}, {op: "sync"}} {
		disk := newFaultFS(1)
		l, _, err := OpenLog("/j", Options{FS: disk}, nil)
		if err == nil {
			_, err = l.Append([]byte("x"))
		}
		if err = errors.Join(err, l.Flush()); err != nil {
			t.Fatal(err)
		}
		disk.fault = f
		err = l.Snapshot(1, func(w io.Writer) error {
			_, err := w.Write(make([]byte, 3*part))
			return err
		})
		if !errors.Is(err, errDisk) {
			t.Errorf("%+v: %v", f, err)
		}
		if names, _ := disk.List("/j"); len(names) != 1 {
			t.Errorf("%+v: left %v", f, names)
		}
		if _, err = l.Append([]byte("y")); err != nil || l.Flush() != nil || l.Close() != nil {
			t.Errorf("%+v: the log went with it: %v", f, err)
		}
	}
}
