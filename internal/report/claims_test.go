package report

import (
	"fmt"
	"strings"
	"testing"

	"dyno/internal/record"
)

// claimRun has two cells, a and b, whose rates in each block are given.
func claimRun(t *testing.T, a, b []float64) *Result {
	t.Helper()
	r := laid(record.Run{
		Experiment: record.Experiment{Name: "x", Core: []record.Sweep{{{Knob: "policy", Levels: []string{"a", "b"}}}}},
		Metrics:    []record.Metric{{Name: "rate", Kind: record.KindScalar}, {Name: "theory", Kind: record.KindScalar}},
	}, 6, 6, nil)
	for i, rates := range [][]float64{a, b} {
		for block, rate := range rates {
			o := &record.Observation{Verdict: record.Judge(record.Pass("answers", 1))}
			o.Set("rate", rate)
			o.Set("theory", 100)
			tr := &record.Trial{ID: fmt.Sprintf("x-b%02d-c%03d", block+1, i+1), Block: block + 1, Cell: i + 1, Values: r.cells[i].Values, Observation: o}
			r.put(tr)
		}
	}
	return r
}

func TestClaims(t *testing.T) {
	six := []float64{100, 102, 98, 101, 99, 100}
	double := []float64{200, 210, 190, 205, 195, 200}
	for name, c := range map[string]struct {
		a, b    []float64
		claim   record.Claim
		want    Ruling
		because string
	}{
		"at least, above":    {six, double, record.Claim{Over: record.Values{"policy": "a"}, AtLeast: new(1.5)}, Supported, "2.0"},
		"at least, below":    {six, double, record.Claim{Over: record.Values{"policy": "a"}, AtLeast: new(3.0)}, Refuted, "2.0"},
		"at least, within":   {six, double, record.Claim{Over: record.Values{"policy": "a"}, AtLeast: new(2.0)}, Undecided, "2.0"},
		"at most, below":     {six, double, record.Claim{Over: record.Values{"policy": "a"}, AtMost: new(2.5)}, Supported, ""},
		"at most, above":     {six, double, record.Claim{Over: record.Values{"policy": "a"}, AtMost: new(1.5)}, Refuted, ""},
		"over theory":        {six, double, record.Claim{Theory: "theory", AtLeast: new(1.5)}, Supported, "2.0"},
		"the metric itself":  {six, double, record.Claim{AtMost: new(150.0)}, Refuted, "200"},
		"of deep":            {six, double, record.Claim{Over: record.Values{"policy": "a"}, AtLeast: new(3.0), Scale: "deep"}, NotJudged, "2.0"},
		"nothing":            {six, make([]float64, 6), record.Claim{AtMost: new(0.0)}, Supported, "(all 6 blocks)"},
		"nothing, but once":  {six, []float64{0, 0, 0, 3, 0, 0}, record.Claim{AtMost: new(0.0)}, Refuted, "above 0 in 1 of 6 blocks, up to 3"},
		"nothing, too few":   {six, []float64{0, 0, 3, 0}, record.Claim{AtMost: new(0.0)}, NotJudged, ""},
		"five blocks":        {six[:5], double[:5], record.Claim{Over: record.Values{"policy": "a"}, AtLeast: new(1.5)}, NotJudged, "("},
		"nothing measured":   {six, nil, record.Claim{Over: record.Values{"policy": "a"}, AtLeast: new(1.5)}, NotJudged, "no block"},
		"blocks do not meet": {nil, double, record.Claim{Over: record.Values{"policy": "a"}, AtLeast: new(1.5)}, NotJudged, "no block"},
	} {
		t.Run(name, func(t *testing.T) {
			r := claimRun(t, c.a, c.b)
			c.claim.Metric, c.claim.Where, c.claim.Claim = "rate", record.Values{"policy": "b"}, "b is fast"
			c.claim.Cell, c.claim.OverCell = 2, 1
			j := r.judge(c.claim)
			if j.ruling != c.want || !strings.Contains(j.evidence(), c.because) {
				t.Errorf("%s on %q, want %s on %q", j.ruling, j.evidence(), c.want, c.because)
			}
			r.Run.Experiment.Claims = []record.Claim{c.claim}
			refuted := (&Store{Results: []*Result{r}}).RefutedClaims([]string{"x", "none"})
			if (len(refuted) == 1) != (c.want == Refuted) {
				t.Errorf("refuted: %q", refuted)
			}
			if text := (&Experiment{Result: r}).Claims(); !strings.Contains(text, string(c.want)) || !strings.Contains(text, "b is fast") {
				t.Errorf("table:\n%s", text)
			}
		})
	}
}

