package host

import (
	"context"
	"fmt"
	"io"

	"dyno/internal/journal"
	"dyno/internal/node"
)

// recoverEntry hands one entry of a journal to a core.
func recoverEntry[In, Out any](core node.Core[In, Out], e journal.Entry) error {
	if e.Snapshot != nil {
		s, able := core.(node.Snapshotter)
		if !able {
			return fmt.Errorf("host: record %d is a snapshot, which this core does not make", e.Sequence)
		}
		snapshot, err := io.ReadAll(e.Snapshot)
		if err == nil {
			err = s.Restore(e.Sequence, snapshot)
		}
		return err
	}
	if err := core.Recover(e.Data); err != nil {
		return fmt.Errorf("record %d: %w", e.Sequence, err)
	}
	return nil
}

// Compact replaces the records of the journal by a snapshot of the core, which
// must be a [node.Snapshotter]. The core goes on meanwhile.
func (h *Host[In, Out]) Compact(ctx context.Context) error {
	h.mu.Lock()
	if f, able := h.core.(node.Flusher[Out]); able {
		h.apply(f.Flush(h.now()))
	}
	write, last := node.Freeze(any(h.core).(node.Snapshotter)), h.last
	h.base = last
	h.mu.Unlock()
	if h.journal == nil || last == 0 {
		return nil
	}
	return h.journal.Snapshot(ctx, last, write)
}

// compactSoon compacts in the background if enough records have come together; mu
// is held. One that fails, as on a full disk, is no failure of the journal: the
// next is tried when as many records have come again.
func (h *Host[In, Out]) compactSoon() {
	_, able := h.core.(node.Snapshotter)
	if !able || h.opt.Compact == 0 || h.last-h.base < h.opt.Compact || h.compacting || h.closed {
		return
	}
	h.compacting = true
	h.running.Go(func() {
		_ = h.Compact(h.ctx)
		h.mu.Lock()
		defer h.mu.Unlock()
		h.compacting = false
	})
}
