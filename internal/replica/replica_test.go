package replica_test

import (
	"errors"
	"fmt"
	"maps"
	"math/rand/v2"
	"slices"
	"testing"
	"time"

	"dyno/internal/replica"
)

const ms = time.Millisecond

type (
	message = replica.Message[int]
	write   = replica.Write[int]
)

// group is some replicas, what their disks hold, and a network without manners.
type group struct {
	rng      *rand.Rand
	now      time.Duration
	cfg      replica.Config
	members  []*replica.Replica[int]
	log      [][]write // by member: what it applied, durably
	wake     []time.Duration
	underway []message
	rude     bool // messages are lost, doubled and reordered
}

func newGroup(seed uint64, n int, cfg replica.Config) *group {
	g := &group{
		rng: rand.New(rand.NewPCG(seed, 1)), cfg: cfg, rude: true,
		members: make([]*replica.Replica[int], n), log: make([][]write, n), wake: make([]time.Duration, n),
	}
	for i := range n {
		g.live(i)
	}
	return g
}

// live begins a new life of a member.
func (g *group) live(i int) {
	cfg := g.cfg
	cfg.Self, cfg.Peers = replica.ID(i), nil
	for j := range g.members {
		if j != i {
			cfg.Peers = append(cfg.Peers, replica.ID(j))
		}
	}
	g.members[i] = replica.New[int](cfg)
	for _, w := range g.log[i] {
		if err := g.members[i].Recover(w); err != nil {
			panic(err)
		}
	}
	g.members[i].Begin(g.now)
	g.send(i)
}

func (g *group) send(i int) {
	out, wake := g.members[i].Outgoing(g.now)
	g.wake[i] = wake
	for _, m := range out {
		if g.rude && g.rng.IntN(5) == 0 {
			continue
		}
		g.underway = append(g.underway, m)
		if g.rude && g.rng.IntN(5) == 0 {
			g.underway = append(g.underway, m)
		}
	}
}

// local makes a write that depends on all that was applied at its origin.
func (g *group) local(i int) {
	r := g.members[i]
	deps := r.Vector().Clone()
	delete(deps, replica.ID(i))
	w, err := r.Local(g.rng.IntN(100), deps)
	if err == nil {
		g.log[i] = append(g.log[i], w)
	}
	g.send(i)
}

// step lets one thing happen; it reports whether there was one.
func (g *group) step() error {
	g.now += ms
	if n := len(g.underway); n > 0 {
		at := 0
		if g.rude {
			at = g.rng.IntN(n)
		}
		m := g.underway[at]
		g.underway = slices.Delete(g.underway, at, at+1)
		applied, err := g.members[m.To].Receive(g.now, m)
		if err != nil {
			return err
		}
		g.log[m.To] = append(g.log[m.To], applied...)
		g.send(int(m.To))
	}
	for i, at := range g.wake {
		if at != 0 && at <= g.now {
			g.send(i)
		}
	}
	return nil
}

// play is a random life of a group, and what is wrong at its end.
func play(seed uint64, cfg replica.Config) error {
	g := newGroup(seed, 3, cfg)
	for range 400 {
		switch p := g.rng.IntN(20); {
		case p < 4:
			g.local(g.rng.IntN(3))
		case p == 4 && g.rng.IntN(4) == 0:
			g.live(g.rng.IntN(3))
		}
		if err := g.step(); err != nil {
			return err
		}
	}
	g.rude = false
	for range 3000 {
		if err := g.step(); err != nil {
			return err
		}
	}
	return g.judge()
}

func (g *group) judge() error {
	for i, log := range g.log {
		has := replica.Vector{}
		for _, w := range log {
			if w.Seq != has[w.Origin]+1 || !has.Covers(w.Deps) {
				return fmt.Errorf("%d applies %+v after %v", i, w, has)
			}
			has[w.Origin] = w.Seq
		}
		if want := g.members[0].Vector(); !maps.Equal(has, want) || !maps.Equal(g.members[i].Vector(), want) {
			return fmt.Errorf("%d has %v, want %v", i, has, want)
		}
		if r := g.members[i]; r.Everywhere() != r.Last() {
			return fmt.Errorf("%d believes that %d of %d are everywhere (%d under way, wake %v, now %v, %+v)", i, r.Everywhere(), r.Last(), len(g.underway), g.wake, g.now, r.Stats())
		}
	}
	return nil
}

