package lookaside

import (
	"context"
	"log/slog"
	"slices"
	"strings"
	"testing"
	"time"

	clientv3 "go.etcd.io/etcd/client/v3"

	"dyno/systems"
)

// startRegistry runs the registry role in this process and returns its
// --discovery address.
func startRegistry(t *testing.T, args ...string) string {
	t.Helper()
	ctx, cancel := context.WithCancel(context.Background())
	ready, ended := make(chan string, 1), make(chan error, 1)
	data := ""
	if len(args) > 0 {
		data = args[0]
	}
	go func() {
		ended <- serveRegistry(ctx, systems.Shell{Err: t.Output(), Ready: func(addr string) { ready <- addr }}, "127.0.0.1:0", data)
	}()
	t.Cleanup(func() {
		cancel()
		if err := <-ended; err != nil {
			t.Errorf("the registry did not end well: %v", err)
		}
	})
	select {
	case addr := <-ready:
		return "etcd://" + addr
	case err := <-ended:
		ended <- nil
		t.Fatalf("the registry did not start: %v", err)
		return ""
	}
}

func testDirectory(t *testing.T, discovery string) *directory {
	t.Helper()
	d, err := openDirectory(discovery, "compute", slog.New(slog.DiscardHandler))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(d.close)
	return d
}

// follower gives what follow says to a test.
func follower(t *testing.T, d *directory, prefix string) <-chan []entry {
	t.Helper()
	ctx, cancel := context.WithCancel(context.Background())
	seen, done := make(chan []entry, 100), make(chan struct{})
	go func() {
		defer close(done)
		d.follow(ctx, prefix, func(e []entry, _ int64) { seen <- e })
	}()
	t.Cleanup(func() {
		cancel()
		<-done
	})
	return seen
}

// until waits for a state of the directory.
func until(t *testing.T, seen <-chan []entry, what string, ok func([]entry) bool) []entry {
	t.Helper()
	limit := time.After(20 * time.Second)
	for {
		select {
		case e := <-seen:
			if ok(e) {
				return e
			}
		case <-limit:
			t.Fatalf("never saw %s", what)
		}
	}
}

func announcing(t *testing.T, d *directory, key string, v entryValue) (held <-chan int64, leave func()) {
	t.Helper()
	ctx, cancel := context.WithCancel(context.Background())
	revisions, done := make(chan int64, 10), make(chan struct{})
	go func() {
		defer close(done)
		d.announce(ctx, key, v, func(r int64) { revisions <- r })
	}()
	leave = func() {
		cancel()
		<-done
	}
	t.Cleanup(leave)
	return revisions, leave
}

func TestDirectory(t *testing.T) {
	d := testDirectory(t, startRegistry(t))
	seen := follower(t, d, d.servers())
	until(t, seen, "an empty directory", func(e []entry) bool { return len(e) == 0 })

	held1, leave1 := announcing(t, d, d.server("s1")+"a", entryValue{Address: "x:1", Capacity: 0.5})
	r1 := <-held1
	held2, _ := announcing(t, d, d.server("s0")+"b", entryValue{Address: "x:2", Capacity: 2})
	r2 := <-held2
	d.await(t.Context(), d.server("s0")) // returns: it is there
	got := until(t, seen, "both servers", func(e []entry) bool { return len(e) == 2 })
	want := []entry{
		{Path: []string{"s1", "a"}, Address: "x:1", Capacity: 0.5, Revision: r1},
		{Path: []string{"s0", "b"}, Address: "x:2", Capacity: 2, Revision: r2},
	}
	if !slices.EqualFunc(got, want, func(a, b entry) bool {
		return slices.Equal(a.Path, b.Path) && a.Address == b.Address && a.Capacity == b.Capacity && a.Revision == b.Revision
	}) {
		t.Errorf("entries %+v, want %+v", got, want)
	}

	leave1() // its lease is revoked: the entry goes at once
	until(t, seen, "s0 alone", func(e []entry) bool { return len(e) == 1 && e[0].Path[0] == "s0" })

	t.Run("a lost lease is taken again", func(t *testing.T) {
		leases, err := d.client.Leases(t.Context())
		if err != nil || len(leases.Leases) != 1 {
			t.Fatalf("leases %v, %v; want that of s0", leases, err)
		}
		if _, err := d.client.Revoke(t.Context(), leases.Leases[0].ID); err != nil {
			t.Fatal(err)
		}
		r3 := <-held2
		if r3 <= r2 {
			t.Errorf("announced again at revision %d, first at %d", r3, r2)
		}
		until(t, seen, "s0 again", func(e []entry) bool { return len(e) == 1 && e[0].Revision == r3 })
	})
	t.Run("a foreign entry is left out", func(t *testing.T) {
		for key, value := range map[string]string{"s7/x": "no json", "s8/x": `{"capacity":1}`} {
			if _, err := d.client.Put(t.Context(), d.servers()+key, value); err != nil {
				t.Fatal(err)
			}
		}
		announcing(t, d, d.server("s9")+"c", entryValue{Address: "x:9", Capacity: 1})
		got := until(t, seen, "s9", func(e []entry) bool { return slices.ContainsFunc(e, func(e entry) bool { return e.Path[0] == "s9" }) })
		if len(got) != 2 {
			t.Errorf("entries %+v", got)
		}
	})
}

