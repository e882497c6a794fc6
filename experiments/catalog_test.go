package experiments

import (
	"context"
	"errors"
	"os"
	"strings"
	"testing"
	"time"

	"dyno/internal/record"
	"dyno/systems"
)

// toy is a system that no process backs: files and plans need only its names.
func toy() *systems.System {
	return &systems.System{
		Name:    "toy",
		Summary: "a system for tests",
		Knobs: systems.Knobs{
			{Name: "policy", Default: "a", Help: "which", Type: systems.Choice{"a", "b", "c"}},
			{Name: "clients", Default: "8", Help: "how many", Type: systems.Int{Min: 1, Max: 100}},
			{Name: "pause", Default: "20ms", Help: "how long", Type: systems.Duration{Min: 0, Max: time.Minute}},
		},
		Metrics: []record.Metric{
			{Name: "rate_rps", Kind: record.KindScalar, Unit: "req/s", Better: record.Higher, Help: "rate"},
			{Name: "response", Kind: record.KindHistogram, Unit: "ms", Better: record.Lower, Help: "response"},
			{Name: record.ErrorShare, Kind: record.KindScalar, Unit: "1", Help: "errors"},
			{Name: "share", Kind: record.KindVector, Unit: "1", Help: "share"},
		},
		Trial: func(context.Context, systems.Bench, systems.Values) (record.Observation, error) {
			return record.Observation{}, errors.New("not run here")
		},
		TimeConstant: func(v systems.Values) time.Duration { return time.Duration(v.Int("clients")) * 10 * time.Millisecond },
	}
}

func catalog() Catalog {
	return Catalog{Systems: []*systems.System{toy()}, FigureKinds: map[string]record.Kind{"bars": record.KindScalar, "members": record.KindVector}}
}

const good = `name: toy-rates
title: Rates
question: Which is fastest?
system: toy
flagship: true
load: {loop: closed}
knobs: {pause: 20ms}
core:
  - policy: [a, b]
    clients: [1, 10]
detail:
  - policy: [c]
    clients: [50]
scales:
  quick: {blocks: 2, length: 1s, warmup: 100ms, budget: 1m}
  full: {blocks: 6, detail-blocks: 2, length: 5s, warmup: 1s}
  deep: {blocks: 12, detail-blocks: 4, length: 20s, warmup: 1s}
figures:
  - {name: rate, title: Rate, kind: bars, x: clients, y: rate_rps, series: policy}
  - {name: share, title: Share, kind: members, y: share, series: policy, where: {clients: [10]}}
tables:
  - {name: overview, title: Overview, rows: [policy, clients], columns: [rate_rps, response.p99]}
claims:
  - {name: faster, claim: b is faster, metric: rate_rps, where: {policy: b, clients: 10}, over: {policy: a, clients: 10}, at-least: 1.1}
`

func read(t *testing.T, text string) (*Experiment, error) {
	t.Helper()
	return catalog().Read("toy-rates.yaml", []byte(text))
}

func TestReadGood(t *testing.T) {
	e, err := read(t, good)
	if err != nil {
		t.Fatal(err)
	}
	if got := e.Core[0][0].Knob + " " + e.Core[0][1].Knob; got != "policy clients" {
		t.Errorf("factors in order %q, want that of the file", got)
	}
	if e.System.Name != "toy" || float64(e.Scales["quick"].Warmup) != 0.1 {
		t.Errorf("read %+v", e)
	}
}

// What a search leaves out is filled in, and its probes are planned for.
func TestReadSearch(t *testing.T) {
	e, err := read(t, strings.Replace(good, "loop: closed", "loop: search, p99-below: 50ms, from: 100, to: 2000, probes: 10", 1))
	if err != nil {
		t.Fatal(err)
	}
	if want := (record.Load{Loop: "search", P99Below: 0.05, From: 100, To: 2000, Precision: 0.05, Probes: 10}); e.Load != want {
		t.Errorf("load %+v, want %+v", e.Load, want)
	}
	p, err := NewPlan(e, Selection{Scale: "quick", Seed: 1, Blocks: 1})
	if err != nil {
		t.Fatal(err)
	}
	if c := p.Cells[0]; c.cost() != trialOverhead+10*(c.Warmup+c.Length) {
		t.Errorf("%d probes of %v and %v cost %v", c.Probes, c.Warmup, c.Length, c.cost())
	}
}

