package host_test

import (
	"context"
	"errors"
	"path/filepath"
	"sync"
	"testing"
	"time"

	"dyno/internal/journal"
	"dyno/internal/node"
	"dyno/internal/node/host"
)

// sink keeps what was sent.
type sink struct {
	mu   sync.Mutex
	outs []answer
	more chan struct{}
}

func newSink() *sink { return &sink{more: make(chan struct{}, 1000)} }

func (s *sink) send(a answer) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.outs = append(s.outs, a)
	s.more <- struct{}{}
}

func (s *sink) await(t *testing.T, n int) []answer {
	t.Helper()
	for {
		s.mu.Lock()
		if len(s.outs) >= n {
			defer s.mu.Unlock()
			return s.outs
		}
		s.mu.Unlock()
		select {
		case <-s.more:
		case <-t.Context().Done():
			t.Fatal("nothing more is sent")
		}
	}
}

func TestHostRemembers(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "j")
	for life := range 3 {
		s := newSink()
		c := &counter{}
		h, r, err := host.Open(c, host.Options[answer]{Dir: dir, Send: s.send})
		if err != nil {
			t.Fatal(err)
		}
		if r.Created != (life == 0) || c.recovered != 100*life {
			t.Fatalf("life %d: %+v, recovered %d", life, r, c.recovered)
		}
		var all sync.WaitGroup
		for i := range 100 {
			all.Go(func() {
				if err := h.Step(ask{i}); err != nil {
					t.Error(err)
				}
			})
		}
		all.Wait()
		for i, a := range s.await(t, 100) {
			if a.number != uint64(100*life+i+1) {
				t.Fatalf("life %d: answer %d is %+v", life, i, a)
			}
		}
		if err := h.Close(); err != nil {
			t.Fatal(err)
		}
		if err := h.Step(ask{}); !errors.Is(err, host.ErrClosed) || !errors.Is(h.Close(), host.ErrClosed) {
			t.Errorf("after Close: %v", err)
		}
	}
}

// Without a folder nothing is remembered, and nobody waits for a disk.
func TestHostWithoutJournal(t *testing.T) {
	for range 2 {
		s := newSink()
		h, r, err := host.Open(&counter{}, host.Options[answer]{Send: s.send})
		if err != nil || !r.Created {
			t.Fatalf("%+v %v", r, err)
		}
		if err := h.Step(ask{1}); err != nil || len(s.outs) != 1 || s.outs[0].number != 1 {
			t.Errorf("%v %+v", err, s.outs)
		}
		if err := errors.Join(h.Sync(t.Context()), h.Close()); err != nil {
			t.Error(err)
		}
	}
}

func TestHostWakes(t *testing.T) {
	s := newSink()
	h, _, err := host.Open(&counter{beginWith: time.Nanosecond}, host.Options[answer]{Dir: filepath.Join(t.TempDir(), "j"), Send: s.send})
	if err != nil {
		t.Fatal(err)
	}
	for i, a := range s.await(t, 3) {
		if a.id != -(i + 1) {
			t.Errorf("wake %d: %+v", i, a)
		}
	}
	if err := h.Close(); err != nil {
		t.Fatal(err)
	}
	h.View(func(time.Duration) {})
}

// slowFS holds syncs back until it is told.
type slowFS struct {
	journal.FS
	gate chan error
}

type slowFile struct {
	journal.File
	gate chan error
}

func (f slowFS) Open(name string, write bool) (journal.File, error) {
	file, err := f.FS.Open(name, write)
	return slowFile{file, f.gate}, err
}

func (f slowFS) Create(name string, size int64) (journal.File, error) {
	file, err := f.FS.Create(name, size)
	return slowFile{file, f.gate}, err
}

func (f slowFile) Sync() error {
	if err := <-f.gate; err != nil {
		return err
	}
	return f.File.Sync()
}

