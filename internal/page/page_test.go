package page_test

import (
	"bytes"
	"encoding/base64"
	"image"
	"image/png"
	"strings"
	"testing"

	"dyno/internal/page"
)

func dot(t *testing.T) []byte {
	t.Helper()
	var b bytes.Buffer
	if err := png.Encode(&b, image.NewGray(image.Rect(0, 0, 1, 1))); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

func render(t *testing.T, markdown string, files map[string][]byte) string {
	t.Helper()
	out, err := page.Render("A <report>", []page.Document{{Path: "REPORT.md", Text: []byte(markdown)}}, files)
	if err != nil {
		t.Fatal(err)
	}
	return string(out)
}

func TestImagesAreEmbedded(t *testing.T) {
	img := dot(t)
	out := render(t, "![a dot](plots/dot.png)\n", map[string][]byte{"plots/dot.png": img})
	if want := `src="data:image/png;base64,` + base64.StdEncoding.EncodeToString(img) + `"`; !strings.Contains(out, want) {
		t.Errorf("no %s in\n%s", want, out)
	}
	if strings.Contains(out, "plots/dot.png") {
		t.Error("the page still points at a file")
	}
}

func TestBadImagesAreErrors(t *testing.T) {
	for want, files := range map[string]map[string][]byte{
		"plots/dot.png is not among": nil,
		"plots/dot.png is not a PNG": {"plots/dot.png": []byte("GIF89a")},
	} {
		_, err := page.Render("t", []page.Document{{Path: "REPORT.md", Text: []byte("![x](plots/dot.png)")}}, files)
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("error %v, want one with %q", err, want)
		}
	}
}

func TestNothingIsLoadedFromElsewhere(t *testing.T) {
	out := render(t, "# T\n\ntext <script src=\"https://example.org/x.js\"></script> <img src=x onerror=alert(1)>\n", nil)
	for _, bad := range []string{"<script", "onerror=alert", "<link", "@import", "url("} {
		if strings.Contains(out, bad) {
			t.Errorf("the page holds %s", bad)
		}
	}
}

func TestHeadingsHaveAnchors(t *testing.T) {
	out := render(t, "# One\n\n## Threats to validity\n\n## Threats to validity\n", nil)
	for _, want := range []string{`<h2 id="threats-to-validity">`, `href="#threats-to-validity"`, `<h2 id="threats-to-validity-1">`, "<title>A &lt;report&gt;</title>"} {
		if !strings.Contains(out, want) {
			t.Errorf("no %s in\n%s", want, out)
		}
	}
}

func TestTablesAndCode(t *testing.T) {
	out := render(t, "| a | b |\n|---|--:|\n| 1 | 2 |\n\n```sh\ndyno report\n```\n", nil)
	for _, want := range []string{"<table>", `<td style="text-align:right">2</td>`, `<pre><code class="language-sh">`} {
		if !strings.Contains(out, want) {
			t.Errorf("no %s in\n%s", want, out)
		}
	}
}

// What is several files in a repository is one page here: links stay on it, and
// an image that two of them show is there once.
func TestSeveralDocuments(t *testing.T) {
	files := map[string][]byte{"plots/dot.png": dot(t)}
	out, err := page.Render("t", []page.Document{
		{Path: "REPORT.md", Text: []byte("# R\n\n![dot](plots/dot.png)\n\n[more](results/x/README.md), [claims](results/x/README.md#claims), [out](https://example.org/)\n")},
		{Path: "results/x/README.md", Text: []byte("# X\n\n## Claims\n\n![dot](../../plots/dot.png)\n\n[here](#claims), [back](../../REPORT.md#r), [data](trials.jsonl)\n")},
	}, files)
	if err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{
		`<section id="results-x-README">`, `href="#results-x-README"`, `href="#results-x-README-claims"`, `href="https://example.org/"`,
		`<h2 id="results-x-README-claims">`, `id="plots-dot"`, `<a href="#plots-dot">the figure is above</a>`, `href="#r"`, `href="trials.jsonl"`,
	} {
		if !strings.Contains(string(out), want) {
			t.Errorf("no %s in\n%s", want, out)
		}
	}
	if n := strings.Count(string(out), "data:image/png"); n != 1 {
		t.Errorf("the image is there %d times", n)
	}
}
