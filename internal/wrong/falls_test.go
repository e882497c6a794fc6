package wrong

import (
	"os"
	"slices"
	"strings"
	"testing"

	"dyno/experiments"
	"dyno/internal/figure"
	"dyno/internal/ladder"
	"dyno/internal/record"
	"dyno/systems"
	"dyno/systems/all"
)

// soakVar has every implementation climb: "ground" from there, anything else from
// the rung below that of its fall.
const soakVar = "DYNO_SOAK"

// fall is a wrong implementation and where it falls.
type fall struct {
	system, role, wrong string
	rung                string   // that it falls at; empty: it climbs to the top
	says                []string // of the story, some of it
}

var falls = []fall{
	{"branchbank", "branch", right, "", nil},
	{"branchbank", "branch", lostUpdate, "two-clients", []string{"acknowledged"}},
	{"branchbank", "branch", doubleApply, "retries", []string{"had happened twice"}},
	{"branchbank", "branch", staleRead, "replicas", []string{"its own"}},
	{"branchbank", "branch", unequal, "cut-off", []string{"acknowledged"}},
	{"branchbank", "branch", forgetsKilled, "killed", []string{"acknowledged"}},
	{"branchbank", "branch", beforeDurable, "killed", []string{"acknowledged"}},
	{"lookaside", "lb", favourite, "turns", []string{"by turns, counts differ by 1 at most"}},
	{"byzantine", "general", equivocates, "one-traitor", []string{"nobody had told it to betray"}},
	{"strife", "bank", forgetsVotes, "bank-killed", []string{"acknowledged"}},
	{"mapreduce", "worker", deadTwice, "killed", []string{"words too many"}},
}

// quick are those that CI climbs with, the rung below and that of the fall only.
var quick = []string{lostUpdate}

func TestFalls(t *testing.T) {
	for _, f := range falls {
		t.Run(f.system+"-"+f.role+"-"+f.wrong, func(t *testing.T) {
			soak := os.Getenv(soakVar)
			if soak == "" && !slices.Contains(quick, f.wrong) {
				t.Skip("takes long: " + soakVar + "=ground")
			}
			card := climb(t, f, soak == "ground")
			n, _ := card.Reached()
			switch {
			case f.rung == "":
				if !card.Holds() {
					t.Errorf("it is right, and falls: %s", describe(card))
				}
				return
			case n == len(card.Rungs) || card.Rungs[n].Name != f.rung || card.Rungs[n].Status != ladder.Broken:
				t.Fatalf("it falls elsewhere than at %s: %s", f.rung, describe(card))
			}
			r := card.Rungs[n]
			t.Logf("%s\n%s", r.Line(), strings.Join(r.Why(), "\n"))
			for _, say := range f.says {
				if !strings.Contains(strings.Join(r.History, "\n"), say) {
					t.Errorf("%q does not say %q", r.History, say)
				}
			}
			if svg, err := os.ReadFile(r.Diagram); err != nil || !strings.Contains(string(svg), "broken") {
				t.Errorf("no picture at %q: %v", r.Diagram, err)
			}
		})
	}
}

// climb climbs to the rung of the fall; not from the ground but from the rung
// below, unless there is time for that.
func climb(t *testing.T, f fall, whole bool) *ladder.Card {
	t.Helper()
	kinds := make(map[string]record.Kind)
	for _, k := range figure.Kinds {
		kinds[k.Name] = k.Of
	}
	s := lookup(f.system)
	book, err := ladder.Read(s)
	if err != nil {
		t.Fatal(err)
	}
	rungs := slices.DeleteFunc(book.Ladder, func(r ladder.Rung) bool { return len(r.Costs) > 0 })
	if at := slices.Index(ladder.Names(rungs), f.rung); at > 0 && !whole {
		rungs = rungs[at-1:]
	}
	c := ladder.Climb{
		Catalog: experiments.Catalog{Systems: all.Systems, FigureKinds: kinds}, System: s, Impl: systems.Impl{f.role: command(t, f.role, f.wrong)},
		Rungs: rungs, Until: f.rung, Seed: 1, Out: t.TempDir(), Command: []string{"dyno"},
	}
	card, err := c.Run(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	return card
}

func lookup(system string) *systems.System {
	return all.Systems[slices.IndexFunc(all.Systems, func(s *systems.System) bool { return s.Name == system })]
}

func describe(c *ladder.Card) string {
	var lines []string
	for _, r := range c.Rungs {
		lines = append(append(lines, r.Line()), r.Why()...)
	}
	return strings.Join(lines, "\n")
}
