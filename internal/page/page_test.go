package page_test

import (
	"crypto/sha256"
	"encoding/base64"
	"strings"
	"testing"

	"dyno/internal/page"
)

// data is an experiment's with one figure, "dot".
func data(t *testing.T) []page.Data {
	t.Helper()
	d, err := page.Pack(page.Experiment{Name: "x", Figures: []page.Figure{{Name: "dot"}}})
	if err != nil {
		t.Fatal(err)
	}
	return []page.Data{d}
}

func render(t *testing.T, markdown string) string {
	t.Helper()
	out, err := page.Page{Title: "A <report>", Documents: []page.Document{{Path: "REPORT.md", Text: []byte(markdown)}}, Data: data(t)}.Render()
	if err != nil {
		t.Fatal(err)
	}
	return string(out)
}

func TestImagesBecomePlots(t *testing.T) {
	out := render(t, "![a *small* dot \\[&lt;b&gt;\\]](plots/x-dot.png)\n")
	if want := `<span class="plot" id="plots-x-dot" data-of="x" data-plot="dot"><i>a small dot [&lt;b&gt;]: `; !strings.Contains(out, want) {
		t.Errorf("no %s in\n%s", want, out)
	}
	if !strings.Contains(out, `<script type="application/gzip" data-of="x">H4sI`) {
		t.Error("the data is not on the page")
	}
}

func TestImagesWithoutDataAreErrors(t *testing.T) {
	_, err := page.Page{Documents: []page.Document{{Path: "REPORT.md", Text: []byte("![x](plots/dot.png)")}}, Data: data(t)}.Render()
	if err == nil || !strings.Contains(err.Error(), "plots/dot.png is not among") {
		t.Errorf("error %v, want one that names the image", err)
	}
}

func TestNothingIsLoadedFromElsewhere(t *testing.T) {
	out := render(t, "# T\n\ntext <script src=\"https://example.org/x.js\"></script> <img src=x onerror=alert(1)>\n")
	for _, bad := range []string{"<script src", "onerror=alert", `<link rel="s`, "@import", "url(\"", "url(h"} {
		if strings.Contains(out, bad) {
			t.Errorf("the page holds %s", bad)
		}
	}
}

// The browser is to run the page's own script, and no other that came in with a text.
func TestOnlyItsOwnScriptRuns(t *testing.T) {
	out := render(t, "text\n")
	_, script, _ := strings.Cut(out, "<script>")
	script, _, ok := strings.Cut(script, "</script>")
	hash := sha256.Sum256([]byte(script))
	want := "script-src 'sha256-" + base64.StdEncoding.EncodeToString(hash[:]) + "';"
	if !ok || len(script) < 1000 || !strings.Contains(out, want) {
		t.Errorf("%d bytes of script; no %s in\n%s", len(script), want, out[:600])
	}
}

func TestHeadingsHaveAnchors(t *testing.T) {
	out := render(t, "# One\n\n## Threats to validity\n\n## Threats to validity\n")
	for _, want := range []string{`<h2 id="threats-to-validity">`, `href="#threats-to-validity"`, `<h2 id="threats-to-validity-1">`, "<title>A &lt;report&gt;</title>"} {
		if !strings.Contains(out, want) {
			t.Errorf("no %s in\n%s", want, out)
		}
	}
}

func TestTablesAndCode(t *testing.T) {
	out := render(t, "| a | b |\n|---|--:|\n| 1 | 2 |\n| "+strings.Repeat("a word ", 20)+"| 3 |\n\n```sh\ndyno report\n```\n")
	for _, want := range []string{"<table>", "<td>1<td class=r>2\n", `<td class="long">a word`, `<pre><code class="language-sh">`} {
		if !strings.Contains(out, want) {
			t.Errorf("no %s in\n%s", want, out)
		}
	}
}

// What is several files in a repository is one page here: links stay on it, and
// a plot that two of them show has one name.
func TestSeveralDocuments(t *testing.T) {
	out, err := page.Page{Title: "t", Documents: []page.Document{
		{Path: "REPORT.md", Text: []byte("# R\n\n![dot](plots/x-dot.png)\n\n[more](results/x/README.md), [claims](results/x/README.md#claims), [out](https://example.org/)\n")},
		{Path: "results/x/README.md", Text: []byte("# X\n\n## Claims\n\n![dot](../../plots/x-dot.png)\n\n[here](#claims), [back](../../REPORT.md#r), [data](trials.jsonl)\n")},
	}, Data: data(t)}.Render()
	if err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{
		`<section id="results-x-README">`, `href="#results-x-README"`, `href="#results-x-README-claims"`, `href="https://example.org/"`,
		`<h2 id="results-x-README-claims">`, `id="plots-x-dot"`, `<div data-ask="x">`, `href="#r"`, `href="trials.jsonl"`,
	} {
		if !strings.Contains(string(out), want) {
			t.Errorf("no %s in\n%s", want, out)
		}
	}
	if n, ids := strings.Count(string(out), `data-plot="dot"`), strings.Count(string(out), `id="plots-x-dot"`); n != 2 || ids != 1 {
		t.Errorf("the plot is there %d times, and %d times by its name", n, ids)
	}
}
