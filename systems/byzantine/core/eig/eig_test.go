package eig_test

import (
	"fmt"
	"slices"
	"testing"

	"pgregory.net/rapid"

	"dyno/systems/byzantine/core/adversary"
	"dyno/systems/byzantine/core/council"
	"dyno/systems/byzantine/core/eig"
	"dyno/systems/byzantine/core/general"
)

var om, _ = general.LookUp("om")

// drawn is a traitor whose every word rapid draws and can shrink: when first
// asked, then remembered.
type drawn struct {
	t     *rapid.T
	words map[string]general.Word
}

func (d drawn) Say(r *general.Relay) general.Word {
	w, ok := d.words[string(r.Path)]
	if !ok {
		w.Attack = general.Set(rapid.Uint64().Draw(d.t, fmt.Sprintf("attack%v", r.Path)))
		w.Spoken = ^general.Set(rapid.Uint64().Draw(d.t, fmt.Sprintf("silence%v", r.Path)))
		d.words[string(r.Path)] = w
	}
	return w
}

// drawGame draws a game that is small enough to be played message by message.
func drawGame(t *rapid.T, n, most int) eig.Game {
	g := eig.Game{N: n, Traitor: drawn{t, make(map[string]general.Word)}}
	g.T = rapid.IntRange(0, min(n-1, most)).Draw(t, "t")
	g.Commander = rapid.IntRange(0, n-1).Draw(t, "commander")
	g.Order = general.Value(rapid.IntRange(0, 1).Draw(t, "order"))
	for range rapid.IntRange(0, g.T).Draw(t, "traitors") {
		g.Traitors |= general.Only(rapid.IntRange(0, n-1).Draw(t, "traitor"))
	}
	return g
}

func plan(g eig.Game) council.Plan {
	return council.Plan{Algorithm: om, N: g.N, T: g.T, Commander: g.Commander, Order: g.Order, Traitors: g.Traitors, Traitor: g.Traitor}
}

// The fast resolver finds what the generals find that pass every message on and
// resolve one by one, and counts the same values.
func TestFullAgreesWithTheGenerals(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		g := drawGame(t, rapid.IntRange(2, 7).Draw(t, "n"), 3)
		r := council.Run(plan(g))
		got, messages := eig.Full(g)
		for id, d := range r.Decisions {
			if got.At(id) != d.Value {
				t.Fatalf("general %d of %+v decides %v, by the fast resolver %v", id, g, d.Value, got.At(id))
			}
		}
		if !slices.Equal(messages, r.Messages) {
			t.Fatalf("values carried %v, by the fast resolver %v", r.Messages, messages)
		}
	})
}

func TestPrunedAgreesWithFull(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		n := rapid.IntRange(2, 11).Draw(t, "n")
		g := drawGame(t, n, (n-1)/3)
		loyal := general.First(n) &^ g.Traitors
		full, _ := eig.Full(g)
		if pruned := eig.Pruned(g); (full^pruned)&loyal != 0 {
			t.Fatalf("full %b, pruned %b, loyal %b in %+v", full, pruned, loyal, g)
		}
	})
}

// Beyond n = 3t pruning is wrong, and the test above would notice.
func TestPrunedIsWrongBeyondItsBound(t *testing.T) {
	a, _ := adversary.LookUp("random")
	for seed := range uint64(100) {
		g := eig.Game{N: 4, T: 2, Order: general.Attack, Traitors: general.Only(0, 3), Traitor: a.New(seed)}
		full, _ := eig.Full(g)
		if pruned := eig.Pruned(g); (full^pruned)&general.Only(1, 2) != 0 {
			return
		}
	}
	t.Error("with n = 4, t = 2 no seed tells the resolvers apart")
}

func TestTotalsOfThePaper(t *testing.T) {
	for _, c := range []struct {
		n, t int
		want int64
	}{{4, 1, 9}, {7, 2, 156}, {10, 3, 3609}, {13, 4, 108_384}, {16, 5, 3_999_675}} {
		_, messages := eig.Full(eig.Game{N: c.n, T: c.t, Order: general.Attack})
		var sum int64
		for r, m := range messages {
			if want := om.Messages(general.Config{N: c.n, T: c.t}, r+1); m != want {
				t.Errorf("(%d, %d): round %d carries %d values, by the formula %d", c.n, c.t, r+1, m, want)
			}
			sum += m
		}
		if sum != c.want {
			t.Errorf("(%d, %d): %d values in all, want %d", c.n, c.t, sum, c.want)
		}
	}
}

// worst puts the commander among as many traitors as are allowed.
func worst(n, t int, name string) eig.Game {
	a, ok := adversary.LookUp(name)
	if !ok {
		panic(name)
	}
	return eig.Game{N: n, T: t, Order: general.Attack, Traitors: general.First(t), Traitor: a.New(1)}
}

func BenchmarkFull(b *testing.B) {
	for _, c := range [][2]int{{4, 1}, {7, 2}, {10, 3}, {13, 4}, {16, 5}, {19, 6}} {
		for _, name := range []string{"equivocate", "random"} {
			b.Run(fmt.Sprintf("n=%d/t=%d/adversary=%s", c[0], c[1], name), func(b *testing.B) {
				g := worst(c[0], c[1], name)
				for b.Loop() {
					eig.Full(g)
				}
			})
		}
	}
}

func BenchmarkPruned(b *testing.B) {
	for _, c := range [][2]int{{13, 4}, {19, 6}, {25, 8}, {31, 10}} {
		b.Run(fmt.Sprintf("n=%d/t=%d/adversary=random", c[0], c[1]), func(b *testing.B) {
			g := worst(c[0], c[1], "random")
			for b.Loop() {
				eig.Pruned(g)
			}
		})
	}
}
