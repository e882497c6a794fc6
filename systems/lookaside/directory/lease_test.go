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
