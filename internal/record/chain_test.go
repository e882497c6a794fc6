package record_test

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"reflect"
	"slices"
	"strings"
	"testing"

	"dyno/internal/record"
)

// sealedLines is a chain of five trials.
func sealedLines(t *testing.T) (lines [][]byte, head record.Head) {
	t.Helper()
	head = record.NewHead("x")
	for i := range 5 {
		o := &record.Observation{Verdict: record.Judge(record.Pass("answers", 1))}
		o.Set("rate_rps", 100.5+float64(i))
		o.Flag("busy", "%d others", i)
		o.Counts, o.Failures = record.Counts{Sent: 3, OK: 2, Failed: 1}, &record.Failures{Sent: 3, Failed: 1}
		line, next, err := head.Add(&record.Trial{ID: fmt.Sprintf("x-b01-c%03d", i+1), Block: 1, Cell: i + 1, Observation: o})
		if err != nil {
			t.Fatal(err)
		}
		lines, head = append(lines, line), next
	}
	return lines, head
}

func TestChain(t *testing.T) {
	lines, head := sealedLines(t)
	text := bytes.Join(lines, nil)
	for name, c := range map[string]struct {
		head record.Head
		text []byte
	}{
		"as it was":               {head, text},
		"run.json lags behind":    {record.Head{}, text},
		"no newline at the end":   {head, bytes.TrimSuffix(text, []byte("\n"))},
		"nothing in run.json yet": {record.NewHead("x"), text},
	} {
		if name == "run.json lags behind" {
			var third record.Trial
			if err := json.Unmarshal(lines[2], &third); err != nil {
				t.Fatal(err)
			}
			c.head = record.Head{Trials: 3, Seal: third.Seal}
		}
		got := readChain(t, "x", c.head, c.text)
		if len(got.Trials) != 5 || got.Head != head || got.End != int64(len(c.text)) || got.Torn != 0 || len(got.Broken)+len(got.Garbage) != 0 {
			t.Errorf("%s: %+v", name, got)
		}
	}
	if got := readChain(t, "other", record.NewHead("other"), text); len(got.Broken) != 1 || !strings.HasPrefix(got.Broken[0], "1: does not follow") {
		t.Errorf("another experiment's file: %q", got.Broken)
	}
}

// Whatever is changed in a sealed file is found, with its line; what is only
// added by accident, or torn, costs nothing else.
func TestChainFinds(t *testing.T) {
	lines, head := sealedLines(t)
	edited := func(i int, old, now string) [][]byte {
		out := slices.Clone(lines)
		out[i] = bytes.Replace(out[i], []byte(old), []byte(now), 1)
		return out
	}
	swap := slices.Clone(lines)
	swap[1], swap[2] = swap[2], swap[1]
	cells := edited(1, `"cell":2`, `"cell":3`)
	cells[2] = bytes.Replace(lines[2], []byte(`"cell":3`), []byte(`"cell":2`), 1)
	forged, _, err := head.Add(&record.Trial{ID: "forged"})
	if err != nil {
		t.Fatal(err)
	}
	for name, c := range map[string]struct {
		lines   [][]byte
		trials  int
		broken  []string // how the messages begin
		garbage []string
		torn    int
	}{
		"an edited number":        {lines: edited(2, "102.5", "192.5"), trials: 4, broken: []string{"3: the content"}},
		"a space":                 {lines: edited(2, `"cell":`, `"cell": `), trials: 4, broken: []string{"3: the content"}},
		"an edited seal":          {lines: edited(2, `"seal":"`, `"seal":"0`), trials: 4, broken: []string{"3: the content", "4: does not follow"}},
		"two swapped cells":       {lines: cells, trials: 3, broken: []string{"2: the content", "3: the content"}},
		"two swapped lines":       {lines: swap, trials: 5, broken: []string{"2: does not", "3: does not", "4: does not"}},
		"a removed line":          {lines: slices.Delete(slices.Clone(lines), 2, 3), trials: 4, broken: []string{"3: does not follow"}},
		"the first removed":       {lines: lines[1:], trials: 4, broken: []string{"1: does not follow"}},
		"the last removed":        {lines: lines[:4], trials: 4, broken: []string{"5: run.json counts 5"}},
		"the last two removed":    {lines: lines[:3], trials: 3, broken: []string{"4: run.json counts 5"}},
		"all removed":             {broken: []string{"1: run.json counts 5"}},
		"a line twice":            {lines: slices.Insert(slices.Clone(lines), 2, lines[1]), trials: 5, broken: []string{"3: does not", "3: trial x-b01-c002 was given in line 2"}},
		"garbage in between":      {lines: slices.Insert(slices.Clone(lines), 2, []byte("\x00\x01{\n")), trials: 5, garbage: []string{"3: not a trial"}},
		"a trial without a seal":  {lines: slices.Insert(slices.Clone(lines), 2, []byte("{\"id\":\"x-b01-c009\"}\n")), trials: 5, garbage: []string{"3: not a sealed"}},
		"garbage at the end":      {lines: append(slices.Clone(lines), []byte("garbage\n")), trials: 5, garbage: []string{"6: not a trial"}},
		"a trial made garbage":    {lines: edited(2, `{"id"`, `#"id"`), trials: 4, garbage: []string{"3: not a trial"}, broken: []string{"3: held a sealed"}},
		"two lines run together":  {lines: edited(1, "}\n", "}"), trials: 3, garbage: []string{"2: not a trial"}, broken: []string{"2: held a sealed"}},
		"the last cut short":      {lines: append(slices.Clone(lines[:4]), lines[4][:50]), trials: 4, torn: 5},
		"a new one cut short":     {lines: append(slices.Clone(lines), forged[:50]), trials: 5, torn: 6},
		"cut short, one too many": {lines: append(slices.Clone(lines[:3]), lines[4][:50]), trials: 3, torn: 4, broken: []string{"5: run.json counts 5"}},
	} {
		got := readChain(t, "x", head, bytes.Join(c.lines, nil))
		if len(got.Trials) != c.trials || got.Torn != c.torn || !begin(got.Broken, c.broken) || !begin(got.Garbage, c.garbage) {
			t.Errorf("%s: %d trials, torn %d, broken %q, garbage %q", name, len(got.Trials), got.Torn, got.Broken, got.Garbage)
		}
	}
}

