package record_test

import (
	"encoding/json"
	"math"
	"testing"

	"dyno/internal/record"
)

func yardsticks() *record.Yardsticks {
	y := &record.Yardsticks{Values: make(map[string]float64), Checked: 10}
	for i, m := range record.YardstickMetrics {
		y.Values[m.Name] = float64(i + 1)
	}
	return y
}

func TestYardsticksConform(t *testing.T) {
	if err := yardsticks().Conform(); err != nil {
		t.Fatal(err)
	}
	for name, spoil := range map[string]func(*record.Yardsticks){
		"absent":     func(y *record.Yardsticks) { delete(y.Values, record.TCPCPU) },
		"zero":       func(y *record.Yardsticks) { y.Values[record.GRPCCPU] = 0 },
		"negative":   func(y *record.Yardsticks) { y.Values[record.GRPCCPU] = -1 },
		"infinite":   func(y *record.Yardsticks) { y.Values[record.GRPCCPU] = math.Inf(1) },
		"NaN":        func(y *record.Yardsticks) { y.Values[record.GRPCCPU] = math.NaN() },
		"undeclared": func(y *record.Yardsticks) { y.Values["x"] = 1 },
		"unproved":   func(y *record.Yardsticks) { y.Checked = 0 },
	} {
		y := yardsticks()
		spoil(y)
		if y.Conform() == nil {
			t.Errorf("%s: conforms", name)
		}
	}
}

func TestPer(t *testing.T) {
	for text, want := range map[string][2]string{
		"cpu per grpc_cpu_us":      {"cpu", "grpc_cpu_us"},
		"response.p50 per tcp_rps": {"response.p50", "tcp_rps"},
		"cpu_us_per_request":       {"cpu_us_per_request", ""},
	} {
		base, yard, ok := record.Per(text)
		if base != want[0] || yard != want[1] || ok != (want[1] != "") {
			t.Errorf("Per(%q) = %q %q %v", text, base, yard, ok)
		}
	}
}

// Results of before there were yardsticks stay readable; each trial gets those
// of its own block.
func TestAttach(t *testing.T) {
	var r record.Run
	if err := json.Unmarshal([]byte(`{"blocks": [{"block": 1, "load_before": 1}, {"block": 2, "yardsticks": {"values": {"tcp_rps": 5}, "checked": 1}}]}`), &r); err != nil {
		t.Fatal(err)
	}
	trials := []*record.Trial{{Block: 2}, {Block: 1}, {Block: 3}}
	r.Attach(trials)
	if y := trials[0].Yardsticks; y == nil || y.Values["tcp_rps"] != 5 || trials[1].Yardsticks != nil || trials[2].Yardsticks != nil {
		t.Errorf("attached %v %v %v", y, trials[1].Yardsticks, trials[2].Yardsticks)
	}
}

func TestControlCaught(t *testing.T) {
	c := record.Control{Name: "x", CaughtBy: "payload"}
	trial := func(checks ...record.Check) *record.Trial {
		return &record.Trial{Observation: &record.Observation{Verdict: record.Judge(checks...)}}
	}
	if !c.Caught(trial(record.Pass("a", 1), record.Fail("payload", 1, "wrong"))) {
		t.Error("a caught control is not")
	}
	for name, tr := range map[string]*record.Trial{
		"valid":         trial(record.Pass("payload", 1)),
		"unknown":       trial(record.Doubt("payload", 1, "who knows")),
		"another check": trial(record.Fail("numbers", 1, "wrong"), record.Pass("payload", 1)),
		"error":         {Error: "it did not start"},
	} {
		if c.Caught(tr) {
			t.Errorf("%s: caught", name)
		}
	}
}
