package experiments

import (
	"os"
	"reflect"
	"strings"
	"testing"
)

// The file that a binary gets for one cell says the same as the plan, under
// every load model.
func TestCellFiles(t *testing.T) {
	search := strings.Replace(good, "{loop: closed}", "{loop: search, p99-below: 50ms, from: 500, to: 2000, precision: 0.05, probes: 9}", 1)
	for _, text := range []string{good, strings.Replace(good, "closed", "open", 1), search} {
		e, err := catalog().Read("toy-rates.yaml", []byte(text))
		if err != nil {
			t.Fatal(err)
		}
		for _, scale := range Scales {
			p, err := NewPlan(e, Selection{Scale: scale, Blocks: 3, Seed: 7})
			if err != nil {
				t.Fatal(err)
			}
			r := &Rivals{Work: t.TempDir()}
			for _, c := range p.Cells {
				path, err := r.write(p, c)
				if err != nil {
					t.Fatal(err)
				}
				got := oneCell(t, path, scale)
				if got.Load != p.Load || !reflect.DeepEqual(got.Cells[0].Values, c.Values) || got.Cells[0].Warmup != c.Warmup || got.Cells[0].Length != c.Length {
					t.Errorf("%s: the file says %+v %+v, the plan %+v %+v", scale, got.Load, *got.Cells[0], p.Load, *c)
				}
			}
		}
	}
}

// oneCell plans an experiment file of one cell.
func oneCell(t *testing.T, path, scale string) *Plan {
	t.Helper()
	text, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	e, err := catalog().Open(path)
	if err != nil {
		t.Fatalf("%v\n%s", err, text)
	}
	p, err := NewPlan(e, Selection{Scale: scale, Blocks: 1})
	if err != nil {
		t.Fatal(err)
	}
	if len(p.Trials) != 1 {
		t.Fatalf("%d trials, want 1\n%s", len(p.Trials), text)
	}
	return p
}

func TestCoreOfAPlan(t *testing.T) {
	e, err := catalog().Read("toy-rates.yaml", []byte(good))
	if err != nil {
		t.Fatal(err)
	}
	p, err := NewPlan(e, Selection{Scale: "full", Blocks: 6})
	if err != nil {
		t.Fatal(err)
	}
	core, err := p.Core()
	if err != nil || len(core.Cells) != 4 || len(core.Trials) != 24 {
		t.Errorf("%d cells, %d trials, %v; want the 4 core cells in 6 blocks", len(core.Cells), len(core.Trials), err)
	}
	if len(p.Cells) != 5 {
		t.Error("the plan itself has changed")
	}
	if p, err = NewPlan(e, Selection{Scale: "full", Blocks: 6, Only: map[string][]string{"policy": {"c"}}}); err != nil {
		t.Fatal(err)
	}
	if _, err := p.Core(); err == nil {
		t.Error("a plan without core cells has a core")
	}
}
