package council_test

import (
	"math/rand/v2"
	"testing"

	"dyno/systems/byzantine/core/adversary"
	"dyno/systems/byzantine/core/council"
	"dyno/systems/byzantine/core/eig"
	"dyno/systems/byzantine/core/general"
)

// script is a traitor who says what is written: for each path, in order of
// first mention, a word.
type script map[string]general.Word

func (s script) Say(r *general.Relay) general.Word { return s[string(r.Path)] }

// choices yields every script for the given paths: each receiver hears retreat
// or attack or, with silence, nothing.
func choices(silence bool, to map[string]general.Set, f func(script)) {
	type choice struct {
		path string
		to   int
	}
	var open []choice
	for path, set := range to {
		for id := range set.All() {
			open = append(open, choice{path, id})
		}
	}
	s := make(script)
	var decide func(int)
	decide = func(i int) {
		if i == len(open) {
			f(s)
			return
		}
		c := open[i]
		before := s[c.path]
		bit := general.Only(c.to)
		s[c.path] = general.Word{Attack: before.Attack, Spoken: before.Spoken | bit}
		decide(i + 1)
		s[c.path] = general.Word{Attack: before.Attack | bit, Spoken: before.Spoken | bit}
		decide(i + 1)
		s[c.path] = before
		if silence {
			decide(i + 1)
		}
	}
	decide(0)
}

// All that a single traitor among four can do.
func TestExhaustiveFour(t *testing.T) {
	for _, silence := range []bool{false, true} {
		commander, lieutenant := 0, 0
		run := func(s script, traitor int, order general.Value) {
			p := council.Plan{Algorithm: algorithm("om"), N: 4, T: 1, Order: order, Traitors: general.Only(traitor), Traitor: s}
			if v := p.Judge(council.Run(p).Decisions); !v.Agreement || !v.Validity {
				t.Errorf("traitor %d says %v: %+v", traitor, s, v)
			}
		}
		choices(silence, map[string]general.Set{"\x00": general.Only(1, 2, 3)}, func(s script) {
			run(s, 0, general.Attack)
			commander++
		})
		for traitor := 1; traitor < 4; traitor++ {
			others := general.Only(1, 2, 3) &^ general.Only(traitor)
			for _, order := range []general.Value{general.Retreat, general.Attack} {
				choices(silence, map[string]general.Set{string([]byte{0, byte(traitor)}): others}, func(s script) {
					run(s, traitor, order)
					lieutenant++
				})
			}
		}
		if want := map[bool][2]int{false: {8, 24}, true: {27, 54}}[silence]; want != [2]int{commander, lieutenant} {
			t.Errorf("silence %v: %d and %d cases, want %v", silence, commander, lieutenant, want)
		}
	}
}

// script7 is a traitorous commander 0 with a traitorous lieutenant 6. Of what
// they can say, ten bits matter: what each of them tells the five loyal ones.
// About what 6 says of the loyal ones' words see [TestWhatDoesNotMatter].
type script7 struct {
	bits uint
	rest general.Traitor
}

func (s script7) Say(r *general.Relay) general.Word {
	loyal := general.First(6) &^ general.Only(0)
	switch string(r.Path) {
	case "\x00":
		return general.Word{Attack: general.Set(s.bits<<1) & loyal, Spoken: r.To}
	case "\x00\x06":
		return general.Word{Attack: general.Set(s.bits>>5<<1) & loyal, Spoken: r.To}
	}
	return s.rest.Say(r)
}

func TestExhaustiveSeven(t *testing.T) {
	outcomes := make(map[general.Value]int)
	for bits := range uint(1 << 10) {
		for _, rest := range []string{"flip", "equivocate", "random", "silent"} {
			p := council.Plan{Algorithm: algorithm("om"), N: 7, T: 2, Traitors: general.Only(0, 6), Traitor: script7{bits, liar(rest, uint64(bits))}}
			v := p.Judge(council.Run(p).Decisions)
			if !v.Agreement {
				t.Errorf("%010b and %s: %+v", bits, rest, v)
			}
			if rest == "flip" {
				outcomes[v.Decision]++
			}
		}
	}
	if outcomes[general.Attack] == 0 || outcomes[general.Retreat] == 0 {
		t.Errorf("all runs end the same: %v", outcomes)
	}
}