// An answer does not leave while its record is not durable, an early one does;
// and after a sync that failed nothing leaves any more.
func TestHostKeepsBack(t *testing.T) {
	gate := make(chan error, 100)
	gate <- nil // the new segment
	s := newSink()
	h, _, err := host.Open(&counter{}, host.Options[answer]{
		Dir: filepath.Join(t.TempDir(), "j"), Send: s.send, Journal: journal.Options{FS: slowFS{journal.OS, gate}},
	})
	if err != nil {
		t.Fatal(err)
	}
	step := func(id int) {
		if err := h.Step(ask{id}); err != nil {
			t.Error(err)
		}
	}
	step(1)
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if err := h.Sync(ctx); err == nil {
		t.Error("a sync that hangs is over")
	}
	if len(s.outs) != 0 {
		t.Fatalf("sent before it was durable: %+v", s.outs)
	}
	gate <- nil
	s.await(t, 1)
	step(2)
	gate <- errors.New("the disk is gone")
	<-h.Failed()
	if h.Err() == nil {
		t.Error("no reason is given")
	}
	if err := h.Step(ask{3}); err == nil {
		t.Error("it goes on after a failed sync")
	}
	close(gate)
	_ = h.Close()
	if len(s.outs) != 1 {
		t.Errorf("sent after the failure: %+v", s.outs)
	}
}

// A core that makes snapshots finds one, and what came after, in its next life;
// one that makes none refuses to begin from it.
func TestHostCompacts(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "j")
	s := newSink()
	h, _, err := host.Open(&compacting{}, host.Options[answer]{Dir: dir, Send: s.send, Compact: 100})
	if err != nil {
		t.Fatal(err)
	}
	const asked = 1000
	for i := range asked {
		if err := h.Step(ask{i}); err != nil {
			t.Fatal(err)
		}
		s.await(t, i+1)
	}
	if err := h.Close(); err != nil {
		t.Fatal(err)
	}
	c := &compacting{}
	h, r, err := host.Open(c, host.Options[answer]{Dir: dir, Send: s.send}) // with what was flushed
	if err != nil || !r.Snapshot || r.Records >= asked || c.last <= asked {
		t.Fatalf("%+v, the core knows %d: %v", r, c.last, err)
	}
	if err := h.Close(); err != nil {
		t.Fatal(err)
	}
	if _, _, err := host.Open(&counter{}, host.Options[answer]{Dir: dir, Send: s.send}); err == nil {
		t.Error("a core that makes no snapshots begins from one")
	}
}

// What is told at once is remembered at once: one sync for all of it.
func TestSteps(t *testing.T) {
	s := newSink()
	h, _, err := host.Open(&counter{}, host.Options[answer]{Dir: filepath.Join(t.TempDir(), "j"), Send: s.send})
	if err != nil {
		t.Fatal(err)
	}
	if err := h.Steps(ask{1}, ask{2}, ask{3}); err != nil {
		t.Fatal(err)
	}
	for i, a := range s.await(t, 3) {
		if a.id != i+1 || a.number != uint64(i+1) {
			t.Errorf("answer %d: %+v", i, a)
		}
	}
	if n := h.Stats().Syncs; n != 1 {
		t.Errorf("%d syncs, want one", n)
	}
	if err := h.Close(); err != nil {
		t.Fatal(err)
	}
	if err := h.Steps(ask{4}); !errors.Is(err, host.ErrClosed) {
		t.Error(err)
	}
}

// resting answers an ask about an earlier record as soon as that one is durable.
type resting struct{ counter }

func (r *resting) Step(now time.Duration, in ask) node.Effects[answer] {
	e := r.counter.Step(now, in)
	if in.id == 2 { // of what was written before
		e.Rest = 1
	}
	return e
}

// What rests on an earlier record does not wait for a later one, and passes what
// does.
func TestHostRests(t *testing.T) {
	gate := make(chan error, 100)
	gate <- nil // the new segment
	s := newSink()
	h, _, err := host.Open(&resting{}, host.Options[answer]{
		Dir: filepath.Join(t.TempDir(), "j"), Send: s.send, Journal: journal.Options{FS: slowFS{journal.OS, gate}},
	})
	if err != nil {
		t.Fatal(err)
	}
	gate <- nil
	if err := h.Step(ask{1}); err != nil {
		t.Fatal(err)
	}
	s.await(t, 1)
	for _, id := range []int{3, 2} { // not durable yet
		if err := h.Step(ask{id}); err != nil {
			t.Fatal(err)
		}
	}
	if outs := s.await(t, 2); outs[1].id != 2 {
		t.Errorf("sent %+v: the second rests on the first record only", outs)
	}
	close(gate)
	if err := h.Close(); err != nil {
		t.Fatal(err)
	}
	if outs := s.await(t, 3); outs[2].id != 3 {
		t.Errorf("sent %+v", outs)
	}
}
