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

// TestDo shows whom each command concerns, on the links a->b, b->a and c->b.
func TestDo(t *testing.T) {
	cut := link.Path{Cut: true}
	slow := link.Path{Delay: 5 * ms, Jitter: link.Jitter{Size: ms, Exponential: true}}
	for _, c := range []struct {
		commands   string
		ab, ba, cb link.Rules
	}{
		{"cut a->b", link.Rules{Forward: cut}, link.Rules{Back: cut}, link.Rules{}},
		{"cut a-b", link.Rules{Forward: cut, Back: cut}, link.Rules{Forward: cut, Back: cut}, link.Rules{}},
		{"cut *->b", link.Rules{Forward: cut}, link.Rules{Back: cut}, link.Rules{Forward: cut}},
		{"cut *<->*; heal b->a", link.Rules{Forward: cut}, link.Rules{Back: cut}, link.Rules{Forward: cut, Back: cut}},
		{"delay c<->b 5ms jitter 1ms exponential", link.Rules{}, link.Rules{}, link.Rules{Forward: slow, Back: slow}},
		{"delay c->b 5ms jitter 1ms; delay c->b 0s", link.Rules{}, link.Rules{}, link.Rules{}},
		{"rate [ac]->b 64kB", link.Rules{Forward: link.Path{Rate: 64000}}, link.Rules{Back: link.Path{Rate: 64000}}, link.Rules{Forward: link.Path{Rate: 64000}}},
		{"refuse a->b", link.Rules{Refuse: true}, link.Rules{}, link.Rules{}},
		{"refuse a<->b; heal b->a", link.Rules{Refuse: true}, link.Rules{}, link.Rules{}},
		{"drop *->* 0.25", link.Rules{Drop: 0.25}, link.Rules{Drop: 0.25}, link.Rules{Drop: 0.25}},
		{"cut c->b; refuse c->b; delay c->b 1s; heal *->b", link.Rules{}, link.Rules{}, link.Rules{Forward: link.Path{Delay: time.Second}}},
	} {
		n, err := link.NewNetwork(link.Options{})
		if err != nil {
			t.Fatal(err)
		}
		defer n.Close()
		ab, ba, cb := add(t, n, "a", "b", ""), add(t, n, "b", "a", ""), add(t, n, "c", "b", "")
		for command := range strings.SplitSeq(c.commands, ";") {
			s, err := link.ParseCommand(command)
			if err != nil {
				t.Fatal(err)
			}
			if _, err := n.Do(s); err != nil {
				t.Fatal(err)
			}
		}
		got, want := []link.Rules{ab.Rules(), ba.Rules(), cb.Rules()}, []link.Rules{c.ab, c.ba, c.cb}
		if !slices.Equal(got, want) {
			t.Errorf("%s: rules of a->b, b->a, c->b are\n%+v, want\n%+v", c.commands, got, want)
		}
	}
}

func TestDoCountsAndRefusesNonsense(t *testing.T) {
	n := newNetwork(t, 1)
	add(t, n, "a", "b", "")
	add(t, n, "b", "c", "")
	for _, c := range []struct {
		step  link.Step
		links int
		word  string
	}{
		{link.Step{Verb: link.Reset, From: "*", To: "*"}, 2, ""},
		{link.Step{Verb: link.Cut, From: "b", To: "*"}, 2, ""},
		{link.Step{Verb: link.Refuse, From: "b", To: "*"}, 1, ""},
		{link.Step{Verb: link.Reset, From: "b", To: "a"}, 0, "b->a"}, // a dials b, not the other way round
		{link.Step{Verb: link.Cut, From: "a", To: "d"}, 0, "a->d"},
		{link.Step{Verb: "explode", From: "a", To: "b"}, 0, "explode"},
		{link.Step{Verb: link.Cut, From: "", To: "b"}, 0, `""`},
		{link.Step{Verb: link.Drop, From: "a", To: "b", Drop: 2}, 0, "2"},
	} {
		links, err := n.Do(c.step)
		if links != c.links || (err == nil) != (c.word == "") || (err != nil && !strings.Contains(err.Error(), c.word)) {
			t.Errorf("%v: %d links, %v", c.step, links, err)
		}
	}
}

func TestRun(t *testing.T) {
	n := newNetwork(t, 1)
	addr, conns := acceptor(t)
	l := add(t, n, "a", "b", addr)
	client := dial(t, l.Addr())
	target := accept(t, conns)
	schedule, err := link.ParseSchedule("cut a->b@0s, heal a->b@30ms, reset a->b@60ms")
	if err != nil {
		t.Fatal(err)
	}
	var done []string
	start := time.Now()
	if err := n.Run(t.Context(), start, schedule, func(a link.Applied) {
		done = append(done, a.Step.String())
		if a.At < a.Step.At || a.Links != 1 {
			t.Errorf("%+v", a)
		}
		switch a.Step.Verb {
		case link.Cut:
			send(t, client, "held")
		case link.Heal:
			expect(t, target, "held")
			if took := time.Since(start); took < 30*ms {
				t.Errorf("delivered after %v", took)
			}
		}
	}); err != nil {
		t.Fatal(err)
	}
	expectError(t, client, syscall.ECONNRESET)
	if want := strings.Split(schedule.String(), ", "); !slices.Equal(done, want) {
		t.Errorf("done %q, want %q", done, want)
	}

	misspelt := append(slices.Clone(schedule), link.Step{Verb: link.Cut, From: "a", To: "bb", At: time.Hour})
	if err := n.Run(t.Context(), time.Now(), misspelt, nil); err == nil || !strings.Contains(err.Error(), "a->bb") {
		t.Errorf("a misspelt name: %v", err)
	}
	if l.Rules() != (link.Rules{}) {
		t.Error("a step was carried out before the misspelt one was found")
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	late := link.Schedule{{Verb: link.Cut, From: "a", To: "b", At: time.Hour}}
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
	if n.Lag().Count() != 1 {
		t.Errorf("%d lags", n.Lag().Count())
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
