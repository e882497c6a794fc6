package directory

import (
	"context"
	"fmt"
	"slices"

	clientv3 "go.etcd.io/etcd/client/v3"

	"dyno/internal/backoff"
)

// Follow keeps calling apply with all entries below a prefix, oldest first,
// and the revision up to which they are complete, until the context ends.
func (d *Directory) Follow(ctx context.Context, prefix string, apply func([]Entry, int64)) {
	var b backoff.Backoff
	for ctx.Err() == nil {
		err := d.watch(ctx, prefix, func(entries []Entry, revision int64) {
			b.Reset()
			apply(entries, revision)
		})
		if err == nil || ctx.Err() != nil {
			continue
		}
		d.Log.Warn("cannot read the directory, trying again", "etcd", d.endpoints, "error", err)
		b.Wait(ctx, nil)
	}
}

// Await returns once there is an entry below a prefix, or the context has ended.
func (d *Directory) Await(ctx context.Context, prefix string) {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	d.Follow(ctx, prefix, func(entries []Entry, _ int64) {
		if len(entries) > 0 {
			cancel()
		}
	})
}

// watch reads the entries once and then follows the changes until a refresh is due.
// An error (a compaction, a lost connection) means that changes may have been missed.
// The watch comes first, from now on: one that asks for a revision which has passed
// meanwhile is told of it, and of all that comes, only when etcd next looks for such
// watches, up to 100 ms later.
func (d *Directory) watch(ctx context.Context, prefix string, apply func([]Entry, int64)) error {
	ctx, cancel := context.WithTimeout(clientv3.WithRequireLeader(ctx), refresh)
	defer cancel()
	call, done := context.WithTimeout(ctx, Timeout)
	defer done()
	changes := d.client.Watch(ctx, prefix, clientv3.WithPrefix(), clientv3.WithCreatedNotify())
	select {
	case created := <-changes:
		if err := created.Err(); err != nil {
			return err
		}
	case <-call.Done():
		return fmt.Errorf("watch %s: %w", prefix, call.Err())
	}
	got, err := d.client.Get(call, prefix, clientv3.WithPrefix())
	if err != nil {
		return err
	}
	c := newMirror(prefix, d.Log)
	for _, kv := range got.Kvs {
		c.put(kv)
	}
	apply(c.entries(), got.Header.Revision)
	for resp := range changes {
		if err := resp.Err(); err != nil {
			return err
		}
		resp.Events = slices.DeleteFunc(resp.Events, func(ev *clientv3.Event) bool { return ev.Kv.ModRevision <= got.Header.Revision })
		for _, ev := range resp.Events {
			if ev.Type == clientv3.EventTypeDelete {
				c.remove(ev.Kv)
			} else {
				c.put(ev.Kv)
			}
		}
		if n := len(resp.Events); n > 0 {
			apply(c.entries(), resp.Events[n-1].Kv.ModRevision)
		}
	}
	return nil // the refresh is due, or ctx ended
}
