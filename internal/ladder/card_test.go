package ladder

import (
	"bytes"
	"encoding/xml"
	"strings"
	"testing"

	"dyno/systems"
)

// fallen is the card of one who falls from the second rung of three.
func fallen() *Card {
	return &Card{
		System: "bank", Impl: systems.Impl{"branch": "python3 <branch>.py"}, Until: "load",
		Rungs: []Result{
			{Name: "speaks", Promise: "It answers.", Status: Holds, Examined: 7, Seconds: 1},
			{
				Name: "alone", Promise: "It adds up.", Status: Broken, Seconds: 2, Reasons: []string{"conserved is invalid: 5 & 7"},
				History: []string{"Customer 3 read 400 after its own deposit of 10 had been acknowledged."},
				Seed:    9, Replay: "dyno replay x", Bundle: "out/x", Diagram: "out/x/history.svg",
			},
			{Name: "load", Promise: "It holds.", Status: NotReached},
		},
	}
}

func TestSummary(t *testing.T) {
	c := fallen()
	if got, want := c.Summary(), "bank: 1 of 3 rungs hold, up to speaks; alone does not"; got != want || c.Holds() {
		t.Errorf("%q, want %q", got, want)
	}
	c.Rungs = c.Rungs[:1]
	if got, want := c.Summary(), "bank: all 1 rungs hold, up to speaks"; got != want || !c.Holds() {
		t.Errorf("%q, want %q", got, want)
	}
	c.Rungs[0].Status = Unproved // which is not held
	if got, want := c.Summary(), "bank: no rung of 1 holds; speaks is the first"; got != want || c.Holds() {
		t.Errorf("%q, want %q", got, want)
	}
}

// All that a person needs to go on is in each form.
func TestForms(t *testing.T) {
	c := fallen()
	var markdown, junit bytes.Buffer
	if err := c.Markdown(&markdown); err != nil {
		t.Fatal(err)
	}
	if err := c.JUnit(&junit); err != nil {
		t.Fatal(err)
	}
	var s suite
	if err := xml.Unmarshal(junit.Bytes(), &s); err != nil {
		t.Fatal(err)
	}
	if s.Tests != 3 || s.Failures != 1 || s.Skipped != 1 || s.Time != "3.000" || s.Cases[1].Failure == nil || s.Cases[2].Skipped == nil {
		t.Errorf("%+v", s)
	}
	for _, want := range []string{"Customer 3 read 400", "conserved is invalid: 5 & 7", "dyno replay x (seed 9)", "out/x/history.svg"} {
		if !strings.Contains(markdown.String(), want) || !strings.Contains(s.Cases[1].Failure.Text, want) {
			t.Errorf("%q is missing in\n%s\n%s", want, &markdown, &junit)
		}
	}
}

func TestRatio(t *testing.T) {
	if got := ratio(map[int]float64{1: 2, 2: 9, 3: 4}, map[int]float64{1: 1, 2: 3, 3: 2, 4: 1}); got != 2 {
		t.Errorf("the median of 2, 3 and 2 is %v", got)
	}
	if got := ratio(map[int]float64{1: 2}, map[int]float64{2: 1}); got != 0 {
		t.Errorf("without a common block it is %v", got)
	}
}