func begin(got, want []string) bool { return slices.EqualFunc(got, want, strings.HasPrefix) }

// Yardsticks of a block that was measured in two goes are those of the go.
func TestAttachOfResumedBlocks(t *testing.T) {
	at := func(minute string) string { return `"started": "2026-01-01T00:0` + minute + `:00Z"` }
	var r record.Run
	if err := json.Unmarshal([]byte(`{"blocks": [{"block": 1, `+at("1")+`, "yardsticks": {"values": {"tcp_rps": 1}}}, {"block": 1, `+at("3")+
		`, "yardsticks": {"values": {"tcp_rps": 2}}}, {"block": 1, `+at("5")+`}]}`), &r); err != nil {
		t.Fatal(err)
	}
	var trials []*record.Trial
	for _, minute := range []string{"2", "4"} {
		tr := &record.Trial{Block: 1}
		if err := json.Unmarshal([]byte("{"+at(minute)+"}"), tr); err != nil {
			t.Fatal(err)
		}
		trials = append(trials, tr)
	}
	r.Attach(trials)
	if trials[0].Yardsticks.Values["tcp_rps"] != 1 || trials[1].Yardsticks.Values["tcp_rps"] != 2 || len(r.Blocks) != 2 {
		t.Errorf("%v %v, %d blocks", trials[0].Yardsticks, trials[1].Yardsticks, len(r.Blocks))
	}
}

// An edited claim, unit or cell of run.json is found; another order of keys or
// other blanks are no edit.
func TestRunIsSealed(t *testing.T) {
	bound := 10.0
	r := &record.Run{
		Experiment: record.Experiment{Name: "x", Claims: []record.Claim{{Name: "c", Claim: "a < b & c", AtLeast: &bound}}},
		Metrics:    []record.Metric{{Name: "m", Unit: "req/s"}},
		Cells:      []record.Cell{{Index: 1}},
	}
	text, err := r.Text()
	if err != nil {
		t.Fatal(err)
	}
	if again, err := r.Text(); err != nil || !bytes.Equal(again, text) {
		t.Errorf("sealed twice it is another text: %v", err)
	}
	if err := record.CheckText(text); err != nil {
		t.Errorf("as written: %v", err)
	}
	var compact bytes.Buffer
	if err := errors.Join(json.Compact(&compact, text), record.CheckText(compact.Bytes())); err != nil {
		t.Errorf("without blanks: %v", err)
	}
	for old, edited := range map[string]string{
		`"at_least": 10`: `"at_least": 0.1`, `"req/s"`: `"req/h"`, `"index": 1`: `"index": 2`, `"planned": 0`: `"planned": 0, "new": 1`,
	} {
		wrong := strings.Replace(string(text), old, edited, 1)
		if wrong == string(text) || record.CheckText([]byte(wrong)) == nil {
			t.Errorf("%s instead of %s is not found", edited, old)
		}
	}
	if record.CheckText([]byte(`{"scale": "full"}`)) == nil {
		t.Error("that there is no seal is not found")
	}
}

// readChain reads a chain, and sees to it that without figures it is the same.
func readChain(t *testing.T, experiment string, head record.Head, text []byte) *record.Chain {
	t.Helper()
	c, err := record.ReadChain(experiment, head, bytes.NewReader(text))
	if err != nil {
		t.Fatal(err)
	}
	verdicts, err := record.ReadVerdicts(experiment, head, bytes.NewReader(text))
	if err != nil {
		t.Fatal(err)
	}
	want := *c
	want.Trials = nil
	for _, tr := range c.Trials {
		bare := *tr
		if o := tr.Observation; o != nil {
			bare.Observation = &record.Observation{Counts: o.Counts, Failures: o.Failures, Verdict: o.Verdict, Flags: o.Flags}
		}
		want.Trials = append(want.Trials, &bare)
	}
	if !reflect.DeepEqual(verdicts, &want) {
		t.Errorf("without figures: %+v; want %+v", verdicts, &want)
	}
	return c
}
