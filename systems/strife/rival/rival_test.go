package rival

import (
	"maps"
	"slices"
	"strings"
	"testing"
	"time"

	"dyno/bench/driver"
	"dyno/bench/rival"
	"dyno/internal/record"
	"dyno/systems"
	"dyno/systems/systemtest"
)

// toy is a system of nothing but its rival.
var toy = Arm().Join(systems.System{
	Name: "toy", Roles: rival.Roles("toy"), Knobs: driver.Knobs("constant"), Metrics: append(driver.Metrics(record.Road{}), record.Metric{Name: forcedWrites, Kind: record.KindScalar, Unit: "syncs", Help: "of strife"}),
})

func TestMain(m *testing.M) { systemtest.Main(m, systemtest.Run(toy)) }

// PostgreSQL keeps what it promises here, whoever is killed; and who leaves out a
// part of that is found.
func TestTrials(t *testing.T) {
	for _, c := range []struct {
		want   string
		values map[string]string
	}{
		{"", map[string]string{rival.Knob: Local}},
		{"", map[string]string{rival.Knob: Two, rival.KnobFault: faultCluster}},
		{"durable", map[string]string{rival.Knob: Two, rival.KnobMutant: mutantNoFsync}},
		{"acknowledged", map[string]string{rival.Knob: Two, rival.KnobMutant: mutantNoLog, rival.KnobFault: faultCoordinator}},
	} {
		o := systemtest.Try(t, toy, systems.Setting{Warmup: 100 * time.Millisecond, Length: time.Second}, c.values)
		if got := systemtest.Caught(o.Verdict); got != c.want || o.Counts.OK == 0 {
			t.Errorf("%v: caught by %q, want %q", c.values, got, c.want)
		}
	}
}

// The audit sees what it is for.
func TestMutants(t *testing.T) {
	const whole = accounts * balance
	right := func() history {
		return history{
			Acked: []ack{{"1", 7, 8, 5}}, Connections: 1, Again: new(1),
			Clusters: []cluster{
				{Name: "a", Sum: whole - 5 + 3, Accounts: accounts, Syncs: 2, Legs: []leg{{"1", 7, -5}, {"2", 9, 3}}},
				{Name: "b", Sum: whole + 5 - 3, Accounts: accounts, Syncs: 2, Legs: []leg{{"1", 8, 5}, {"2", 9, -3}}},
			},
		}
	}
	if v := right().judge(); v.Status != record.Valid {
		t.Fatal(v.Reasons())
	}
	mutants := map[string]func(h *history){
		"conserved: money came":     func(h *history) { h.Clusters[0].Sum++ },
		"conserved: one balance":    func(h *history) { h.Clusters[1].Mismatched = 2 },
		"settled: in doubt":         func(h *history) { h.Clusters[1].InDoubt = 1 },
		"atomic: half":              func(h *history) { h.Clusters[1].Legs = h.Clusters[1].Legs[:1] },
		"atomic: twice":             func(h *history) { h.Clusters[0].Legs = append(h.Clusters[0].Legs, leg{"2", 9, 3}) },
		"atomic: another amount":    func(h *history) { h.Clusters[0].Legs[1].Amount = 4 },
		"acknowledged: not there":   func(h *history) { h.Acked = append(h.Acked, ack{"3", 1, 1, 1}) },
		"acknowledged: twice":       func(h *history) { h.Acked = append(h.Acked, h.Acked[0]) },
		"acknowledged: to another":  func(h *history) { h.Acked[0].To = 9 },
		"replayed: no answer":       func(h *history) { *h.Again = 0 },
		"durable: one never synced": func(h *history) { h.Clusters[1].Syncs = 0 },
	}
	for _, name := range slices.Sorted(maps.Keys(mutants)) {
		h := right()
		mutants[name](&h)
		check, _, _ := strings.Cut(name, ":")
		if got := systemtest.Caught(h.judge()); got != check {
			t.Errorf("%s: caught by %q", name, got)
		}
	}
}