func configs() []replica.Config {
	return []replica.Config{
		{Retry: 20 * ms},
		{Retry: 20 * ms, Batch: 5, Messages: 1},
		{Retry: 20 * ms, Batch: 2, Window: 4},
		{Retry: 20 * ms, Batch: 50, Messages: 1, Gather: 10 * ms},
	}
}

func TestConverges(t *testing.T) {
	for _, cfg := range configs() {
		for seed := range uint64(200) {
			if err := play(seed, cfg); err != nil {
				t.Fatalf("%+v, seed %d: %v", cfg, seed, err)
			}
		}
	}
}

func TestFlawsShow(t *testing.T) {
	for _, flaw := range replica.Flaws {
		if !slices.ContainsFunc(configs(), func(cfg replica.Config) bool {
			cfg.Flaw = flaw
			for seed := range uint64(200) {
				if play(seed, cfg) != nil {
					return true
				}
			}
			return false
		}) {
			t.Errorf("%s: nobody notices", flaw)
		}
	}
}

// pair is a sender with one peer, no network between.
func pair(cfg replica.Config) (a, b *replica.Replica[int]) {
	cfg.Self, cfg.Peers = 1, []replica.ID{2}
	other := cfg
	other.Self, other.Peers = 2, []replica.ID{1}
	return replica.New[int](cfg), replica.New[int](other)
}

func local(t *testing.T, r *replica.Replica[int], n int) {
	t.Helper()
	for i := range n {
		if _, err := r.Local(i, nil); err != nil {
			t.Fatal(err)
		}
	}
}

// One write is one message to each peer, and an acknowledgement ends it.
func TestOneMessage(t *testing.T) {
	a, b := pair(replica.Config{})
	local(t, a, 1)
	out, wake := a.Outgoing(0)
	if len(out) != 1 || out[0].Kind != replica.Push || wake != 50*ms {
		t.Fatalf("%+v %v", out, wake)
	}
	out[0].Call = 7
	applied, err := b.Receive(0, out[0])
	if err != nil || len(applied) != 1 {
		t.Fatalf("%v %v", applied, err)
	}
	back, _ := b.Outgoing(0)
	if len(back) != 1 || back[0].Has != 1 || back[0].Call != 7 || a.Everywhere() != 0 {
		t.Fatalf("%+v", back)
	}
	if _, err := a.Receive(ms, back[0]); err != nil || a.Everywhere() != 1 {
		t.Fatal(err)
	}
	if out, wake := a.Outgoing(time.Hour); len(out) != 0 || wake != 0 {
		t.Errorf("afterwards: %+v %v", out, wake)
	}
}

// With one message at a time, writes gather into the next.
func TestGathers(t *testing.T) {
	a, b := pair(replica.Config{Batch: 100, Messages: 1})
	local(t, a, 1)
	first, _ := a.Outgoing(0)
	local(t, a, 30)
	if more, _ := a.Outgoing(0); len(more) != 0 {
		t.Fatalf("a second message: %+v", more)
	}
	_, _ = b.Receive(0, first[0])
	back, _ := b.Outgoing(0)
	_, _ = a.Receive(0, back[0])
	if second, _ := a.Outgoing(0); len(second) != 1 || len(second[0].Writes) != 30 {
		t.Errorf("%+v", second)
	}
}

// A message follows another one after a while only, unless there is a hurry.
func TestGathersForAWhile(t *testing.T) {
	a, b := pair(replica.Config{Batch: 100, Messages: 1, Gather: 10 * ms})
	local(t, a, 1)
	first, _ := a.Outgoing(ms)
	_, _ = b.Receive(ms, first[0])
	back, _ := b.Outgoing(ms)
	_, _ = a.Receive(2*ms, back[0])
	local(t, a, 1)
	if more, wake := a.Outgoing(2 * ms); len(more) != 0 || wake != 11*ms {
		t.Errorf("%+v, wake %v", more, wake)
	}
	local(t, a, 1)
	a.Hurry()
	if more, _ := a.Outgoing(3 * ms); len(more) != 1 || len(more[0].Writes) != 2 {
		t.Errorf("in a hurry: %+v", more)
	}
}