// The other bits do not matter: what a traitor says of a loyal general's word
// changes no decision. All 2^20 ways for one choice of the ten bits, by the fast
// resolver.
func TestWhatDoesNotMatter(t *testing.T) {
	if testing.Short() {
		t.Skip("a million runs")
	}
	for _, bits := range []uint{0b01011_00110, 0b10101_11010} {
		g := eig.Game{N: 7, T: 2, Traitors: general.Only(0, 6)}
		want := general.Set(0)
		for rest := range uint(1 << 20) {
			g.Traitor = script7{bits, gossip(rest)}
			got, _ := eig.Full(g)
			got &= 0b111110
			if rest == 0 {
				want = got
			}
			if got != want {
				t.Fatalf("%b and %b: decisions %b, before %b", bits, rest, got, want)
			}
		}
	}
}

// gossip is what traitor 6 tells four loyal generals of what the fifth, j,
// says that the commander said: four bits for each j.
type gossip uint

func (g gossip) Say(r *general.Relay) general.Word {
	j := r.Path[1]
	if j > 5 {
		return general.Word{Spoken: r.To}
	}
	word := general.Set(g>>(4*(j-1))) & 0b1111
	low := general.First(int(j)) // make room for bits 0 and j
	word <<= 1
	return general.Word{Attack: word&low | word&^low<<1, Spoken: r.To}
}

// Below the bound a single traitor is enough to break three generals, whatever
// they do with a tie.
func TestThreeAreTooFew(t *testing.T) {
	broken := 0
	for _, traitor := range []int{0, 1, 2} {
		to := map[string]general.Set{"\x00": general.Only(1, 2)}
		if traitor > 0 {
			to = map[string]general.Set{string([]byte{0, byte(traitor)}): general.Only(3 - traitor)}
		}
		choices(false, to, func(s script) {
			p := council.Plan{Algorithm: algorithm("om"), N: 3, T: 1, Order: general.Attack, Traitors: general.Only(traitor), Traitor: s}
			if v := p.Judge(council.Run(p).Decisions); !v.Agreement || !v.Validity {
				broken++
			}
			p.Algorithm = algorithm("sm")
			if v := p.Judge(council.Run(p).Decisions); !v.Agreement || !v.Validity {
				t.Errorf("signed messages, traitor %d says %v: %+v", traitor, s, v)
			}
		})
	}
	if broken == 0 {
		t.Error("nothing breaks n = 3, t = 1")
	}
}

// The hunt breaks six generals with two traitors within a few random runs, three
// with one by trying everything, and cannot break what is guaranteed.
func TestHunt(t *testing.T) {
	rng := rand.New(rand.NewPCG(1, 1))
	coin, _ := adversary.LookUp("random")
	plan := func(name string, n, t int) council.Plan {
		return council.Plan{Algorithm: algorithm(name), N: n, T: t, Seed: 1}
	}
	six := council.Hunt{Plan: plan("om", 6, 2), Limit: 200}.Random(rng.Uint64, coin.New)
	if !six.Broken || six.Runs > 50 {
		t.Errorf("n = 6, t = 2 is broken: %v, after %d random runs", six.Broken, six.Runs)
	}
	if v := six.Plan.Judge(council.Run(six.Plan).Decisions); v != six.Verdict {
		t.Errorf("played again it ends with %+v, before with %+v", v, six.Verdict)
	}
	for _, c := range []struct {
		plan   council.Plan
		broken bool
		runs   int // 0: does not matter
	}{
		{plan("om", 3, 1), true, 0},
		{plan("om", 4, 1), false, 8 + 24},
		{plan("om", 4, 0), false, 2},
		{plan("om", 2, 1), false, 2 + 2}, // one loyal general agrees with himself
		{plan("sm", 3, 1), false, 0},
		{plan("sm", 4, 2), false, 0},
		{plan("phase-king", 4, 1), true, 0},
	} {
		f, err := council.Hunt{Plan: c.plan, Limit: 1 << 20}.Exhaustive()
		if err != nil || f.Broken != c.broken || c.runs > 0 && f.Runs != c.runs {
			t.Errorf("%s, n=%d t=%d: %+v, %v; want broken %v after %d runs", c.plan.Algorithm.Name, c.plan.N, c.plan.T, f, err, c.broken, c.runs)
		}
	}
	if _, err := (council.Hunt{Plan: plan("om", 10, 3), Limit: 1 << 20}).Exhaustive(); err == nil {
		t.Error("n = 10, t = 3 is not too much to try")
	}
	if f := (council.Hunt{Plan: plan("om", 7, 2), Limit: 300}).Random(rng.Uint64, coin.New); f.Broken || f.Runs != 300 {
		t.Errorf("n = 7, t = 2: %+v", f)
	}
}
