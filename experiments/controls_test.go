package experiments

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync/atomic"
	"testing"

	"dyno/internal/record"
	"dyno/systems"
)

const goodControls = good + `controls:
  - {name: slow, broken: It is slow., where: {policy: b, clients: 10}, knobs: {pause: 30ms}, caught-by: answers}
  - {name: other, broken: It is another., where: {policy: a, clients: 1}, knobs: {policy: c, pause: "0"}, caught-by: counts}
`

func controlPlan(t *testing.T, sel Selection) *Plan {
	t.Helper()
	e, err := read(t, goodControls)
	if err != nil {
		t.Fatal(err)
	}
	p, err := NewPlan(e, sel)
	if err != nil {
		t.Fatal(err)
	}
	return p
}

// Controls are cells of their own, after all others: the core cell that they
// break with other knobs, once in every block.
func TestControlsArePlanned(t *testing.T) {
	p := controlPlan(t, Selection{Scale: "full", Seed: 1})
	if len(p.Cells) != 7 {
		t.Fatalf("%d cells, want 5 and 2 controls", len(p.Cells))
	}
	slow, other := p.Cells[5], p.Cells[6]
	if slow.Index != 6 || slow.Control != "slow" || slow.Values.Text("policy") != "b" || slow.Values.Text("clients") != "10" || slow.Values.Text("pause") != "30ms" {
		t.Errorf("%+v", slow)
	}
	if other.Control != "other" || other.Values.Text("policy") != "c" || other.Values.Text("pause") != "0s" || other.Detail {
		t.Errorf("%+v", other)
	}
	if got := slow.Label(p.Experiment); got != "policy=b clients=10 control=slow" {
		t.Errorf("label %q", got)
	}
	blocks := make(map[int]int)
	for _, tr := range p.Trials {
		if tr.Cell.Control != "" {
			blocks[tr.Block]++
		}
	}
	for b := 1; b <= 6; b++ {
		if blocks[b] != 2 {
			t.Errorf("block %d has %d trials of controls", b, blocks[b])
		}
	}
	if core, err := p.Core(); err != nil || len(core.Cells) != 4 || len(core.Trials) != 24 {
		t.Errorf("controls are among the cells that are compared: %v", err)
	}
	without := plan(t, Selection{Scale: "full", Seed: 1})
	if p.cost(6, 2)-without.cost(6, 2) != 6*(slow.cost()+other.cost()) {
		t.Error("controls are not among the costs")
	}
	p.Breaks = 2
	p.Trials = nil
	p.lay(2)
	if n := len(p.Trials); n != 4*6+2+2*2 || p.cost(6, 2)-without.cost(6, 2) != 2*(slow.cost()+other.cost()) {
		t.Errorf("controls in two of six blocks: %d trials", n)
	}
	if p := controlPlan(t, Selection{Scale: "full", Only: record.Where{"policy": {"a", "b"}}}); len(p.Cells) != 5 || p.Cells[4].Control != "slow" {
		t.Errorf("--only policy=a,b leaves %d cells", len(p.Cells))
	}
}

// A control may break a detail cell.
func TestControlOfADetail(t *testing.T) {
	e, err := read(t, strings.Replace(goodControls, "where: {policy: b, clients: 10}, knobs", "where: {policy: c, clients: 50}, knobs", 1))
	if err != nil {
		t.Fatal(err)
	}
	p, err := NewPlan(e, Selection{Scale: "full", Seed: 1})
	if err != nil || p.Cells[5].Control != "slow" || p.Cells[5].Values.Text("policy") != "c" {
		t.Errorf("%v, %+v", err, p)
	}
}

func TestReadControlMistakes(t *testing.T) {
	for name, c := range map[string]struct {
		old, new string
		want     []string
	}{
		"unknown key":        {"caught-by: answers", "caught_by: answers", []string{`"caught_by"`, "caught-by"}},
		"no check":           {", caught-by: answers", "", []string{"caught-by"}},
		"nothing said":       {"broken: It is slow.", "broken: ''", []string{"broken is missing"}},
		"nothing broken":     {"knobs: {pause: 30ms}", "knobs: {}", []string{"slow", "knobs", "nothing would be broken"}},
		"what it is already": {"knobs: {pause: 30ms}", "knobs: {pause: 0.02s}", []string{"slow", "same as cell policy=b clients=10"}},
		"another cell":       {"knobs: {pause: 30ms}", "knobs: {policy: a}", []string{"slow", "same as cell policy=a clients=10"}},
		"the same twice":     {`{policy: a, clients: 1}, knobs: {policy: c, pause: "0"}`, "{policy: b, clients: 10}, knobs: {pause: 30ms}", []string{"other", "same as cell", "control=slow"}},
		"two cells":          {"where: {policy: b, clients: 10}, knobs: {pause", "where: {policy: b}, knobs: {pause", []string{"slow", "2 core cells"}},
		"unknown level":      {"pause: 30ms", "pause: soon", []string{"slow", "soon"}},
		"unknown knob":       {"{pause: 30ms}", "{pose: 30ms}", []string{"slow", `"pose"`, "pause"}},
		"name twice":         {"name: other", "name: slow", []string{"twice"}},
		"bad name":           {"name: slow", "name: Slow One", []string{"lower-case"}},
	} {
		text := strings.Replace(goodControls, c.old, c.new, 1)
		if text == goodControls {
			t.Fatalf("%s: the mistake is not made", name)
		}
		_, err := read(t, text)
		if err == nil || !systems.IsUsage(err) {
			t.Errorf("%s: %v", name, err)
			continue
		}
		for _, w := range append(c.want, "toy-rates.yaml:") {
			if !strings.Contains(err.Error(), w) {
				t.Errorf("%s: %v, want %q", name, err, w)
			}
		}
	}
}

