package link_test

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"

	"dyno/bench/fault"
	"dyno/bench/link"
)

func newNetwork(t *testing.T, seed uint64) *link.Network {
	t.Helper()
	n, err := link.NewNetwork(link.Options{Seed: seed})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := n.Close(); err != nil {
			t.Error(err)
		}
		noGoroutines(t)
	})
	return n
}

func add(t *testing.T, n *link.Network, from, to, target string) *link.Link {
	t.Helper()
	l, err := n.Add(from, to, target)
	if err != nil {
		t.Fatal(err)
	}
	return l
}

// faults reads a schedule; a fault without a time strikes at once.
func faults(t *testing.T, text string) fault.Schedule {
	t.Helper()
	s, err := fault.Parse(text)
	if err != nil {
		t.Fatal(err)
	}
	return s
}

// TestWhomFaultsConcern: on the links a->b, b->a and c->b. Times are not waited
// for: faults begin in this order, and each ends at once if it says so.
func TestWhomFaultsConcern(t *testing.T) {
	cut := link.Path{Cut: true}
	slow := link.Path{Delay: 5 * ms, Jitter: link.Jitter{Size: ms, Exponential: true}}
	spread := link.Path{Delay: 4 * ms, Jitter: link.Jitter{Size: 2 * ms}}
	slower := link.Path{Delay: 9 * ms, Jitter: link.Jitter{Size: ms, Exponential: true}}
	limited := link.Path{Rate: 64000}
	for _, c := range []struct {
		faults     string
		ab, ba, cb link.Rules
	}{
		{"cut a->b@0s", link.Rules{Forward: cut}, link.Rules{Back: cut}, link.Rules{}},
		{"cut a-b@0s", link.Rules{Forward: cut, Back: cut}, link.Rules{Forward: cut, Back: cut}, link.Rules{}},
		{"cut *->b@0s", link.Rules{Forward: cut}, link.Rules{Back: cut}, link.Rules{Forward: cut}},
		{"cut@0s; heal b->a,c@0s", link.Rules{Forward: cut}, link.Rules{Back: cut}, link.Rules{Forward: cut}},
		{"cut a-b@0s..1s", link.Rules{}, link.Rules{}, link.Rules{}},
		{"cut a-b@0s; cut a->b@0s..1s", link.Rules{Forward: cut, Back: cut}, link.Rules{Forward: cut, Back: cut}, link.Rules{}},
		{"cut a-b@0s; heal a-b@0s; refuse a->b@0s", link.Rules{Refuse: true}, link.Rules{}, link.Rules{}},
		{"delay c<->b=5ms~1ms@0s", link.Rules{}, link.Rules{}, link.Rules{Forward: slow, Back: slow}},
		{"delay c->b=5ms±1ms@0s", link.Rules{}, link.Rules{}, link.Rules{Forward: spread}},
		{"delay c->b=5ms±1ms@0s; delay c->b=5ms~1ms@0s", link.Rules{}, link.Rules{}, link.Rules{Forward: slower}},
		{"delay c->b=5ms±1ms@0s; delay c->b=5ms~1ms@0s..1s", link.Rules{}, link.Rules{}, link.Rules{Forward: spread}},
		{"rate [ac]->b=64kB@0s; rate a->b=1MB@0s", link.Rules{Forward: limited}, link.Rules{Back: limited}, link.Rules{Forward: limited}},
		{"refuse a->b@0s", link.Rules{Refuse: true}, link.Rules{}, link.Rules{}},
		{"refuse a<->b@0s; heal b->a@0s", link.Rules{Refuse: true}, link.Rules{}, link.Rules{}},
		{"drop=0.25@0s", link.Rules{Drop: 0.25}, link.Rules{Drop: 0.25}, link.Rules{Drop: 0.25}},
		{"drop a->b=0.5@0s; drop a->b=0.5@0s", link.Rules{Drop: 0.75}, link.Rules{}, link.Rules{}},
		{"cut c->b@0s; refuse c->b@0s; delay c->b=1s@0s; heal *->b@0s", link.Rules{}, link.Rules{}, link.Rules{}},
	} {
		schedule, err := fault.Parse(c.faults)
		if err != nil {
			t.Fatal(err)
		}
		n, err := link.NewNetwork(link.Options{})
		if err != nil {
			t.Fatal(err)
		}
		defer n.Close()
		ab, ba, cb := add(t, n, "a", "b", ""), add(t, n, "b", "a", ""), add(t, n, "c", "b", "")
		for _, f := range schedule {
			_, err := n.Begin(f)
			if err == nil && f.For > 0 {
				_, err = n.End(f)
			}
			if err != nil {
				t.Fatal(err)
			}
		}
		got, want := []link.Rules{ab.Rules(), ba.Rules(), cb.Rules()}, []link.Rules{c.ab, c.ba, c.cb}
		if !slices.Equal(got, want) {
			t.Errorf("%s: rules of a->b, b->a, c->b are\n%+v, want\n%+v", c.faults, got, want)
		}
	}
}

