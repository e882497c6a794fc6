package directory

import (
	"context"
	"testing"
	"time"

	clientv3 "go.etcd.io/etcd/client/v3"
)

// etcd gives every lease its full time again when it restarts: a server that
// died before stays in the directory for LeaseTTL from then on, which is why
// the bound on picks of the dead is no promise over a restart of the registry.
func TestLeasesStartOverWithTheRegistry(t *testing.T) {
	const granted, passed = 60, 3 // seconds
	dir := t.TempDir()
	var id clientv3.LeaseID
	left := func(d *Directory) int64 {
		ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
		defer cancel()
		ttl, err := d.client.TimeToLive(ctx, id)
		if err != nil {
			t.Fatal(err)
		}
		return ttl.TTL
	}
	t.Run("before", func(t *testing.T) {
		d := testDirectory(t, startRegistry(t, dir))
		lease, err := d.client.Grant(t.Context(), granted)
		if err != nil {
			t.Fatal(err)
		}
		id = lease.ID
		if _, err := d.client.Put(t.Context(), d.ServerPrefix("s1")+"a", "{}", clientv3.WithLease(id)); err != nil {
			t.Fatal(err)
		}
		for left(d) > granted-passed { // nobody renews it
			time.Sleep(100 * time.Millisecond)
		}
	})
	restarted := time.Now()
	d := testDirectory(t, startRegistry(t, dir))
	got, since := left(d), int64(time.Since(restarted)/time.Second)+1
	if since >= passed {
		t.Skipf("the restart took %d s: as long as had passed before", since)
	}
	if got < granted-since {
		t.Errorf("%d s of %d are left %d s after the restart; want a lease that starts over", got, granted, since)
	}
}

// Whoever waits for its turn has a lease and no key yet; a lease that is lost meanwhile
// is replaced by another one, and the turn waited for again.
func TestAnnounceWaitsWithALease(t *testing.T) {
	d := testDirectory(t, startRegistry(t))
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan struct{})
	key, turns, held := d.ServerPrefix("s1")+"a", 0, 0
	turn := func() {
		turns++
		leases, err := d.client.Leases(ctx)
		if err != nil {
			t.Error(err)
			return
		}
		if len(leases.Leases) != 1 {
			t.Errorf("turn %d: leases %v, want one", turns, leases)
		}
		if got, err := d.client.Get(ctx, key); err != nil || len(got.Kvs) != 0 {
			t.Errorf("turn %d: the key is there: %v, %v", turns, got, err)
		}
		if turns == 1 && len(leases.Leases) > 0 {
			if _, err := d.client.Revoke(ctx, leases.Leases[0].ID); err != nil {
				t.Error(err)
			}
		}
	}
	go func() {
		defer close(done)
		d.Announce(ctx, key, Value{Address: "x:1", Capacity: 1}, turn, func(int64) { held++; cancel() })
	}()
	select {
	case <-done:
	case <-time.After(20 * time.Second):
		t.Error("it is never announced")
	}
	cancel()
	<-done
	if turns != 2 || held != 1 {
		t.Errorf("%d turns, held %d times", turns, held)
	}
	if leases, err := d.client.Leases(t.Context()); err != nil || len(leases.Leases) != 0 {
		t.Errorf("leases %v are left, %v", leases, err)
	}
}