// A control must be found out, and by the check that is named. Everything else
// is a failure of the run, a valid verdict first of all.
func TestControlsMustBeCaught(t *testing.T) {
	caught := Tally{Valid: 8, Caught: 4}
	missed := Tally{Valid: 8, Caught: 2, Missed: 2}
	for name, c := range map[string]struct {
		slow func(*record.Observation) error
		want Tally
	}{
		"caught": {func(o *record.Observation) error {
			o.Verdict = record.Judge(record.Fail("answers", 1, "slow"))
			return nil
		}, caught},
		"valid": {func(*record.Observation) error { return nil }, missed},
		"another check": {func(o *record.Observation) error {
			o.Verdict = record.Judge(record.Fail("counts", 1, "slow"))
			return nil
		}, missed},
		"unknown": {func(o *record.Observation) error {
			o.Verdict = record.Judge(record.Doubt("answers", 1, "slow?"))
			return nil
		}, missed},
		"no result": {func(*record.Observation) error { return errors.New("it did not start") }, missed},
	} {
		t.Run(name, func(t *testing.T) {
			p, out := controlPlan(t, Selection{Scale: "quick", Seed: 1}), t.TempDir()
			p.System.Trial = func(_ context.Context, _ systems.Bench, v systems.Values) (record.Observation, error) {
				o := observed()
				if v.Text("pause") == "30ms" {
					return o, c.slow(&o)
				}
				if v.Text("pause") == "0s" {
					o.Verdict = record.Judge(record.Fail("counts", 1, "another"))
				}
				return o, nil
			}
			tally, err := (&Runner{Out: out}).Run(t.Context(), p)
			if err != nil || tally != c.want || tally.Failed() != (tally.Missed > 0) || tally.Trials() != 12 {
				t.Errorf("tally %+v, failed %v, %v; want %+v", tally, tally.Failed(), err, c.want)
			}
			_, trials := stored(t, out)
			for _, tr := range trials {
				if want := []string{6: "slow", 7: "other"}; tr.Control != slices.Concat(want, make([]string, 1))[tr.Cell] {
					t.Errorf("trial %s is stored as control %q", tr.ID, tr.Control)
				}
				_, err := os.Stat(filepath.Join(out, "results", "raw", tr.ID))
				if kept := err == nil; kept != (tr.Control == "slow" && tally.Missed > 0) {
					t.Errorf("trial %s (control %q): bundle kept: %v", tr.ID, tr.Control, kept)
				}
			}
		})
	}
}

// Controls of a quick run are measured together, and all others alone. One that comes to
// nothing beside others is measured again, alone, for they may be why.
func TestControlsTogether(t *testing.T) {
	p := controlPlan(t, Selection{Scale: "quick", Seed: 1, Blocks: 1})
	var inside, others atomic.Int64
	met := make(chan struct{}) // closed when both controls are under way
	p.System.Trial = func(ctx context.Context, _ systems.Bench, v systems.Values) (record.Observation, error) {
		defer inside.Add(-1)
		o, n, check := observed(), inside.Add(1), "answers"
		switch v.Text("pause") {
		default:
			if n > 1 {
				t.Error("a trial that counts is measured beside another")
			}
			return o, nil
		case "0s":
			check = "counts"
			if others.Add(1) == 1 {
				if n == 2 {
					close(met)
				}
				<-met
				return o, errors.New("the machine was busy")
			}
			if n > 1 {
				t.Error("a control is measured again beside another")
			}
		case "30ms":
			if n == 2 {
				close(met)
			}
			<-met
		}
		o.Verdict = record.Judge(record.Fail(check, 1, "broken on purpose"))
		return o, ctx.Err()
	}
	out := t.TempDir()
	tally, err := (&Runner{Out: out}).Run(t.Context(), p)
	if err != nil || tally.Caught != 2 || tally.Failed() {
		t.Errorf("%+v, %v", tally, err)
	}
	_, trials := stored(t, out)
	for _, tr := range trials {
		if again := len(tr.Rejected) > 0; again != (tr.Control == "other") {
			t.Errorf("control %q: rejected %q", tr.Control, tr.Rejected)
		}
	}
	want := p.yardsticks()
	for _, tr := range p.Trials {
		if want += tr.Cell.cost(); tr.Cell.Control != "" {
			want -= tr.Cell.cost() - tr.Cell.cost()/together
		}
	}
	if got := p.Estimate(0); got != want {
		t.Errorf("the estimate is %v, want %v", got, want)
	}
	alone := p.yardsticks()
	for _, tr := range p.Trials {
		alone += tr.Cell.cost()
	}
	if p.Away = true; p.Estimate(0) != alone {
		t.Errorf("on several machines the estimate is %v, want %v: nothing is measured beside another there", p.Estimate(0), alone)
	}
}

// Controls are measured beside one that is stored only when their block was opened, else
// nothing would tell what the machine was like.
func TestControlsWaitForTheirBlock(t *testing.T) {
	p := controlPlan(t, Selection{Scale: "quick", Seed: 1, Blocks: 1})
	first := slices.IndexFunc(p.Trials, func(tr Trial) bool { return tr.Cell.Control != "" })
	c := &crew{sweep: &sweep{plan: p, state: make([]state, len(p.Trials))}}
	c.state[first] = running
	if others := c.beside(first); len(others) > 0 {
		t.Errorf("trials %v of a block that is not opened", others)
	}
	c.block = p.Trials[first].Block
	if others := c.beside(first); len(others) != 1 {
		t.Errorf("trials %v, want one", others)
	}
}
