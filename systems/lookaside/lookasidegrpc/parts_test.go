package lookasidegrpc

import (
	"testing"
	"time"

	"google.golang.org/grpc/balancer"
)

func peers(capacities ...float64) []*peer {
	out := make([]*peer, len(capacities))
	for i, c := range capacities {
		out[i] = &peer{Server: Server{ID: string(rune('a' + i))}}
		out[i].learn(entry{capacity: c})
	}
	return out
}

// Two choices leave the most loaded of all servers alone, count a call until it
// is over, and weigh it by speed.
func TestPowerOfTwo(t *testing.T) {
	c := newChooser(Config{Choose: PowerOfTwo, Seed: 1})
	all := peers(1, 1, 0.1)
	all[0].inFlight.Store(5)
	var dones []func(balancer.DoneInfo)
	for range 12 {
		s, done := c.choose(all)
		dones = append(dones, done)
		if s == all[2] && all[1].inFlight.Load() == 0 {
			t.Error("a slow server was preferred to an idle fast one")
		}
	}
	if a, b, slow := all[0].inFlight.Load(), all[1].inFlight.Load(), all[2].inFlight.Load(); a+b+slow != 17 || slow > 2 || b < 4 {
		t.Errorf("in flight %d, %d and %d", a, b, slow)
	}
	for _, done := range dones {
		done(balancer.DoneInfo{})
	}
	if n := all[0].inFlight.Load() + all[1].inFlight.Load() + all[2].inFlight.Load(); n != 5 {
		t.Errorf("%d in flight once all calls are over, want the 5 from before", n)
	}
}

func TestOffsetsDiffer(t *testing.T) {
	first := map[*peer]bool{}
	all := peers(1, 1, 1, 1)
	for seed := range uint64(32) {
		s, _ := newChooser(Config{Seed: seed}).choose(all)
		first[s] = true
	}
	if len(first) != len(all) {
		t.Errorf("%d of %d servers are somebody's first", len(first), len(all))
	}
}

func TestDoubtfulAreAvoidedUnlessAllAre(t *testing.T) {
	c := newChooser(Config{})
	all := peers(1, 1)
	all[0].doubt(c)
	for range 4 {
		if s, _ := c.choose(all); s == all[0] {
			t.Error("a doubtful server was chosen")
		}
	}
	all[1].doubt(c)
	if s, _ := c.choose(all); s == nil {
		t.Error("nobody was chosen")
	}
	past := time.Now().Add(-time.Second).UnixNano()
	all[0].suspect.Store(past)
	if got := trusted(all); len(got) != 1 || got[0] != all[0] {
		t.Errorf("trusted %v", got)
	}
}

func TestBudget(t *testing.T) {
	b := newBudget(2)
	if got := taken(b); got != 2 {
		t.Error("a budget of 2 does not allow 2")
	}
	for range answersPerRetry - 1 {
		b.answered()
	}
	if b.take() {
		t.Error("a retry came too cheap")
	}
	b.answered()
	if !b.take() {
		t.Error("answers do not refill it")
	}
	for range 100 {
		b.answered()
	}
	if got := taken(b); got != 2 {
		t.Error("it holds more than it should")
	}
}

// taken is how many retries there were to take, up to 3.
func taken(b budget) (n int) {
	for range 3 {
		if b.take() {
			n++
		}
	}
	return n
}

// An ask that was under way when its stream broke goes into the next stream's
// first frame, without waiting for another call to come.
func TestAsksPutBackAreSentAgain(t *testing.T) {
	a := newAsker(0)
	a.waiting = append(a.waiting, make(chan pick, 1))
	asks, _, _ := a.take()
	a.putBack(asks)
	a.open()
	select {
	case <-a.wake:
	default:
		t.Fatal("nothing tells the new stream that an ask waits")
	}
	if asks, _, _ := a.take(); len(asks) != 1 {
		t.Errorf("%d asks wait, want 1", len(asks))
	}
}