// An objective is kept when every block keeps it, however few there are; one that
// nobody has shown to be kept is missed.
func TestObjectives(t *testing.T) {
	for name, c := range map[string]struct {
		b     []float64
		bound record.Claim
		want  Ruling
	}{
		"kept":         {[]float64{90}, record.Claim{AtMost: new(100.0)}, Supported},
		"kept by all":  {[]float64{90, 100, 80}, record.Claim{AtMost: new(100.0)}, Supported},
		"missed once":  {[]float64{90, 101, 80}, record.Claim{AtMost: new(100.0)}, Refuted},
		"too slow":     {[]float64{90, 101}, record.Claim{AtLeast: new(100.0)}, Refuted},
		"not measured": {nil, record.Claim{AtMost: new(100.0)}, Undecided},
		"of deep":      {[]float64{90, 101, 80}, record.Claim{AtMost: new(100.0), Scale: "deep"}, NotJudged},
		"deep, kept":   {[]float64{90}, record.Claim{AtMost: new(100.0), Scale: "deep"}, NotJudged},
		"deep, none":   {nil, record.Claim{AtMost: new(100.0), Scale: "deep"}, NotJudged},
	} {
		r := claimRun(t, nil, c.b)
		c.bound.Metric, c.bound.Where, c.bound.Cell, c.bound.Objective = "rate", record.Values{"policy": "b"}, 2, "rate < 100"
		if j := r.judge(c.bound); j.ruling != c.want {
			t.Errorf("%s: %s on %q, want %s", name, j.ruling, j.evidence(), c.want)
		}
		r.Run.Experiment.Claims = []record.Claim{c.bound}
		s := &Store{Results: []*Result{r}}
		none := c.want == Supported || c.want == NotJudged
		if missed := s.MissedObjectives([]string{"x"}); (len(missed) == 0) != none || len(s.RefutedClaims([]string{"x"})) > 0 {
			t.Errorf("%s: missed %q", name, missed)
		}
	}
	left := record.Claim{Objective: "rate < 100", Metric: "rate", Where: record.Values{"policy": "b"}, AtMost: new(100.0), Scale: "deep"}
	if j := claimRun(t, nil, nil).judge(left); j.ruling != NotJudged {
		t.Errorf("of a cell that only deep runs have: %s on %q", j.ruling, j.evidence())
	}
}

