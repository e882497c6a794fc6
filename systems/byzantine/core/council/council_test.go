package council_test

import (
	"fmt"
	"testing"

	"pgregory.net/rapid"

	"dyno/systems/byzantine/core/adversary"
	"dyno/systems/byzantine/core/council"
	"dyno/systems/byzantine/core/general"
)

func algorithm(name string) general.Algorithm {
	a, ok := general.LookUp(name)
	if !ok {
		panic(name)
	}
	return a
}

func liar(name string, seed uint64) general.Traitor {
	a, ok := adversary.LookUp(name)
	if !ok {
		panic(name)
	}
	return a.New(seed)
}

// subsets yields every set of at most t of n generals.
func subsets(n, t int, f func(general.Set)) {
	for s := range general.Set(1 << n) {
		if s.Len() <= t {
			f(s)
		}
	}
}

// sizes are those that each algorithm is tried with: (n, t) at its own bound.
var sizes = map[string][][2]int{
	"om":         {{2, 0}, {4, 1}, {5, 1}, {7, 2}, {8, 2}},
	"sm":         {{2, 0}, {3, 1}, {4, 2}, {5, 3}},
	"phase-king": {{2, 0}, {5, 1}, {6, 1}, {9, 2}},
}

// Every adversary, every set of traitors, both orders: what is guaranteed holds,
// and the values carried are those of the formula unless somebody was silent.
func TestGuaranteesHold(t *testing.T) {
	for name, sizes := range sizes {
		for _, size := range sizes {
			for _, a := range adversary.All {
				n, most := size[0], size[1]
				subsets(n, most, func(traitors general.Set) {
					for _, order := range []general.Value{general.Retreat, general.Attack} {
						p := council.Plan{Algorithm: algorithm(name), N: n, T: most, Commander: int(order), Order: order, Traitors: traitors, Traitor: a.New(uint64(traitors)), Seed: 1}
						r := council.Run(p)
						if v := p.Judge(r.Decisions); !p.Guaranteed() || !v.Agreement || !v.Validity {
							t.Errorf("%s, n=%d t=%d, %s by %b, order %v: %+v", name, n, most, a.Name, traitors, order, v)
						}
						if !a.Silent || traitors == 0 {
							checkCounts(t, p, r)
						}
					}
				})
			}
		}
	}
}

func checkCounts(t *testing.T, p council.Plan, r council.Result) {
	t.Helper()
	for i, got := range r.Messages {
		if want := p.Algorithm.Messages(p.Config(0), i+1); want >= 0 && got != want {
			t.Errorf("%s, n=%d t=%d, %T by %b: round %d carries %d values, the formula says %d", p.Algorithm.Name, p.N, p.T, p.Traitor, p.Traitors, i+1, got, want)
		}
	}
	if p.Algorithm.Name == "om" && !p.Interactive {
		if want := int64(p.N - 1 + p.T*(p.N-1)*(p.N-2)); r.Physical != want {
			t.Errorf("n=%d t=%d: %d batches, want %d", p.N, p.T, r.Physical, want)
		}
	}
}

// Drops are counted by reason.
func TestDropsAreCounted(t *testing.T) {
	for _, c := range []struct {
		adversary string
		want      general.Drops
	}{
		{"flip", general.Drops{}},
		// Two messages, to 1 and to 2; each brings one in another's name and one in a circle.
		{"forge", general.Drops{general.WrongSender: 2, general.WrongPath: 2}},
		{"duplicate", general.Drops{general.Duplicate: 6}},
		{"early", general.Drops{general.WrongLength: 2}},
	} {
		p := council.Plan{Algorithm: algorithm("om"), N: 4, T: 1, Order: general.Attack, Traitors: general.Only(3), Traitor: liar(c.adversary, 1)}
		if r := council.Run(p); r.Drops != c.want {
			t.Errorf("%s: dropped %v, want %v", c.adversary, r.Drops, c.want)
		}
	}
}

// Interactive consistency: all loyal generals hold the same vector, in which the
// loyal ones' own orders stand.
func TestInteractive(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		n := rapid.IntRange(2, 7).Draw(t, "n")
		p := council.Plan{Algorithm: algorithm("om"), N: n, T: (n - 1) / 3, Interactive: true, Initial: make([]general.Value, n)}
		for id := range p.Initial {
			p.Initial[id] = general.Value(rapid.IntRange(0, 1).Draw(t, "initial"))
		}
		for range rapid.IntRange(0, p.T).Draw(t, "traitors") {
			p.Traitors |= general.Only(rapid.IntRange(0, n-1).Draw(t, "traitor"))
		}
		a := rapid.SampledFrom(adversary.All).Draw(t, "adversary")
		p.Traitor = a.New(rapid.Uint64().Draw(t, "seed"))
		r := council.Run(p)
		if v := p.Judge(r.Decisions); !v.Agreement || !v.Validity {
			t.Fatalf("%s by %b among %d: %+v, %+v", a.Name, p.Traitors, n, v, r.Decisions)
		}
		if !a.Silent {
			for i, got := range r.Messages {
				if want := p.Algorithm.Messages(p.Config(0), i+1); got != want {
					t.Fatalf("round %d carries %d values, the formula says %d", i+1, got, want)
				}
			}
		}
	})
}

// The flat majority of the seed's wording, on the two examples of the design.
func TestFlatMajorityIsWrong(t *testing.T) {
	flips := council.Plan{Algorithm: algorithm("om"), N: 7, T: 2, Order: general.Attack, Traitors: general.Only(5, 6), Traitor: liar("flip", 1)}
	splits := council.Plan{Algorithm: algorithm("om"), N: 10, T: 3, Order: general.Attack, Traitors: general.Only(0, 1, 2), Traitor: liar("equivocate", 1)}
	for _, p := range []council.Plan{flips, splits} {
		if v := p.Judge(council.Run(p).Decisions); !v.Agreement || !v.Validity {
			t.Errorf("recursive majority, n=%d: %+v", p.N, v)
		}
	}
	flips.Flat, splits.Flat = true, true
	for id, d := range council.Run(flips).Decisions[1:5] {
		if d.Value != general.Retreat {
			t.Errorf("flat majority, n=7: loyal lieutenant %d does as the loyal commander says", id+1)
		}
	}
	if v := flips.Judge(council.Run(flips).Decisions); v.Agreement || v.Validity {
		t.Errorf("flat majority, n=7: %+v, though four loyal lieutenants disobey a loyal commander", v)
	}
	if v := splits.Judge(council.Run(splits).Decisions); v.Agreement {
		t.Errorf("flat majority, n=10: %+v, want the loyal generals split", v)
	}
}

func BenchmarkRun(b *testing.B) {
	for _, c := range []struct {
		name string
		n, t int
	}{{"om", 4, 1}, {"om", 7, 2}, {"om", 10, 3}, {"sm", 4, 1}, {"sm", 7, 2}, {"sm", 10, 3}, {"phase-king", 5, 1}, {"phase-king", 9, 2}, {"phase-king", 13, 3}} {
		b.Run(fmt.Sprintf("algorithm=%s/n=%d/t=%d", c.name, c.n, c.t), func(b *testing.B) {
			p := council.Plan{Algorithm: algorithm(c.name), N: c.n, T: c.t, Order: general.Attack, Traitors: general.First(c.t), Traitor: liar("equivocate", 1), Seed: 1}
			for b.Loop() {
				council.Run(p)
			}
		})
	}
}