// Without answers the waits double; the outbox and the window are bounded.
func TestBounds(t *testing.T) {
	a, _ := pair(replica.Config{Window: 10, Outbox: 20, Retry: ms, RetryMax: 4 * ms})
	local(t, a, 20)
	if _, err := a.Local(0, nil); !errors.Is(err, replica.ErrFull) {
		t.Errorf("a full outbox: %v", err)
	}
	out, wake := a.Outgoing(0)
	if len(out) != 10 || wake != ms {
		t.Fatalf("%d messages, wake %v", len(out), wake)
	}
	for _, want := range []time.Duration{2 * ms, 4 * ms, 8 * ms, 12 * ms} {
		if out, wake = a.Outgoing(wake); len(out) != 1 || out[0].Kind != replica.Ask || wake != want {
			t.Fatalf("%+v, wake %v, want %v", out, wake, want)
		}
	}
	a.Reach(9*ms, 2)
	if out, _ = a.Outgoing(9 * ms); len(out) != 1 || out[0].Kind != replica.Ask {
		t.Errorf("a peer that is reached again: %+v", out)
	}
}

// Who has lost its journal must not go on.
func TestForgotten(t *testing.T) {
	a, b := pair(replica.Config{})
	local(t, a, 1)
	out, _ := a.Outgoing(0)
	_, _ = b.Receive(0, out[0])
	back, _ := b.Outgoing(0)
	fresh, _ := pair(replica.Config{})
	if _, err := fresh.Receive(0, back[0]); !errors.As(err, new(*replica.ForgottenError)) {
		t.Errorf("an acknowledgement of what was never sent: %v", err)
	}
	back[0].From = 9
	if _, err := fresh.Receive(0, back[0]); err != nil {
		t.Errorf("a stranger is heard: %v", err)
	}
}

// What everybody has is not kept, nor sent by a later life.
func TestSettle(t *testing.T) {
	a, b := pair(replica.Config{})
	local(t, a, 3)
	out, _ := a.Outgoing(0)
	next, _ := pair(replica.Config{Outbox: 2})
	for _, m := range out {
		_, _ = b.Receive(0, m)
		if err := next.Recover(m.Writes[0]); err != nil {
			t.Fatal(err)
		}
	}
	next.Settle(2)
	next.Begin(0)
	ask, _ := next.Outgoing(0)
	if len(ask) != 1 || ask[0].Kind != replica.Ask || next.Everywhere() != 2 {
		t.Fatalf("%+v", ask)
	}
	_, _ = b.Receive(0, ask[0])
	back, _ := b.Outgoing(0)
	_, _ = next.Receive(0, back[len(back)-1])
	if out, wake := next.Outgoing(0); len(out) != 0 || wake != 0 || next.Everywhere() != 3 {
		t.Errorf("%+v %v %d", out, wake, next.Everywhere())
	}
}

func FuzzParseWrite(f *testing.F) {
	body := func(b []byte, n int) []byte { return append(b, byte(n)) }
	parse := func(b []byte) (int, error) {
		if len(b) != 1 {
			return 0, errors.New("not one byte")
		}
		return int(b[0]), nil
	}
	f.Add(write{Origin: -3, Seq: 300, Deps: replica.Vector{7: 1 << 40, -1: 2}, Body: 9}.Append(nil, body))
	f.Fuzz(func(t *testing.T, b []byte) {
		w, err := replica.ParseWrite(b, parse)
		if err != nil {
			return
		}
		again, err := replica.ParseWrite(w.Append(nil, body), parse)
		if err != nil || again.Origin != w.Origin || again.Seq != w.Seq || again.Body != w.Body || !again.Deps.Covers(w.Deps) {
			t.Errorf("%+v becomes %+v: %v", w, again, err)
		}
	})
}
