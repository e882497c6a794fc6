package report

import (
	"slices"
	"strings"
	"testing"

	"dyno/internal/figure"
	"dyno/internal/record"
)

// measured gives every cell of a result two valid trials, in blocks 1 and 2,
// that observe 0.4 and 0.6, but for the cells named.
func measured(t *testing.T, r *Result, but ...int) *Result {
	t.Helper()
	r.Run.Metrics = []record.Metric{
		{Name: "share", Kind: record.KindScalar, Unit: "1"},
		{Name: "expected", Kind: record.KindScalar, Unit: "1"},
		{Name: "load", Kind: record.KindVector, Unit: "req"},
	}
	r.Run.KnobUnits = []record.KnobUnit{{Name: "policy"}, {Name: "clients", Unit: "n"}, {Name: "interval"}}
	for i, c := range r.cells {
		for block := 1; block <= 2 && !slices.Contains(but, i+1); block++ {
			obs := &record.Observation{Verdict: record.Judge(record.Pass("answers", 1))}
			obs.Set("share", 0.2+0.2*float64(block))
			obs.Set("expected", 0.55)
			obs.SetVector("load", []string{"s1", "s2"}, []float64{1, float64(block)})
			r.put(&record.Trial{Block: block, Cell: i + 1, Values: c.Values, Observation: obs})
		}
	}
	return r
}

func chartOf(t *testing.T, r *Result, f record.Figure) (figure.Chart, *drawing) {
	t.Helper()
	d, err := r.prepare(f, allot([]*Result{r}))
	if err != nil {
		t.Fatal(err)
	}
	return d.Chart, d
}

func TestChartOfScalars(t *testing.T) {
	r := measured(t, result("e", "s", false, "a", "b", "c"), 2)
	c, d := chartOf(t, r, record.Figure{Name: "f", Title: "T", Kind: "bars", X: "clients", Y: "share", Series: "policy", Theory: "expected", LogY: true, LogX: true, YFormat: "percent"})
	if c.Kind != "bars" || c.Title != "T" || !c.Y.Log || !c.X.Log || c.Legend != "policy" || c.X.Label != "clients (n)" || c.Y.Label != "share (%)" {
		t.Errorf("chart %+v", c)
	}
	if len(c.Panels) != 1 || len(c.Panels[0].Series) != 3 {
		t.Fatalf("panels %+v", c.Panels)
	}
	p := c.Panels[0].Series[0].Points[0]
	if p.Y < 49.9 || p.Y > 50.1 || p.Lo != 40 || p.Hi < 59.9 || !p.Bare || p.Theory == nil || *p.Theory < 54.9 {
		t.Errorf("point %+v, theory %v; want 50 (40 to 60) and 55", p, p.Theory)
	}
	if gap := c.Panels[0].Series[1].Points[0]; gap.Missing != "not measured" || gap.Theory != nil {
		t.Errorf("gap %+v", gap)
	}
	if got := d.caption(); !strings.Contains(got, "Without a value: policy=b clients=1 (not measured).") {
		t.Errorf("caption %q", got)
	}
}

// What has no other beside it needs no legend.
func TestOneSeriesHasNoName(t *testing.T) {
	r := measured(t, result("e", "s", false, "a", "b"), 2)
	c, _ := chartOf(t, r, record.Figure{Kind: "bars", X: "policy", Y: "share"})
	if s := c.Panels[0].Series; len(s) != 1 || s[0].Name != "" || c.Legend != "" {
		t.Errorf("%d series, legend %q: %+v", len(s), c.Legend, s)
	}
}

func TestChartOfMembers(t *testing.T) {
	r := measured(t, result("e", "s", false, "a", "b"), 2)
	c, _ := chartOf(t, r, record.Figure{Kind: "members", Y: "load", Series: "policy"})
	p := c.Panels[0]
	if !slices.Equal(p.Categories, []string{"s1", "s2"}) || len(p.Series) != 2 {
		t.Fatalf("panel %+v", p)
	}
	if s2 := p.Series[0].Points[1]; s2.Y != 1.5 || s2.Lo != 1 || s2.Hi != 2 {
		t.Errorf("s2 %+v", s2)
	}
	if b := p.Series[1].Points; b[0].Missing != "not measured" || !b[1].Absent {
		t.Errorf("the group that is missing: %+v; want it said once", b)
	}
}