// A watch that asks for a past that etcd has forgotten is an error: the
// directory must then be read anew.
// A key whose old lease is still alive keeps its create revision; a server
// that announces another one is told to announce itself again for as long as
// that lease lives (found by the simulator, see mutantRevision).
func TestAnnounceTellsTheCreateRevision(t *testing.T) {
	d := testDirectory(t, startRegistry(t))
	key := d.prefix() + "servers/s1/a"
	put, err := d.client.Put(t.Context(), key, "an earlier life's entry")
	if err != nil {
		t.Fatal(err)
	}
	held, leave := announcing(t, d, key, entryValue{Address: "127.0.0.1:1", Capacity: 1})
	defer leave()
	if got := <-held; got != put.Header.Revision {
		t.Errorf("told revision %d, want the create revision %d", got, put.Header.Revision)
	}
}

func TestWatchStartsOverAfterCompaction(t *testing.T) {
	d := testDirectory(t, startRegistry(t))
	held, _ := announcing(t, d, d.server("s1")+"a", entryValue{Address: "x:1", Capacity: 1})
	<-held
	var last int64
	for range 5 {
		put, err := d.client.Put(t.Context(), d.prefix()+"other", "x")
		if err != nil {
			t.Fatal(err)
		}
		last = put.Header.Revision
	}
	if _, err := d.client.Compact(t.Context(), last); err != nil {
		t.Fatal(err)
	}
	for resp := range d.client.Watch(t.Context(), d.servers(), clientv3.WithPrefix(), clientv3.WithRev(1)) {
		if resp.Err() == nil {
			t.Fatal("the history was not compacted")
		}
	}
	seen := follower(t, d, d.servers())
	until(t, seen, "s1", func(e []entry) bool { return len(e) == 1 })
}

func TestRegistryKeepsItsData(t *testing.T) {
	dir := t.TempDir()
	t.Run("first", func(t *testing.T) {
		d := testDirectory(t, startRegistry(t, dir))
		if _, err := d.client.Put(t.Context(), "/kept", "yes"); err != nil {
			t.Fatal(err)
		}
	})
	t.Run("second", func(t *testing.T) {
		d := testDirectory(t, startRegistry(t, dir))
		got, err := d.client.Get(t.Context(), "/kept")
		if err != nil || len(got.Kvs) != 1 || string(got.Kvs[0].Value) != "yes" {
			t.Errorf("%v, %v", got, err)
		}
	})
}

func TestRegistryOnABusyPort(t *testing.T) {
	addr := strings.TrimPrefix(startRegistry(t), "etcd://")
	err := serveRegistry(t.Context(), systems.Shell{Err: t.Output()}, addr, t.TempDir())
	if err == nil || !strings.Contains(err.Error(), addr) || !strings.Contains(err.Error(), "address already in use") || strings.Contains(err.Error(), "\n") {
		t.Errorf("error %v", err)
	}
}

func TestFinderKnowsTheLatestBalancer(t *testing.T) {
	d := testDirectory(t, startRegistry(t))
	f := newFinder(d)
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan struct{})
	go func() {
		defer close(done)
		f.run(ctx)
	}()
	defer func() {
		cancel()
		<-done
		f.close()
	}()
	if conn, _, err := f.connect(); conn != nil || err != nil {
		t.Errorf("connected to %v, %v before any balancer was there", conn, err)
	}
	at := func(want string) {
		t.Helper()
		for {
			addr, moved := f.addr.Get()
			if addr == want {
				return
			}
			select {
			case <-moved:
			case <-time.After(20 * time.Second):
				t.Fatalf("the balancer is thought to be at %q, not at %q", addr, want)
			}
		}
	}
	held, _ := announcing(t, d, d.balancers()+"a", entryValue{Address: "x:1"})
	<-held
	at("x:1")
	first, moved, err := f.connect()
	if first == nil || err != nil {
		t.Fatalf("not connected: %v", err)
	}
	_, leave := announcing(t, d, d.balancers()+"b", entryValue{Address: "x:2"}) // the first one's lease lives on
	at("x:2")
	<-moved
	if second, _, err := f.connect(); err != nil || second == nil || second == first {
		t.Errorf("still connected to the balancer before: %v", err)
	}
	leave() // back to the other, which is still announced
	at("x:1")
}
