package experiments

import (
	"fmt"
	"math"
	"slices"
	"strings"
	"testing"
	"time"

	"dyno/internal/record"
	"dyno/systems"
)

func plan(t *testing.T, sel Selection) *Plan {
	t.Helper()
	e, err := read(t, good)
	if err != nil {
		t.Fatal(err)
	}
	p, err := NewPlan(e, sel)
	if err != nil {
		t.Fatal(err)
	}
	return p
}

// Every block holds every core cell once; details come in the first blocks
// only; all trials of a block share a seed, and no two blocks do.
func TestPlanBlocks(t *testing.T) {
	p := plan(t, Selection{Scale: "full", Seed: 7})
	perBlock := make(map[int][]int)
	seeds := make(map[uint64]int)
	for _, tr := range p.Trials {
		perBlock[tr.Block] = append(perBlock[tr.Block], tr.Cell.Index)
		if b, ok := seeds[tr.Seed]; ok && b != tr.Block {
			t.Errorf("blocks %d and %d share a seed", b, tr.Block)
		}
		seeds[tr.Seed] = tr.Block
	}
	if len(perBlock) != 6 || len(seeds) != 6 {
		t.Fatalf("%d blocks, %d seeds, want 6", len(perBlock), len(seeds))
	}
	orders := make(map[string]bool)
	for b := 1; b <= 6; b++ {
		orders[fmt.Sprint(perBlock[b])] = true
		want := []int{1, 2, 3, 4}
		if b <= 2 {
			want = append(want, 5)
		}
		if got := slices.Sorted(slices.Values(perBlock[b])); !slices.Equal(got, want) {
			t.Errorf("block %d has cells %v, want %v", b, got, want)
		}
	}
	if len(orders) < 3 {
		t.Errorf("six blocks came in only %d orders", len(orders))
	}
}

func TestPlanIsRepeatable(t *testing.T) {
	ids := func(seed uint64) string {
		var b strings.Builder
		for _, tr := range plan(t, Selection{Scale: "full", Seed: seed}).Trials {
			fmt.Fprintln(&b, tr.ID, tr.Seed)
		}
		return b.String()
	}
	if again := ids(1); again != ids(1) {
		t.Error("the same seed gave two plans")
	}
	if ids(1) == ids(2) {
		t.Error("two seeds gave one plan")
	}
}

// Long queues get long windows: 3 time constants of warm-up, 6 of window.
func TestPlanStretches(t *testing.T) {
	p := plan(t, Selection{Scale: "quick", Seed: 1})
	for _, c := range p.Cells {
		tau := time.Duration(c.Values.Int("clients")) * 10 * time.Millisecond
		if want := max(100*time.Millisecond, 3*tau); c.Warmup != want {
			t.Errorf("%s warms up for %v, want %v", c.Label(p.Experiment), c.Warmup, want)
		}
		if want := max(time.Second, 6*tau); c.Length != want {
			t.Errorf("%s is measured for %v, want %v", c.Label(p.Experiment), c.Length, want)
		}
	}
}

func TestPlanKeepsBudget(t *testing.T) {
	e, err := read(t, strings.Replace(good, "budget: 1m", "budget: 12s", 1))
	if err != nil {
		t.Fatal(err)
	}
	p, err := NewPlan(e, Selection{Scale: "quick", Seed: 1})
	if err != nil {
		t.Fatal(err)
	}
	if p.Blocks != 1 || p.Estimate(0) > 12*time.Second || len(p.Notes) == 0 {
		t.Errorf("%d blocks, %v, notes %q: want 1 block within 12s and a note", p.Blocks, p.Estimate(0), p.Notes)
	}
	asked, err := NewPlan(e, Selection{Scale: "quick", Seed: 1, Blocks: 3})
	if err != nil || asked.Blocks != 3 {
		t.Errorf("--blocks 3 gave %d blocks, %v", asked.Blocks, err)
	}
}

// A scale may keep some of the cells only, and --only some of those.
func TestPlanScaleOnly(t *testing.T) {
	e, err := read(t, strings.Replace(good, "budget: 1m", "budget: 1m, only: {policy: [b]}", 1))
	if err != nil {
		t.Fatal(err)
	}
	p, err := NewPlan(e, Selection{Scale: "quick", Seed: 1, Only: record.Where{"clients": {"10"}}})
	if err != nil || len(p.Cells) != 1 || p.Cells[0].Label(e) != "policy=b clients=10" {
		t.Errorf("%+v, %v; want the cell policy=b clients=10 alone", p, err)
	}
	if p, err := NewPlan(e, Selection{Scale: "full", Seed: 1}); err != nil || len(p.Cells) != 5 {
		t.Errorf("scale full: %+v, %v; want all five cells", p, err)
	}
	if _, err := NewPlan(e, Selection{Scale: "quick", Only: record.Where{"policy": {"a"}}}); !systems.IsUsage(err) {
		t.Errorf("--only of what the scale leaves out: %v", err)
	}
}