// A time line shows the first valid trial of each panel's cell that has it.
func TestChartOfSeries(t *testing.T) {
	r := measured(t, result("e", "s", false, "a", "b"), 2)
	r.Run.Metrics = append(r.Run.Metrics, record.Metric{Name: "acked", Kind: record.KindSeries, Unit: "1/10 ms"})
	for i, trial := range r.Trials[1:] {
		trial.Observation.SetSeries("acked", record.Series{
			Step: 0.01, From: -0.01, Lines: []record.Line{{Name: "s1", Values: []float64{float64(i), 0}}, {Name: "s2", Values: []float64{0, 7}}},
			Phases: []record.Phase{{Name: "epoch 1", From: -1, To: 0}},
		})
	}
	c, d := chartOf(t, r, record.Figure{Kind: "timeline", Y: "acked", Facet: "policy"})
	p := c.Panels[0]
	if c.X.Label != "time (s)" || c.Y.Label != "acked (1/10 ms)" || !slices.Equal(p.X, []float64{-0.01, 0}) || len(p.Series) != 2 {
		t.Fatalf("chart %+v", c)
	}
	if p.Title != "policy = a" || p.Series[1].Name != "s2" || p.Series[1].Points[1].Y != 7 || p.Bands[0] != (figure.Band{Name: "epoch 1", From: -1}) {
		t.Errorf("panel %+v", p)
	}
	if got := c.Panels[1].Series[0].Points[0].Missing; got != "not measured" {
		t.Errorf("the other panel says %q", got)
	}
	if got := d.caption(); !strings.Contains(got, "One trial each: policy=a clients=1: block 2.") {
		t.Errorf("caption %q", got)
	}
}

func TestNumericLevelsAreSorted(t *testing.T) {
	r := result("e", "s", false, "100", "10")
	measured(t, r)
	line, _ := chartOf(t, r, record.Figure{Kind: "lines", X: "policy", Y: "share"})
	if p := line.Panels[0]; !slices.Equal(p.Categories, []string{"10", "100"}) || !slices.Equal(p.X, []float64{10, 100}) {
		t.Errorf("lines over %q at %v", p.Categories, p.X)
	}
	bar, _ := chartOf(t, r, record.Figure{Kind: "bars", X: "policy", Y: "share"})
	if p := bar.Panels[0]; !slices.Equal(p.Categories, []string{"10", "100"}) || p.X != nil {
		t.Errorf("bars over %q at %v; want the order of the numbers, as categories", p.Categories, p.X)
	}
}

// facets: a sweep of two knobs and, as detail, one more cell.
func facets(t *testing.T, but ...int) *Result {
	t.Helper()
	r := laid(record.Run{Experiment: record.Experiment{
		Name: "e", System: "s",
		Core:    []record.Sweep{{{Knob: "policy", Levels: []string{"a", "b"}}, {Knob: "clients", Levels: []string{"1", "2"}}}},
		Detail:  []record.Sweep{{{Knob: "policy", Levels: []string{"c"}}, {Knob: "clients", Levels: []string{"3"}}}, {{Knob: "interval", Levels: []string{"1s", "2s"}}, {Knob: "policy", Levels: []string{"a"}}}},
		Figures: []record.Figure{{Series: "policy"}},
	}}, 2, 2, record.Values{"clients": "1", "interval": "100ms"})
	return measured(t, r, but...)
}

