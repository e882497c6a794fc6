package directory

import (
	"context"
	"log/slog"
	"slices"
	"strings"
	"testing"
	"time"

	clientv3 "go.etcd.io/etcd/client/v3"

	"dyno/systems"
	"dyno/systems/lookaside/directory/registry"
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
		ended <- registry.Serve(ctx, systems.Shell{Err: t.Output(), Ready: func(addr string) { ready <- addr }}, &systems.Reach{Listen: "127.0.0.1:0"}, data)
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

func testDirectory(t *testing.T, discovery string) *Directory {
	t.Helper()
	d, err := Open(discovery, "compute", slog.New(slog.DiscardHandler))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(d.Close)
	return d
}

// follower gives what follow says to a test.
func follower(t *testing.T, d *Directory, prefix string) <-chan []Entry {
	t.Helper()
	ctx, cancel := context.WithCancel(context.Background())
	seen, done := make(chan []Entry, 100), make(chan struct{})
	go func() {
		defer close(done)
		d.Follow(ctx, prefix, func(e []Entry, _ int64) { seen <- e })
	}()
	t.Cleanup(func() {
		cancel()
		<-done
	})
	return seen
}

// until waits for a state of the directory.
func until(t *testing.T, seen <-chan []Entry, what string, ok func([]Entry) bool) []Entry {
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

func announcing(t *testing.T, d *Directory, key string, v Value) (held <-chan int64, leave func()) {
	t.Helper()
	ctx, cancel := context.WithCancel(context.Background())
	revisions, done := make(chan int64, 10), make(chan struct{})
	go func() {
		defer close(done)
		d.Announce(ctx, key, v, func() {}, func(r int64) { revisions <- r })
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
	seen := follower(t, d, d.ServersPrefix())
	until(t, seen, "an empty directory", func(e []Entry) bool { return len(e) == 0 })

	held1, leave1 := announcing(t, d, d.ServerPrefix("s1")+"a", Value{Address: "x:1", Capacity: 0.5})
	r1 := <-held1
	held2, _ := announcing(t, d, d.ServerPrefix("s0")+"b", Value{Address: "x:2", Capacity: 2})
	r2 := <-held2
	d.Await(t.Context(), d.ServerPrefix("s0")) // returns: it is there
	got := until(t, seen, "both servers", func(e []Entry) bool { return len(e) == 2 })
	want := []Entry{
		{Path: []string{"s1", "a"}, Address: "x:1", Capacity: 0.5, Revision: r1},
		{Path: []string{"s0", "b"}, Address: "x:2", Capacity: 2, Revision: r2},
	}
	if !slices.EqualFunc(got, want, func(a, b Entry) bool {
		return slices.Equal(a.Path, b.Path) && a.Address == b.Address && a.Capacity == b.Capacity && a.Revision == b.Revision
	}) {
		t.Errorf("entries %+v, want %+v", got, want)
	}

	leave1() // its lease is revoked: the entry goes at once
	until(t, seen, "s0 alone", func(e []Entry) bool { return len(e) == 1 && e[0].Path[0] == "s0" })

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
		until(t, seen, "s0 again", func(e []Entry) bool { return len(e) == 1 && e[0].Revision == r3 })
	})
	t.Run("a foreign entry is left out", func(t *testing.T) {
		for key, value := range map[string]string{"s7/x": "no json", "s8/x": `{"capacity":1}`, "s6/x": `{"address":"[::]:7055"}`} {
			if _, err := d.client.Put(t.Context(), d.ServersPrefix()+key, value); err != nil {
				t.Fatal(err)
			}
		}
		announcing(t, d, d.ServerPrefix("s9")+"c", Value{Address: "x:9", Capacity: 1})
		got := until(t, seen, "s9", func(e []Entry) bool { return slices.ContainsFunc(e, func(e Entry) bool { return e.Path[0] == "s9" }) })
		if len(got) != 2 {
			t.Errorf("entries %+v", got)
		}
	})
}

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
	held, leave := announcing(t, d, key, Value{Address: "127.0.0.1:1", Capacity: 1})
	defer leave()
	if got := <-held; got != put.Header.Revision {
		t.Errorf("told revision %d, want the create revision %d", got, put.Header.Revision)
	}
}

// A watch that asks for a past that etcd has forgotten is an error: the
// directory must then be read anew.
func TestWatchStartsOverAfterCompaction(t *testing.T) {
	d := testDirectory(t, startRegistry(t))
	held, _ := announcing(t, d, d.ServerPrefix("s1")+"a", Value{Address: "x:1", Capacity: 1})
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
	for resp := range d.client.Watch(t.Context(), d.ServersPrefix(), clientv3.WithPrefix(), clientv3.WithRev(1)) {
		if resp.Err() == nil {
			t.Fatal("the history was not compacted")
		}
	}
	seen := follower(t, d, d.ServersPrefix())
	until(t, seen, "s1", func(e []Entry) bool { return len(e) == 1 })
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
	err := registry.Serve(t.Context(), systems.Shell{Err: t.Output()}, &systems.Reach{Listen: addr}, t.TempDir())
	if err == nil || !strings.Contains(err.Error(), addr) || !strings.Contains(err.Error(), "address already in use") ||
		strings.Contains(err.Error(), "\n") {
		t.Errorf("error %v", err)
	}
}

func TestFinderKnowsTheLatestBalancer(t *testing.T) {
	d := testDirectory(t, startRegistry(t))
	f := NewFinder(d)
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan struct{})
	go func() {
		defer close(done)
		f.Run(ctx)
	}()
	defer func() {
		cancel()
		<-done
		f.Close()
	}()
	if conn, _, err := f.Connect(); conn != nil || err != nil {
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
	held, _ := announcing(t, d, d.BalancersPrefix()+"a", Value{Address: "x:1"})
	<-held
	at("x:1")
	first, moved, err := f.Connect()
	if first == nil || err != nil {
		t.Fatalf("not connected: %v", err)
	}
	_, leave := announcing(t, d, d.BalancersPrefix()+"b", Value{Address: "x:2"}) // the first one's lease lives on
	at("x:2")
	<-moved
	if second, _, err := f.Connect(); err != nil || second == nil || second == first {
		t.Errorf("still connected to the balancer before: %v", err)
	}
	leave() // back to the other, which is still announced
	at("x:1")
}

func TestParseDiscovery(t *testing.T) {
	got, err := parseDiscovery("etcd://a:1,b:2")
	if err != nil || !slices.Equal(got, []string{"a:1", "b:2"}) {
		t.Errorf("%v, %v", got, err)
	}
	for _, text := range []string{"", "a:1", "dns://a", "etcd://", "etcd://a", "etcd://a:1,", "etcd://:1", "etcd://a:"} {
		if _, err := parseDiscovery(text); !systems.IsUsage(err) || !strings.Contains(err.Error(), "HOST:PORT") {
			t.Errorf("%q: error %v", text, err)
		}
	}
	if _, err := Open("etcd://a:1", "a/b", nil); !systems.IsUsage(err) {
		t.Errorf("a service with a slash: error %v", err)
	}
}
