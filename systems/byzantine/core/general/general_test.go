package general_test

import (
	"testing"

	"pgregory.net/rapid"

	"dyno/systems/byzantine/core/council"
	"dyno/systems/byzantine/core/general"
)

// Whatever arrives, in whatever round, a general neither panics nor loses count:
// every message is accepted or dropped. What was accepted came along a path of
// the right length that ends in its sender.
func TestAnythingMayArrive(t *testing.T) {
	keys := council.Keys(1, 6)
	rapid.Check(t, func(t *rapid.T) {
		a := rapid.SampledFrom(general.Algorithms).Draw(t, "algorithm")
		c := general.Config{N: rapid.IntRange(2, 6).Draw(t, "n")}
		c.T = rapid.IntRange(0, c.N-1).Draw(t, "t")
		c.Me = rapid.IntRange(0, c.N-1).Draw(t, "me")
		c.Commander = rapid.IntRange(0, c.N-1).Draw(t, "commander")
		c.Interactive = a.Name == "om" && rapid.Bool().Draw(t, "interactive")
		c.Keys = keys[c.Me]
		g := a.New(c)
		var arrived int64
		for round := range a.Rounds(c.T) + 1 {
			var inbox []general.Delivery
			if round > 0 {
				inbox = rapid.SliceOfN(rapid.Custom(drawDelivery), 0, 6).Draw(t, "inbox")
			}
			arrived += int64(len(inbox))
			for _, p := range g.Step(round, inbox) {
				if p.To.Has(c.Me) || p.To == 0 || p.To&^general.First(c.N) != 0 || int(p.Path[len(p.Path)-1]) != c.Me {
					t.Fatalf("general %d sends %+v", c.Me, p)
				}
			}
		}
		tally := g.Tally()
		sum := tally.Drops.Sum()
		for _, n := range tally.Accepted {
			sum += n
		}
		if sum != arrived {
			t.Fatalf("%d messages arrived, %d were accepted or dropped", arrived, sum)
		}
		g.Decide()
	})
}

func drawDelivery(t *rapid.T) general.Delivery {
	path := rapid.SliceOfN(rapid.Uint8Range(0, 7), 0, 7).Draw(t, "path")
	d := general.Delivery{From: rapid.IntRange(0, 7).Draw(t, "from")}
	if len(path) > 0 && rapid.Bool().Draw(t, "ends in its sender") {
		d.From = int(path[len(path)-1])
	}
	d.Path, d.Value = string(path), general.Value(rapid.Uint8Range(0, 3).Draw(t, "value"))
	d.Seals = rapid.SliceOfN(rapid.Byte(), 0, 65).Draw(t, "seals")
	return d
}

func TestSets(t *testing.T) {
	s := general.Only(1, 3, 63)
	var got []int
	for id := range s.All() {
		got = append(got, id)
	}
	if s.Len() != 3 || len(got) != 3 || got[2] != 63 || !s.Has(3) || s.Has(2) || s.At(63) != general.Attack {
		t.Errorf("%v of %b", got, s)
	}
	if general.First(64) != ^general.Set(0) || general.First(3) != 7 || general.First(0) != 0 {
		t.Error("First is wrong")
	}
	if general.Attack.Spread() != ^general.Set(0) || general.Retreat.Spread() != 0 || general.Attack.Not() != general.Retreat {
		t.Error("Spread or Not is wrong")
	}
}