func TestFacetsAndCellsThatWereNeverPlanned(t *testing.T) {
	c, _ := chartOf(t, facets(t), record.Figure{Kind: "bars", X: "policy", Y: "share", Facet: "clients"})
	if len(c.Panels) != 3 || c.Panels[2].Title != "clients = 3" {
		t.Fatalf("panels %+v", c.Panels)
	}
	if p := c.Panels[2]; !slices.Equal(p.Categories, []string{"c"}) || len(p.Series[0].Points) != 1 || p.Series[0].Points[0].Absent {
		t.Errorf("of three policies one is planned at 3 clients: %+v", p)
	}
	c, _ = chartOf(t, facets(t), record.Figure{Kind: "bars", X: "clients", Y: "share", Series: "policy", Where: record.Where{"clients": {"1", "2"}}})
	if n := len(c.Panels[0].Series); n != 2 {
		t.Errorf("%d series; want none for a policy that has no cell here", n)
	}
}

// The cell at the default interval is meant, not those of the detail sweep,
// which have 1 client by default too.
func TestPickPrefersTheSweepOfTheNamedKnobs(t *testing.T) {
	r := facets(t)
	c, err := r.find([]string{"policy=a,clients=1"})
	if err != nil || c != r.cells[0] {
		t.Errorf("found %+v, %v", c, err)
	}
	if c, err = r.find([]string{"policy=a,interval=2s"}); err != nil || c != r.cells[6] {
		t.Errorf("found %+v, %v", c, err)
	}
	if _, err = r.find([]string{"policy=a"}); err == nil || !strings.Contains(err.Error(), "differ in clients, interval") {
		t.Errorf("policy=a: %v", err)
	}
	// A sweep that varies all the named knobs and another one is nearer than
	// one that varies fewer knobs, but not those.
	near := &cell{swept: []string{"a", "b", "c"}}
	far := &cell{swept: []string{"a"}}
	if got, err := pick([]*cell{far, near}, []string{"a", "b"}); got != near || err != nil {
		t.Errorf("picked %+v, %v", got, err)
	}
}

func TestNothingKnownIsStillAChart(t *testing.T) {
	c, _ := chartOf(t, facets(t, 6, 7), record.Figure{Kind: "bars", X: "interval", Y: "share", Series: "clients", Where: record.Where{"interval": {"1s"}}})
	if len(c.Panels) != 1 || c.Panels[0].Series[0].Points[0].Missing != "not measured" {
		t.Errorf("chart %+v", c)
	}
}

func TestLevelsAreInOrder(t *testing.T) {
	r := facets(t)
	for knob, want := range map[string][]string{"clients": {"1", "2", "3"}, "policy": {"a", "b", "c"}, "interval": {"100ms", "1s", "2s"}} {
		if got := r.levels(knob); !slices.Equal(got, want) {
			t.Errorf("levels of %s: %q, want %q", knob, got, want)
		}
	}
}

func TestSelectorsWithLists(t *testing.T) {
	r := &Result{Run: record.Run{KnobUnits: []record.KnobUnit{{Name: "capacity"}, {Name: "n"}}}}
	w, err := r.where([]string{"capacity=1,1,0.2,n=4"})
	if err != nil || w["capacity"][0] != "1,1,0.2" || w["n"][0] != "4" {
		t.Errorf("%v, %v", w, err)
	}
}

// A cell that the run did not plan leaves no empty row and no gap; asked for
// by name, it says why there is no number.
func TestCellsThatWereNotPlanned(t *testing.T) {
	r := measured(t, result("e", "s", false, "a", "b"), 2)
	r.cells[1].Blocks = 0
	c, d := chartOf(t, r, record.Figure{Kind: "bars", X: "policy", Y: "share"})
	if p := c.Panels[0]; !slices.Equal(p.Categories, []string{"a"}) || len(d.missing) != 0 {
		t.Errorf("bars over %q, missing %q", p.Categories, d.missing)
	}
	if r.leftOut(record.Figure{}) || !r.leftOut(record.Figure{Where: record.Where{"policy": {"b"}}}) {
		t.Error("a figure is left out when all of its cells are, and only then")
	}
	got, err := (&Experiment{Result: r}).Value("share", "policy=b")
	if err != nil || !strings.Contains(got, "not part of this run") {
		t.Errorf("%q, %v", got, err)
	}
}
