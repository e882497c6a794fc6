package lookasidegrpc

import (
	"testing"
	"time"

	lookasidev1 "dyno/proto/lookaside/v1"
)

var (
	one = &Server{ID: "s1", Instance: "a", Address: "x"}
	two = &Server{ID: "s2", Instance: "a", Address: "y"}
)

// fill brings what the reserve wants.
func fill(r *reserve, now time.Time, servers ...*Server) (n int) {
	n = r.wants()
	for i := range n {
		r.put(servers[i%len(servers)], now)
	}
	return n
}

// The reserve follows the demand, up to what it may be, and down when picks age.
func TestReserveFollowsDemand(t *testing.T) {
	r, now := reserve{most: 16}, time.Unix(1000, 0)
	for range 50 {
		now = now.Add(2 * time.Millisecond)
		if r.take(now) != nil || r.wants() != 0 {
			t.Fatal("rare calls are asked for one by one")
		}
	}
	// As many as there are calls soon, also where no call ever finds none.
	for _, c := range []struct {
		gap   time.Duration
		level int
	}{{dense / 2, 10}, {soon, 0}, {soon / 8, 8}, {soon / 16, 16}, {soon / 1000, 16}} {
		r.stock, r.gap, r.asked = nil, c.gap, now
		now = now.Add(c.gap)
		if r.take(now) != nil || r.level != c.level || fill(&r, now, one, two) != c.level {
			t.Fatalf("a call every %v: %d of %d are kept, want %d", c.gap, len(r.stock), r.level, c.level)
		}
	}
	for range 7 {
		if r.take(now) == nil || r.wants() != 0 {
			t.Fatal("more than half are left: no frame is worth it yet")
		}
	}
	if r.take(now) == nil || r.wants() != 8 {
		t.Fatalf("half are left: %d are wanted", r.wants())
	}
	if s := r.take(now.Add(maxAge + 1)); s != nil || len(r.stock) != 0 || r.level != 0 {
		t.Errorf("%v is too old, and calls are rare; %d of %d are kept", s, len(r.stock), r.level)
	}
	if r.unused[*one]+r.unused[*two] != 8 {
		t.Errorf("8 went unused, not %v", r.unused)
	}
}

// Every pick is used once, in the order in which they were made, or counted as
// unused; what a server that failed was given is not used.
func TestReserveAccounts(t *testing.T) {
	r, now := reserve{most: 4, level: 4, asked: time.Unix(1000, 0)}, time.Unix(1000, 0)
	made := fill(&r, now, one, two)
	if s := r.take(now.Add(5 * time.Millisecond)); s != one || r.used != 1 || r.age != 5*time.Millisecond || r.oldest != r.age {
		t.Errorf("%v first, %d used at the age of %v", s, r.used, r.age)
	}
	r.forget(two)
	if s := r.take(now); s != one {
		t.Errorf("%v after s2 failed", s)
	}
	r.forget(nil)
	if got := r.used + r.unused[*one] + r.unused[*two]; got != int64(made) || r.unused[*two] != 2 {
		t.Errorf("%d of %d are accounted for: %d used, unused %v", got, made, r.used, r.unused)
	}
}

// Without a reserve each call is asked for, and with one the frame brings more.
func TestFramesBringTheReserve(t *testing.T) {
	for most, want := range map[int]int{0: 0, 8: 8} {
		a := newAsker(most)
		a.reserve.asked = time.Now().Add(time.Hour) // calls are dense, however late this one comes
		go a.ask(t.Context())
		<-a.wake
		asks, _, ahead := a.take()
		if len(asks) != 1 || ahead != want {
			t.Errorf("reserve %d: a frame of %d asks and %d more, want 1 and %d", most, len(asks), ahead, want)
		}
		deliver(asks, func(int) pick { return pick{server: one} })
		settled := make(chan reserve)
		go func() { settled <- a.settle() }()
		a.stock(make([]pick, ahead)) // the balancer had none
		if r := <-settled; r.used != 0 || len(r.unused) != 0 {
			t.Errorf("reserve %d: %+v", most, r)
		}
	}
}

// A pick by a number that nobody introduced is no server.
func TestStockOfNobody(t *testing.T) {
	a := newAsker(4)
	a.stock([]pick{picked(&lookasidev1.PickManyResponse{Picks: []uint32{3}}, 0, nil)})
	if len(a.reserve.stock) != 0 {
		t.Errorf("%v is kept", a.reserve.stock)
	}
}
