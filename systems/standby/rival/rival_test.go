package rival

import (
	"maps"
	"slices"
	"strings"
	"testing"
	"time"

	"dyno/bench/deposit"
	"dyno/bench/driver"
	"dyno/bench/rival"
	"dyno/internal/record"
	"dyno/systems"
	"dyno/systems/systemtest"
)

// toy is a system of nothing but its rival.
var toy = Arm().Join(systems.System{
	Name: "toy", Roles: Roles("toy"), Knobs: driver.Knobs("constant"), Metrics: driver.Metrics(record.Road{}),
})

func TestMain(m *testing.M) { systemtest.Main(m, systemtest.Run(toy)) }

// try measures one cell.
func try(t *testing.T, length time.Duration, values map[string]string) record.Observation {
	t.Helper()
	return systemtest.Try(t, toy, systems.Setting{Warmup: 100 * time.Millisecond, Length: length}, values)
}

// Redis keeps what it promises here, and who leaves out a part of that is found.
func TestSpeed(t *testing.T) {
	for want, values := range map[string]map[string]string{
		"":         {rival.Knob: Memory, knobClients: "4"},
		"settings": {rival.Knob: Durable, rival.KnobMutant: mutantNoFsync},
		"receipts": {rival.Knob: Durable, rival.KnobMutant: mutantNoWait},
	} {
		o := try(t, 300*time.Millisecond, values)
		if got := systemtest.Caught(o.Verdict); got != want || o.Counts.OK == 0 {
			t.Errorf("%v: caught by %q, want %q", values, got, want)
		}
	}
}

// So do etcd and PostgreSQL, where they are installed.
func TestOthers(t *testing.T) {
	if testing.Short() {
		t.Skip("takes seconds")
	}
	for _, c := range []struct{ rival, mutant, want string }{
		{Etcd, rival.None, ""},
		{Etcd, mutantNoWait, "receipts"},
		{Postgres, rival.None, ""},
		{Postgres, mutantNoWait, "receipts"},
		{Postgres, mutantNoFsync, "settings"},
	} {
		t.Run(c.rival+" "+c.mutant, func(t *testing.T) {
			o := try(t, 300*time.Millisecond, map[string]string{rival.Knob: c.rival, rival.KnobMutant: c.mutant, knobClients: "4"})
			if got := systemtest.Caught(o.Verdict); got != c.want || o.Counts.OK == 0 {
				t.Errorf("caught by %q, want %q", got, c.want)
			}
		})
	}
}

// After a pause the primary is another one, and writes go on.
func TestFailover(t *testing.T) {
	if testing.Short() {
		t.Skip("takes ten seconds")
	}
	o := try(t, leastWindow, map[string]string{rival.Knob: Memory, rival.KnobFault: faultPause, KnobWait: "off", knobClients: "1"})
	if systemtest.Caught(o.Verdict) != "" || o.Scalars["rival_outage_ms"] < 1000*downAfter.Seconds() {
		t.Errorf("%v, %v", systemtest.Caught(o.Verdict), o.Scalars)
	}
}

// The checks see what they are for.
func TestMutants(t *testing.T) {
	right := func() history {
		return history{
			Done: []deposit.Tally{{Sent: 5, Unknown: []int64{3}}, {Sent: 2}}, Wait: true, Durable: true, Receipts: 7,
			Servers: []server{{"primary", []int64{5, 2}, true, ""}, {"replica", []int64{4, 2}, true, ""}},
		}
	}
	if v := right().judge(); v.Status != record.Valid {
		t.Fatal(v.Reasons())
	}
	mutants := map[string]func(h *history){
		"deposits: lost":       func(h *history) { h.Servers[1].Balances[0] = 3 },
		"deposits: invented":   func(h *history) { h.Servers[0].Balances[1] = 3 },
		"deposits: none":       func(h *history) { h.Servers[0].Balances = nil },
		"receipts: not asked":  func(h *history) { h.Receipts = 5 },
		"settings: everysec":   func(h *history) { h.Servers[1].Durable = false },
		"settings: not wanted": func(h *history) { h.Durable = false },
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

func TestCount(t *testing.T) {
	lost, twice, foreign := count(deposit.Tally{Sent: 6, Unknown: []int64{4, 5}}, []int64{0, 1, 1, 3, 5, 9})
	if lost != 1 || twice != 1 || foreign != 1 {
		t.Errorf("%d lost, %d twice, %d foreign; want one of each", lost, twice, foreign)
	}
}