// Figures, tables and claims may be relative to a yardstick of the same unit.
func TestReadRelative(t *testing.T) {
	text := strings.ReplaceAll(good, "y: rate_rps", "y: rate_rps per grpc_rps")
	text = strings.ReplaceAll(text, "[rate_rps, response.p99]", "[rate_rps per tcp_rps, response.p99 per grpc_p50_us]")
	text = strings.ReplaceAll(text, "metric: rate_rps", "metric: rate_rps per grpc_rps")
	if _, err := read(t, text); err != nil {
		t.Error(err)
	}
}

// A claim that waits for scale deep may be about a detail cell.
func TestReadClaimAtDeep(t *testing.T) {
	text := strings.Replace(good, "where: {policy: b, clients: 10}", "where: {policy: c, clients: 50}", 1)
	e, err := read(t, strings.Replace(text, "at-least: 1.1", "at-least: 1.1, scale: deep", 1))
	if err != nil {
		t.Fatal(err)
	}
	if c := e.Claims[0]; c.Scale != "deep" || c.Cell != 5 || c.OverCell == 0 {
		t.Errorf("%+v", c)
	}
}

// An objective is read as one claim for each bound; the errors that it permits
// make no trial invalid.
func TestReadObjective(t *testing.T) {
	const slo = "  - {name: slo, objective: p99 < 250ms and errors < 2 %, where: {policy: a, clients: 1}}\n"
	e, err := read(t, good+slo)
	if err != nil {
		t.Fatal(err)
	}
	if len(e.Claims) != 3 || e.Allowed() != 0.02 {
		t.Fatalf("%d claims, %v failures allowed", len(e.Claims), e.Allowed())
	}
	for i, want := range []string{"slo-p99 response.p99 p99 < 250ms", "slo-errors error_share errors < 2 %"} {
		c := e.Claims[i+1]
		if got := c.Name + " " + c.Metric + " " + c.Objective; got != want || c.Claim == "" || c.AtMost == nil || c.Cell != 1 {
			t.Errorf("%+v; want %s", c, want)
		}
	}
	for text, want := range map[string]string{
		strings.Replace(slo, "250ms", "250", 1):                                       "250",
		strings.Replace(slo, "objective:", "metric: rate_rps, objective:", 1):         "not both",
		strings.Replace(slo, "p99 <", "rate > 5/s and p99 <", 1):                      "throughput_rps",
		strings.Replace(slo, "clients: 1}", "clients: 3}", 1):                         "3",
		slo + "max-failures: 1%\n":                                                    "raise max-failures",
		slo + strings.Replace(slo, "p99 < 250ms and errors < 2 %", "errors < 1 %", 1): "given twice",
	} {
		if _, err := read(t, good+text); err == nil || !strings.Contains(err.Error(), want) || !strings.Contains(err.Error(), "toy-rates.yaml:") {
			t.Errorf("%s: %v; want a line and %q", text, err, want)
		}
	}
}