func TestPlanOnly(t *testing.T) {
	p := plan(t, Selection{Scale: "full", Seed: 1, Only: record.Where{"policy": {"b", "c"}, "clients": {"10", "50"}}})
	var labels []string
	for _, c := range p.Cells {
		labels = append(labels, c.Label(p.Experiment))
	}
	if got, want := strings.Join(labels, "; "), "policy=b clients=10; policy=c clients=50"; got != want {
		t.Errorf("cells %q, want %q", got, want)
	}
	e, err := read(t, good)
	if err != nil {
		t.Fatal(err)
	}
	for word, only := range map[string]record.Where{
		`"polcy"`: {"polcy": {"a"}},
		`"z"`:     {"policy": {"z"}},
		`"7"`:     {"clients": {"7"}},
		"no cell": {"policy": {"c"}, "clients": {"1"}},
	} {
		_, err := NewPlan(e, Selection{Scale: "quick", Only: only})
		if !systems.IsUsage(err) || !strings.Contains(fmt.Sprint(err), word) {
			t.Errorf("--only %v: %v, want a usage error with %s", only, err, word)
		}
	}
}

// A claim is about the core cell that fits, though a detail cell has the same
// level of the knob that it names and sweeps no other; and its cells are all
// stored, whatever is run of them.
func TestClaimsNameCoreCells(t *testing.T) {
	text := strings.Replace(good, "core:\n  - policy: [a, b]\n    clients: [1, 10]\ndetail:\n  - policy: [c]\n    clients: [50]\n",
		"core:\n  - clients: [1]\n    policy: [a, b]\ndetail:\n  - policy: [a]\n", 1)
	text = strings.Replace(text, "where: {policy: b, clients: 10}, over: {policy: a, clients: 10}", "where: {policy: a}, over: {policy: b}", 1)
	e, err := read(t, strings.Replace(text, ", where: {clients: [10]}", "", 1))
	if err != nil {
		t.Fatal(err)
	}
	p, err := NewPlan(e, Selection{Scale: "quick", Blocks: 1, Seed: 1, Only: record.Where{"policy": {"b"}}})
	if err != nil {
		t.Fatal(err)
	}
	run := p.Header()
	if c := run.Experiment.Claims[0]; c.Cell != 1 || c.OverCell != 2 {
		t.Errorf("the claim is about cells %d and %d, want 1 and 2", c.Cell, c.OverCell)
	}
	var got []string
	for _, c := range run.Cells {
		got = append(got, fmt.Sprintf("%d %v %s %s %d", c.Index, c.Detail, c.Values["policy"], c.Values["clients"], c.Blocks))
	}
	if want := "1 false a 1 0; 2 false b 1 1; 3 true a 8 0"; strings.Join(got, "; ") != want {
		t.Errorf("cells %q, want %q", got, want)
	}
}

// A quick run measures the yardsticks only where something is divided by one.
func TestSparing(t *testing.T) {
	p := controlPlan(t, Selection{Scale: "quick", Seed: 1})
	plain := p.Estimate(0)
	if !p.Sparing() {
		t.Error("a quick run measures yardsticks that nothing is divided by")
	}
	p.Tables = append(p.Tables, record.Table{Columns: []string{"cpu_us_per_request per grpc_cpu_us"}})
	if p.Sparing() || p.Estimate(0) != plain+time.Duration(p.Blocks)*yardstickCost {
		t.Errorf("divided by a yardstick: sparing %v, estimate %v after %v", p.Sparing(), p.Estimate(0), plain)
	}
	p.Tables, p.Scale = nil, "full"
	if p.Sparing() {
		t.Error("a full run does without yardsticks")
	}
}

// What is too much is counted, not laid out: a billion blocks took all memory there is.
func TestPlanIsBounded(t *testing.T) {
	e, err := read(t, good)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := NewPlan(e, Selection{Scale: "full", Blocks: math.MaxInt}); err == nil || !strings.Contains(err.Error(), "more than 100000 trials") {
		t.Error(err)
	}
	levels := make([]string, 100_000)
	s := record.Sweep{{Knob: "a", Levels: levels}, {Knob: "b", Levels: levels}, {Knob: "c", Levels: levels}, {Knob: "d", Levels: levels}}
	if n := combinations(s); n <= maxTrials {
		t.Errorf("%d cells", n)
	}
	if n := combinations(s[:1]); n != maxTrials {
		t.Errorf("%d cells", n)
	}
}