// Rules of the link's own stay beside faults, and after them.
func TestFaultsLeaveOwnRules(t *testing.T) {
	n := newNetwork(t, 1)
	l := add(t, n, "a", "b", "")
	cut := faults(t, "cut a-b@0s")[0]
	if _, err := n.Begin(cut); err != nil {
		t.Fatal(err)
	}
	update(t, l, func(r *link.Rules) {
		if r.Forward.Cut {
			t.Error("the fault has become a rule of the link's own")
		}
		r.Forward.Delay = ms
	})
	if r := l.Rules(); !r.Forward.Cut || !r.Back.Cut || r.Forward.Delay != ms {
		t.Errorf("rules %+v, want a delay and the cut", r)
	}
	if _, err := n.End(cut); err != nil {
		t.Fatal(err)
	}
	if r := l.Rules(); r != (link.Rules{Forward: link.Path{Delay: ms}}) {
		t.Errorf("rules %+v, want the delay alone", r)
	}
	tooLong := fault.Fault{Kind: fault.Delay, Delay: link.MaxDelay}
	if _, err := n.Begin(tooLong); err == nil || l.Rules().Forward.Delay != ms {
		t.Errorf("a delay that adds up to more than is allowed: %v, rules %+v", err, l.Rules())
	}
}

func TestBeginCountsAndRefusesNonsense(t *testing.T) {
	n := newNetwork(t, 1)
	add(t, n, "a", "b", "")
	add(t, n, "b", "c", "")
	for _, c := range []struct {
		fault string
		links int
		word  string
	}{
		{"reset@0s", 2, ""},
		{"cut b->*@0s", 2, ""},
		{"refuse b->*@0s", 1, ""},
		{"reset b->a@0s", 0, "b->a"}, // a dials b, not the other way round
		{"cut a->d@0s", 0, "a->d"},
		{"duplicate a->b=0.5@0s", 0, "not duplicate"},
		{"kill a@0s", 0, "not kill"},
	} {
		links, err := n.Begin(faults(t, c.fault)[0])
		if links != c.links || (err == nil) != (c.word == "") || (err != nil && !strings.Contains(err.Error(), c.word)) {
			t.Errorf("%s: %d links, %v", c.fault, links, err)
		}
	}
	if _, err := n.Begin(fault.Fault{Kind: "explode"}); err == nil {
		t.Error("a fault that does not exist begins")
	}
}

// A cut link heals: what was held on both ways arrives, in order and once, on
// the connections there were, and those that were opened meanwhile begin. It is
// the same whether the cut ends or is healed, and not before the last one is
// over.
func TestCutHeals(t *testing.T) {
	for name, whole := range map[string]func(n *link.Network, cut fault.Fault) (int, error){
		"its end": (*link.Network).End,
		"heal":    func(n *link.Network, _ fault.Fault) (int, error) { return n.Begin(fault.Fault{Kind: fault.Heal}) },
	} {
		t.Run(name, func(t *testing.T) {
			n := newNetwork(t, 1)
			addr, conns := acceptor(t)
			l := add(t, n, "a", "b", addr)
			client := dial(t, l.Addr())
			target := accept(t, conns)
			long, short := faults(t, "cut a-b@0s..1h")[0], faults(t, "cut *->b@0s..1s")[0]
			for _, f := range []fault.Fault{long, short} {
				if _, err := n.Begin(f); err != nil {
					t.Fatal(err)
				}
			}
			for _, word := range []string{"one ", "two ", "three"} {
				send(t, client, word)
				send(t, target, word)
			}
			eventually(t, "all words are held", func() bool { s := l.Stats(); return s.Forward.HeldBytes == 13 && s.Back.HeldBytes == 13 })
			late := dial(t, l.Addr())
			if _, err := n.End(short); err != nil {
				t.Fatal(err)
			}
			nothingToRead(t, target)
			nothingToRead(t, client)
			if _, err := whole(n, long); err != nil {
				t.Fatal(err)
			}
			expect(t, target, "one two three")
			expect(t, client, "one two three")
			send(t, late, "late")
			expect(t, accept(t, conns), "late")
			nothingToRead(t, target)
			if r := l.Rules(); r != (link.Rules{}) {
				t.Errorf("a link that is whole has the rules %+v", r)
			}
		})
	}
}