// Text shows a share in %, short times in ms, the bound in the same unit, and how
// many blocks there are where no interval says it; a finding prints every bound that
// was claimed of its figure.
func TestClaimsInWords(t *testing.T) {
	all := []float64{0.25, 0.25, 0.25, 0.25, 0.25, 0.25}
	most := append([]float64{0.1, 0.25, 0.9}, all...) // the interval of nine leaves the first and the last out
	for _, c := range []struct {
		unit, help, want string
		of               []float64
	}{
		{"1", "share of reads", "25 % of reads (all 6 blocks; ≥ 20 %: *supported*; ≥ 30 %: *refuted*)", all},
		{"s", "time", "250 ms of reads (all 6 blocks; ≥ 200 ms: *supported*; ≥ 300 ms: *refuted*)", all},
		{"MB", "size", "0.250 MB of reads (all 6 blocks; ≥ 0.2 MB: *supported*; ≥ 0.3 MB: *refuted*)", all},
		{"MB", "size", "0.250 MB of reads (all 2 blocks; ≥ 0.2 MB: *not judged*; ≥ 0.3 MB: *not judged*)", all[:2]},
		{"MB", "size", "0.250 MB of reads (one block; ≥ 0.2 MB: *not judged*; ≥ 0.3 MB: *not judged*)", all[:1]},
		{"MB", "size", "0.250 [0.250, 0.250] MB of reads (≥ 0.2 MB: *supported*; ≥ 0.3 MB: *refuted*)", most},
		{"1", "share of reads", "(no block supports it) (≥ 20 %: *not judged*; ≥ 30 %: *not judged*)", nil},
	} {
		r := claimRun(t, c.of, nil)
		r.Run.Metrics[0] = record.Metric{Name: "rate", Kind: record.KindScalar, Unit: c.unit, Help: c.help, Road: record.Road{Law: "both sides count"}}
		claim := record.Claim{Name: "low", Metric: "rate", Where: record.Values{"policy": "a"}, Cell: 1, AtLeast: new(0.2)}
		high := claim
		high.Name, high.AtLeast = "high", new(0.3)
		r.Run.Experiment.Claims = []record.Claim{claim, high}
		if got, err := (&Experiment{Result: r}).Claim("low", "of reads"); err != nil || got != c.want {
			t.Errorf("%q, %v; want %q", got, err, c.want)
		}
	}
}

// A system's page lists what is not supported, what is refuted first; the first page
// says what is refuted.
func TestClaimsThatFail(t *testing.T) {
	r := claimRun(t, []float64{95, 100, 105, 95, 100, 105}, nil)
	for name, least := range map[string]float64{"kept": 50, "open": 100, "missed": 200} {
		r.Run.Experiment.Claims = append(r.Run.Experiment.Claims, record.Claim{
			Name: name, Claim: "It is " + name + ".", Metric: "rate", Where: record.Values{"policy": "a"}, Cell: 1, AtLeast: new(least),
		})
	}
	text := (&part{results: []*Result{r}}).Claims()
	missed, open := strings.Index(text, "- **refuted**: It is missed."), strings.Index(text, "- **undecided**: It is open.")
	if missed < 0 || open < missed || strings.Contains(text, "kept") || !strings.Contains(text, "1 of 3 claims are supported") {
		t.Error(text)
	}
	against, err := (&overview{store: &Store{Results: []*Result{r}}}).Against()
	if err != nil || !strings.Contains(against, "It is missed.") || strings.Contains(against, "It is open.") {
		t.Error(against, err)
	}
}

// A rival is better where six blocks say so; of fewer it is only counted.
func TestRivalsThatAreBetter(t *testing.T) {
	ours, theirs := []float64{1, 1, 1, 1, 1, 1}, []float64{2, 2, 2, 2, 2, 2}
	for n, want := range map[int]string{6: "- **better than s**: them: rate 2", 5: "- 1 rival did better in fewer than six blocks"} {
		r := claimRun(t, ours[:n], theirs[:n])
		r.Run.Experiment.System, r.Run.Metrics[0].Better = "s", record.Higher
		r.Run.Experiment.Peers = []record.Peer{{Rival: "them", Metric: "rate", Where: record.Values{"policy": "b"}, Over: record.Values{"policy": "a"}}}
		against, err := (&overview{store: &Store{Results: []*Result{r}}}).Against()
		if err != nil || !strings.HasPrefix(against, want) || strings.Contains(against, "\n") {
			t.Errorf("%d blocks: %q, %v; want %q", n, against, err, want)
		}
	}
}

