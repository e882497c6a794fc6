package spacetime_test

import (
	"bytes"
	"encoding/xml"
	"errors"
	"io"
	"os"
	"strings"
	"testing"
	"unicode/utf8"

	"dyno/internal/record"
	"dyno/internal/spacetime"
)

// example is a stale read after an own write.
func example() spacetime.Diagram {
	const ms = 1_000_000
	return spacetime.Diagram{
		Title:     "read-your-writes: customer 3 does not see its own deposit",
		Processes: []string{"customer 1", "customer 3", "branch 1", "branch 2"},
		Calls: []spacetime.Call{
			{From: 0, To: 2, Begin: 1 * ms, End: spacetime.Never, Text: "withdraw 5 → ?", Outcome: record.Unknown},
			{From: 1, To: 2, Begin: 2 * ms, End: 9 * ms, Text: "deposit 10 → ok", Outcome: record.OK},
			{From: 1, To: 3, Begin: 20 * ms, End: 21 * ms, Text: "query → 400", Outcome: record.OK, Broken: true},
		},
		Messages: []spacetime.Message{
			{From: 2, To: 3, Sent: 5 * ms, Received: 30 * ms, Text: "write 1"},
			{From: 2, To: 3, Sent: 9 * ms, Received: 30 * ms, Text: "guessed", Inferred: true},
			{From: 3, To: 2, Sent: 21 * ms, Received: spacetime.Never, Text: "nobody got it", Inferred: true},
			{From: 3, To: 2, Sent: 21 * ms, Received: 30 * ms, Text: "wrong", Broken: true},
		},
		Absences: []spacetime.Absence{{Process: 3, From: 6 * ms, Until: 15 * ms, Text: "paused"}},
		Words:    []string{"customer 3 read 400 after its own deposit of 10 had been acknowledged"},
	}
}

// draw draws a diagram and returns its texts, and how often each class occurs.
func draw(t *testing.T, d spacetime.Diagram) (texts []string, classes map[string]int, svg string) {
	t.Helper()
	var b bytes.Buffer
	if err := spacetime.Write(&b, d); err != nil {
		t.Fatal(err)
	}
	classes = make(map[string]int)
	svg = b.String()
	for x := xml.NewDecoder(&b); ; {
		token, err := x.Token()
		switch {
		case errors.Is(err, io.EOF):
			return texts, classes, svg
		case err != nil:
			t.Fatalf("not XML: %v", err)
		}
		switch token := token.(type) {
		case xml.StartElement:
			for _, a := range token.Attr {
				if a.Name.Local == "class" {
					classes[token.Name.Local+" "+a.Value]++
				}
			}
		case xml.CharData:
			texts = append(texts, strings.TrimSpace(string(token)))
		}
	}
}

func TestDiagram(t *testing.T) {
	texts, classes, svg := draw(t, example())
	if path := os.Getenv("DYNO_SPACETIME"); path != "" { // to look at it
		if err := os.WriteFile(path, []byte(svg), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	all := strings.Join(texts, "\n")
	for _, want := range []string{
		"customer 3", "branch 2", "deposit 10 → ok", "query → 400", "paused", "write 1", "guessed", "nobody got it", "0.00 ms", "29.00 ms",
		"customer 3 read 400 after its own deposit of 10 had been acknowledged",
	} {
		if !strings.Contains(all, want) {
			t.Errorf("the picture does not say %q", want)
		}
	}
	for class, want := range map[string]int{
		"line op broken": 1, "circle ring broken": 1, "line op ok": 1, "line op unknown": 1, "line life": 4,
		"line way ok": 3, "line way broken": 3, "line way inferred": 2, "path lost": 1, "line way unknown": 1, // nobody saw an answer
		"rect away": 1,
	} {
		if classes[class] != want {
			t.Errorf("%d of class %q, want %d: %v", classes[class], class, want, classes)
		}
	}
}

// A sentence that is wider than the picture goes on in the next line, whole.
func TestLongSentence(t *testing.T) {
	d := example()
	d.Words = []string{strings.Repeat("deposit 10 by customer 3, ", 30) + strings.Repeat("x", 130)}
	texts, _, _ := draw(t, d)
	if all := strings.Join(strings.Fields(strings.Join(texts, " ")), " "); !strings.Contains(all, d.Words[0]) {
		t.Errorf("%q is not whole in %q", d.Words[0], all)
	}
	for _, text := range texts {
		if strings.Contains(text, strings.Repeat("deposit 10 by customer 3, ", 8)) {
			t.Errorf("a line is too long: %q", text)
		}
	}
}

// Moments that have names show these, and no time.
func TestLabels(t *testing.T) {
	d := example()
	d.Labels = map[int64]string{d.Calls[1].Begin: "round 1"}
	texts, _, _ := draw(t, d)
	if all := strings.Join(texts, "\n"); !strings.Contains(all, "round 1") || strings.Contains(all, " ms") {
		t.Errorf("%q", all)
	}
}

// What a submission printed cannot leave the text that it is in.
func TestTextIsEscaped(t *testing.T) {
	d := example()
	const evil = "</text><script>alert(1)</script>&\"\x00\x1b[31m\xff"
	d.Title, d.Words, d.Processes[0], d.Calls[0].Text = evil, []string{evil}, evil, evil
	d.Messages[0].Text, d.Absences[0].Text = evil, evil
	texts, _, svg := draw(t, d)
	if strings.Contains(svg, "<script") || strings.ContainsAny(svg, "\x00\x1b") || !utf8.ValidString(svg) {
		t.Error("text became markup")
	}
	n := 0
	for _, text := range texts {
		if strings.Contains(text, `</text><script>alert(1)</script>&"`) {
			n++
		}
	}
	if n != 7 {
		t.Errorf("the text is there %d times, want 7", n)
	}
}

func TestRefused(t *testing.T) {
	for want, change := range map[string]func(*spacetime.Diagram){
		"shrink the history first": func(d *spacetime.Diagram) { d.Calls = make([]spacetime.Call, spacetime.MaxCalls+1) },
		"0 calls and messages":     func(d *spacetime.Diagram) { d.Calls, d.Messages = nil, nil },
		"process 4 of 4":           func(d *spacetime.Diagram) { d.Calls[0].To = 4 },
		"process -1 of 4":          func(d *spacetime.Diagram) { d.Messages[0].From = -1 },
		"ends before it begins":    func(d *spacetime.Diagram) { d.Calls[1].End = 0 },
		"arrives before":           func(d *spacetime.Diagram) { d.Messages[0].Received = 0 },
		"process 9 of 4":           func(d *spacetime.Diagram) { d.Absences[0].Process = 9 },
		"absence paused ends":      func(d *spacetime.Diagram) { d.Absences[0].Until = 0 },
	} {
		d := example()
		change(&d)
		if err := spacetime.Write(io.Discard, d); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%v does not say %q", err, want)
		}
	}
}