func TestRun(t *testing.T) {
	n := newNetwork(t, 1)
	addr, conns := acceptor(t)
	l := add(t, n, "a", "b", addr)
	client := dial(t, l.Addr())
	target := accept(t, conns)
	schedule := faults(t, "cut a->b@0s..30ms; reset a->b@60ms")
	var done []string
	start := time.Now()
	if err := n.Run(t.Context(), start, schedule, func(a link.Applied) {
		done = append(done, a.Event.String())
		if a.At < a.Event.At || a.Links != 1 {
			t.Errorf("%+v", a)
		}
		switch {
		case a.Event.Ends:
			expect(t, target, "held")
			if took := time.Since(start); took < 30*ms {
				t.Errorf("delivered after %v", took)
			}
		case a.Event.Fault.Kind == fault.Cut:
			send(t, client, "held")
		}
	}); err != nil {
		t.Fatal(err)
	}
	expectError(t, client, syscall.ECONNRESET)
	if want := []string{"cut a->b@0s..30ms", "over: cut a->b@0s..30ms", "reset a->b@60ms"}; !slices.Equal(done, want) {
		t.Errorf("done %q, want %q", done, want)
	}
	misspelt := append(slices.Clone(schedule), faults(t, "cut a->bb@1h")...)
	if err := n.Run(t.Context(), time.Now(), misspelt, nil); err == nil || !strings.Contains(err.Error(), "a->bb") {
		t.Errorf("a misspelt name: %v", err)
	}
	if l.Rules() != (link.Rules{}) {
		t.Error("a fault began before the misspelt one was found")
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	late := faults(t, "cut a->b@1h")
	if err := n.Run(ctx, time.Now(), late, nil); !errors.Is(err, context.Canceled) {
		t.Errorf("interrupted: %v", err)
	}
	ended := make(chan error, 1)
	go func() { ended <- n.Run(t.Context(), time.Now(), late, nil) }()
	if err := n.Close(); err != nil {
		t.Error(err)
	}
	if err := <-ended; err == nil {
		t.Error("closing the network did not end the schedule with an error")
	}
}

func TestNetworkKeepsItsLinks(t *testing.T) {
	n := newNetwork(t, 9)
	addr := echoServer(t)
	b := add(t, n, "b", "a", addr)
	a := add(t, n, "a", "b", addr)
	for _, pair := range [][2]string{{"a", "b"}, {"", "b"}, {"a", ""}, {"a", "b c"}} {
		if _, err := n.Add(pair[0], pair[1], addr); err == nil {
			t.Errorf("added %q", pair)
		}
	}
	if got := n.Links(); !slices.Equal(got, []*link.Link{a, b}) {
		t.Errorf("links %v", got)
	}
	if l, ok := n.Link("b", "a"); l != b || !ok {
		t.Error("b->a not found")
	}
	if _, ok := n.Link("b", "c"); ok {
		t.Error("found a link that is not there")
	}
	c := dial(t, b.Addr())
	update(t, b, func(r *link.Rules) { r.Back.Delay = ms })
	send(t, c, "x")
	expect(t, c, "x")
	s := n.Stats()
	if len(s) != 2 || s[0].From != "a" || s[0].Accepted != 0 || s[1].From != "b" || s[1].Forward.Bytes != 1 || s[1].Back.Bytes != 1 {
		t.Errorf("stats %+v", s)
	}
	if err := n.Close(); err != nil {
		t.Error(err)
	}
	if _, err := n.Add("x", "y", ""); err == nil {
		t.Error("a closed network takes links")
	}
	if _, err := link.NewNetwork(link.Options{Target: addr}); err == nil {
		t.Error("a template with a target")
	}
	if _, err := link.NewNetwork(link.Options{Buffer: -1}); err == nil {
		t.Error("a wrong template")
	}
}

func TestNetworkIsBounded(t *testing.T) {
	n := newNetwork(t, 1)
	for i := range link.MaxLinks {
		_, err := n.Add("a", fmt.Sprint("b", i), "")
		if errors.Is(err, syscall.EMFILE) {
			t.Skipf("after %d links: %v", i, err)
		}
		if err != nil {
			t.Fatal(err)
		}
	}
	if _, err := n.Add("a", "more", ""); err == nil {
		t.Error("no bound")
	}
}