// A trial that is not valid is no evidence.
func TestClaimsIgnoreWhatIsNotValid(t *testing.T) {
	r := claimRun(t, []float64{1, 1, 1, 1, 1, 1}, []float64{2, 2, 2, 2, 2, 2})
	r.cells[1].trials[3].Observation.Verdict = record.Judge(record.Fail("answers", 1, "wrong"))
	j := r.judge(record.Claim{Metric: "rate", Where: record.Values{"policy": "b"}, Over: record.Values{"policy": "a"}, Cell: 2, OverCell: 1, AtLeast: new(1.5)})
	if j.ruling != NotJudged || !strings.Contains(j.evidence(), "all 5 blocks") {
		t.Errorf("%s on %q", j.ruling, j.evidence())
	}
}

// A claim is ruled on the cell that the planner took, though another one has
// the named level too and sweeps nothing else.
func TestClaimsAreRuledOnTheirCell(t *testing.T) {
	r := laid(record.Run{
		Experiment: record.Experiment{
			Name:   "x",
			Core:   []record.Sweep{{{Knob: "clients", Levels: []string{"1"}}, {Knob: "payload", Levels: []string{"16", "64"}}}},
			Detail: []record.Sweep{{{Knob: "payload", Levels: []string{"16"}}}},
			Claims: []record.Claim{{Name: "fast", Claim: "It is fast.", Metric: "rate", Where: record.Values{"payload": "16"}, AtLeast: new(10000.0)}},
		},
		Metrics: []record.Metric{{Name: "rate", Kind: record.KindScalar}},
	}, 6, 6, record.Values{"clients": "8"})
	for block := 1; block <= 6; block++ {
		for _, c := range r.cells {
			o := &record.Observation{Verdict: record.Judge(record.Pass("answers", 1))}
			o.Set("rate", map[string]float64{"1": 8842, "8": 22700}[c.Values["clients"]])
			r.put(&record.Trial{Block: block, Cell: c.Index, Values: c.Values, Observation: o})
		}
	}
	claim := r.Run.Experiment.Claims[0]
	if j := r.judge(claim); claim.Cell != 1 || j.ruling != Refuted || !strings.Contains(j.evidence(), "8842") {
		t.Errorf("cell %d: %s on %q; want refuted on 8842", claim.Cell, j.ruling, j.evidence())
	}
	v, err := r.view([]string{"payload"}, nil)
	if err != nil || v.at(record.Values{"payload": "16"}).Index != 1 || v.at(record.Values{"payload": "64"}).Index != 2 {
		t.Errorf("a figure over payload takes its cells from different sweeps: %+v, %v", v, err)
	}
	for _, index := range []int{0, 2, 4} { // none, one of 64 bytes, none
		claim.Cell = index
		if j := r.judge(claim); j.ruling != NotJudged || !strings.Contains(j.evidence(), "is not payload=16") {
			t.Errorf("cell %d: %s on %q", index, j.ruling, j.evidence())
		}
	}
}

// What the planner took for values is a core cell, though a detail sweep varies all
// that they name: a row on others' software is of that cell, too.
func TestMeantCell(t *testing.T) {
	r := laid(record.Run{Experiment: record.Experiment{
		Name: "x",
		Core: []record.Sweep{{{Knob: "policy", Levels: []string{"a", "b"}}}},
		Detail: []record.Sweep{{
			{Knob: "policy", Levels: []string{"a"}}, {Knob: "clients", Levels: []string{"100", "10"}}, {Knob: "interval", Levels: []string{"1s"}},
		}},
	}}, 6, 1, record.Values{"clients": "100", "interval": "100ms"})
	for index, v := range map[int]record.Values{1: {"policy": "a", "clients": "100"}, 4: {"policy": "a", "clients": "10"}} {
		if c := r.meant(v); c == nil || c.Index != index {
			t.Errorf("%v means %+v, want cell %d", v, c, index)
		}
	}
	if c := r.meant(record.Values{"policy": "c"}); c != nil {
		t.Errorf("a policy that is not there means %+v", c)
	}
}