// Each mistake is named with its line, and what is allowed instead.
func TestReadMistakes(t *testing.T) {
	for name, c := range map[string]struct {
		old, new string
		want     []string
	}{
		"unknown key":          {"question:", "qestion:", []string{"toy-rates.yaml:3:", `"qestion"`, "question"}},
		"unknown nested key":   {"blocks: 2, length", "blcks: 2, length", []string{":15:", `"blcks"`, "blocks"}},
		"key twice":            {"title: Rates", "title: Rates\ntitle: Again", []string{":3:", `"title" is given twice`, "line 2"}},
		"wrong type":           {"blocks: 2,", "blocks: many,", []string{":15:", "many"}},
		"window of nothing":    {"length: 1s", "length: 1ns", []string{":15:", "length 1ns: give 1ms to 1000h0m0s"}},
		"window for ever":      {"length: 1s", "length: 2000000h", []string{":15:", "length 2000000h0m0s: give 1ms to 1000h0m0s"}},
		"warm-up for ever":     {"warmup: 100ms", "warmup: 2000000h", []string{":15:", "warmup 2000000h0m0s: give 0s to 1000h0m0s"}},
		"bad duration":         {"length: 1s", "length: soon", []string{":15:", "soon", "300ms"}},
		"unknown system":       {"system: toy", "system: tyo", []string{":4:", `"tyo"`, "toy"}},
		"unknown knob":         {"knobs: {pause: 20ms}", "knobs: {pose: 20ms}", []string{":7:", `"pose"`, "pause"}},
		"unknown swept knob":   {"  - policy: [a, b]", "  - polcy: [a, b]", []string{":9:", `"polcy"`, "policy"}},
		"unknown level":        {"[a, b]", "[a, z]", []string{":9:", `"z"`, "one of a, b, c"}},
		"level out of range":   {"[1, 10]", "[1, 1000]", []string{":10:", "1000", "from 1 to 100"}},
		"level twice":          {"[1, 10]", "[10, 10]", []string{":10:", "twice"}},
		"cell twice":           {"  - policy: [c]\n    clients: [50]", "  - policy: [a]\n    clients: [10]", []string{"policy=a clients=10", "twice"}},
		"fixed and swept":      {"knobs: {pause: 20ms}", "knobs: {policy: a}", []string{":9:", "both"}},
		"no core":              {"core:\n  - policy: [a, b]\n    clients: [1, 10]\n", "", []string{"core", "missing"}},
		"core is no list":      {"core:\n  - policy: [a, b]\n    clients: [1, 10]\n", "core: {policy: [a]}\n", []string{":8:", "core: want a list"}},
		"name differs":         {"name: toy-rates", "name: toy-other", []string{":1:", "toy-other"}},
		"name like procs":      {"name: toy-rates", "name: toy-4", []string{":1:", "not a number"}},
		"no question":          {"question: Which is fastest?", "question: ''", []string{":3:", "question"}},
		"unknown loop":         {"loop: closed", "loop: opne", []string{":6:", "closed"}},
		"bound without search": {"loop: closed", "loop: open, p99-below: 1s", []string{":6:", "belong to loop search"}},
		"search for nothing":   {"loop: closed", "loop: search, from: 100", []string{":6:", "needs p99-below"}},
		"search from nowhere":  {"loop: closed", "loop: search, p99-below: 1s, from: .nan, to: 100", []string{":6:", "from: .nan"}},
		"bound of NaN":         {"at-least: 1.1", "at-least: .nan", []string{":24:", "at-least: .nan"}},
		"bound of Inf":         {"at-least: 1.1", "at-most: 1e999", []string{":24:", "1e999"}},
		"search backwards":     {"loop: closed", "loop: search, p99-below: 1s, from: 200, to: 100", []string{":6:", "from 200 to 100"}},
		"search too coarse":    {"loop: closed", "loop: search, p99-below: 1s, from: 200, to: 300, precision: 5", []string{":6:", "precision is 5"}},
		"search too short":     {"loop: closed", "loop: search, p99-below: 1s, from: 20, to: 300", []string{"p99 takes 100"}},
		"search without bound": {"loop: closed", "loop: search, p99_below: 1s, from: 20, to: 300", []string{":6:", "p99-below"}},
		"unknown scale":        {"  deep:", "  depe:", []string{"depe", "deep"}},
		"missing scale":        {"  deep: {blocks: 12, detail-blocks: 4, length: 20s, warmup: 1s}\n", "", []string{"deep", "missing"}},
		"too many controls":    {"detail-blocks: 2", "control-blocks: 7", []string{":16:", "control-blocks"}},
		"too many details":     {"detail-blocks: 2", "detail-blocks: 7", []string{":16:", "detail-blocks"}},
		"scale keeps no level": {"budget: 1m", "budget: 1m, only: {policy: [d]}", []string{":15:", `"d"`}},
		"unknown figure kind":  {"kind: bars", "kind: pie", []string{":19:", `"pie"`, "bars, members"}},
		"unknown metric":       {"y: rate_rps", "y: rate_rsp", []string{":19:", `"rate_rsp"`, "rate_rps"}},
		"vector as a bar":      {"y: rate_rps", "y: share", []string{":19:", `"share"`}},
		"bare histogram":       {"response.p99]", "response]", []string{":22:", "response.p99"}},
		"figure over nothing":  {"x: clients", "x: pause", []string{":19:", `"pause"`, "policy, clients"}},
		"where off the sweep":  {"where: {clients: [10]}", "where: {clients: [11]}", []string{":20:", `"11"`, "1, 10, 50"}},
		"claim, no bound":      {", at-least: 1.1", "", []string{":24:", "one of them"}},
		"claim, no cell":       {"where: {policy: b, clients: 10}", "where: {policy: b}", []string{":24:", "{policy: b} names 2 core cells, want exactly one: give a level of clients, too"}},
		"claim, nothing":       {"where: {policy: b, clients: 10}", "where: {}", []string{":24:", "where: {} names 4 core cells", "give a level of clients, policy, too"}},
		"placement, a list":    {"loop: closed}", "loop: closed}\nplacement: []", []string{":7: placement: want spread, pack, apart, or {ROLE"}},
		"placement, a word":    {"loop: closed}", "loop: closed}\nplacement: heap", []string{`:7: placement: "heap": want`}},
		"placement, machine 0": {"loop: closed}", "loop: closed}\nplacement: {server: [0]}", []string{":7: placement: server: name at least one"}},
		"claim on a detail":    {"where: {policy: b, clients: 10}", "where: {policy: c, clients: 50}", []string{":24:", "{clients: 50, policy: c} names 0 core cells"}},
		"claim, scale":         {"at-least: 1.1", "at-least: 1.1, scale: dep", []string{":24:", `"dep"`, "deep"}},
		"claim, metric":        {"metric: rate_rps", "metric: rate", []string{":24:", `"rate"`, "rate_rps"}},
		"claim, level":         {"over: {policy: a,", "over: {policy: q,", []string{":24:", `"q"`}},
		"claim, both":          {"at-least: 1.1", "at-least: 1.1, theory: rate_rps", []string{":24:", "not both"}},
		"claim, key":           {"at-least: 1.1", "atleast: 1.1", []string{":24:", `"atleast"`, "at-least"}},
		"not a mapping":        {good, "- a\n- b\n", []string{"not an experiment"}},
		"tabs":                 {good, "name: a\n\tb: c\n", []string{":2:", "lines are indented with blanks, not tabs"}},
		"not yaml":             {good, "a: [", []string{"toy-rates.yaml"}},
		"unknown yardstick":    {"columns: [rate_rps,", "columns: [rate_rps per grpc_rsp,", []string{"table overview", `"grpc_rsp"`, "grpc_rps"}},
		"yardstick unit":       {"columns: [rate_rps,", "columns: [rate_rps per grpc_cpu_us,", []string{"table overview", "one unit"}},
		"members per":          {"y: share,", "y: share per grpc_rps,", []string{"figure share", "only a scalar"}},
		"unknown metric per":   {"columns: [rate_rps,", "columns: [rte_rps per grpc_rps,", []string{"table overview", `"rte_rps"`}},
		"claim per":            {"metric: rate_rps", "metric: rate_rps per tcp_cpu_us", []string{"claim faster", "one unit"}},
	} {
		t.Run(name, func(t *testing.T) {
			text := strings.Replace(good, c.old, c.new, 1)
			if text == good {
				t.Fatal("the mistake is not in the file")
			}
			_, err := read(t, text)
			if err == nil {
				t.Fatal("read without an error")
			}
			if !systems.IsUsage(err) {
				t.Errorf("not a usage error: %v", err)
			}
			for _, w := range c.want {
				if !strings.Contains(err.Error(), w) {
					t.Errorf("%q does not contain %q", err, w)
				}
			}
		})
	}
}

func TestOpen(t *testing.T) {
	path := t.TempDir() + "/toy-rates.yaml"
	if err := os.WriteFile(path, []byte(good), 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := catalog().Open(path); err != nil {
		t.Error(err)
	}
	for _, word := range []string{"lb-polices", t.TempDir() + "/none.yaml"} {
		if _, err := catalog().Open(word); !systems.IsUsage(err) {
			t.Errorf("Open(%q) = %v, want a usage error", word, err)
		}
	}
}
