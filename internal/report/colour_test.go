package report

import (
	"testing"

	"dyno/internal/figure"
	"dyno/internal/record"
)

// result makes a run of a system with one sweep and one figure.
func result(name, system string, flagship bool, policies ...string) *Result {
	return laid(record.Run{Experiment: record.Experiment{
		Name: name, System: system, Flagship: flagship,
		Core:    []record.Sweep{{{Knob: "policy", Levels: policies}, {Knob: "clients", Levels: []string{"1"}}}},
		Figures: []record.Figure{{Series: "policy", X: "clients"}},
	}}, 2, 2, record.Values{"interval": "100ms"})
}

func TestOneColourPerLevel(t *testing.T) {
	a := result("a", "lookaside", false, "new", "round_robin", "pick_first")
	z := result("z", "lookaside", true, "pick_first", "round_robin")
	other := result("b", "byzantine", false, "round_robin")
	c := allot([]*Result{a, other, z})
	for _, r := range []*Result{a, z} {
		if got := c.of(r, "policy", "pick_first"); got != 0 { // the flagship chooses first
			t.Errorf("pick_first of %s has colour %d", r.Run.Experiment.Name, got)
		}
		if got := c.of(r, "policy", "round_robin"); got != 1 {
			t.Errorf("round_robin of %s has colour %d", r.Run.Experiment.Name, got)
		}
	}
	if got := c.of(a, "policy", "new"); got != 2 {
		t.Errorf("new has colour %d", got)
	}
	if got := c.of(other, "policy", "round_robin"); got != 0 {
		t.Errorf("another system's round_robin has colour %d", got)
	}
	if got := c.of(a, "clients", "1"); got != figure.Neutral {
		t.Errorf("a knob that is no series has colour %d", got)
	}
}

// When the palette comes round again, two levels of one experiment do not share a
// colour as long as there is another.
func TestLevelsOfOneExperimentDiffer(t *testing.T) {
	var many []string
	for i := range figure.Colours {
		many = append(many, string(rune('a'+i)))
	}
	first, second := result("first", "lookaside", true, many...), result("second", "lookaside", false, "b", "new", "a")
	c := allot([]*Result{first, second})
	if got := c.of(second, "policy", "new"); got != figure.Colours+2 { // not a's, nor b's
		t.Errorf("new has colour %d", got)
	}
	all := result("all", "lookaside", true, append(many, "x", "y")...)
	c = allot([]*Result{all})
	if x, y := c.of(all, "policy", "x"), c.of(all, "policy", "y"); x != figure.Colours || y != figure.Colours+1 {
		t.Errorf("x and y have colours %d and %d", x, y)
	}
}

func TestPlaces(t *testing.T) {
	for _, c := range []struct {
		in      []string
		sorted  string
		numbers []float64
	}{
		{[]string{"100", "10", "1.5"}, "1.5", []float64{1.5, 10, 100}},
		{[]string{"1s", "20ms"}, "20ms", []float64{20, 1000}},
		{[]string{"1", "x"}, "1", nil},
		{[]string{"1", "inf"}, "1", nil},
		{[]string{"1", "2s"}, "1", nil},
	} {
		sorted, numbers, ok := numeric(c.in)
		if ok != (c.numbers != nil) || sorted[0] != c.sorted || len(numbers) != len(c.numbers) {
			t.Errorf("numeric(%q) = %q, %v, %v", c.in, sorted, numbers, ok)
			continue
		}
		for i, n := range c.numbers {
			if numbers[i] != n {
				t.Errorf("numeric(%q) = %v", c.in, numbers)
			}
		}
	}
}

func TestMetricWords(t *testing.T) {
	for want, m := range map[string]measure{
		"throughput (req/s)":   {of: record.Metric{Name: "throughput_rps", Unit: "req/s"}, unit: "req/s"},
		"theory mean (ms)":     {of: record.Metric{Name: "theory_mean_ms", Unit: "ms"}, unit: "ms"},
		"response p99 (ms)":    {of: record.Metric{Name: "response", Unit: "ns"}, stat: "p99", unit: "ms"},
		"CPU per request (µs)": {of: record.Metric{Name: "cpu_us_per_request", Unit: "µs"}, unit: "µs"},
		"rate (MB/s)":          {of: record.Metric{Name: "mb_per_s", Unit: "MB/s"}, unit: "MB/s"},
		"values":               {of: record.Metric{Name: "values", Unit: "values"}, unit: "values"},
		"jain requests":        {of: record.Metric{Name: "jain_requests", Unit: "1"}},
		"rps (req/s)":          {of: record.Metric{Name: "rps", Unit: "req/s"}, unit: "req/s"},
		"busy ms (s)":          {of: record.Metric{Name: "busy_ms", Unit: "s"}, unit: "s"}, // never hide a contradiction
	} {
		if got := m.label(); got != want {
			t.Errorf("got %q, want %q", got, want)
		}
	}
}

func TestTidyLeavesCodeAlone(t *testing.T) {
	in := "\n\na  \n\n\n\nb\n```\nx  \n\n\ny\n```\n\n\n"
	want := "a\n\nb\n```\nx  \n\n\ny\n```\n"
	if got := tidy(in); got != want {
		t.Errorf("got %q, want %q", got, want)
	}
}
