package report_test

import (
	"bytes"
	"compress/gzip"
	"encoding/base64"
	"encoding/json"
	"io"
	"os"
	"regexp"
	"slices"
	"strings"
	"testing"

	"dyno/internal/figure"
	"dyno/internal/page"
	"dyno/internal/report"
)

// onPage reads the data out of a page.
func onPage(t *testing.T, html []byte) map[string]page.Experiment {
	t.Helper()
	out := make(map[string]page.Experiment)
	for _, m := range regexp.MustCompile(`data-of="([^"]+)">([^<]+)</script>`).FindAllSubmatch(html, -1) {
		plain, err := gzip.NewReader(base64.NewDecoder(base64.StdEncoding, bytes.NewReader(m[2])))
		if err != nil {
			t.Fatal(err)
		}
		var e page.Experiment
		if err := json.NewDecoder(plain).Decode(&e); err != nil {
			t.Fatalf("%s: %v", m[1], err)
		}
		if _, err := io.Copy(io.Discard, plain); err != nil || e.Name != string(m[1]) {
			t.Fatalf("%s: holds %s, %v", m[1], e.Name, err)
		}
		out[e.Name] = e
	}
	return out
}

// drawn is the PNG of what the page draws.
func drawn(t *testing.T, c page.Chart) []byte {
	t.Helper()
	back := figure.Chart{Kind: c.Kind, Title: c.Title, X: figure.Axis(c.X), Y: figure.Axis(c.Y), Legend: c.Legend}
	for _, p := range c.Panels {
		panel := figure.Panel{Title: p.Title, Categories: p.Categories, X: p.X}
		for _, b := range p.Bands {
			panel.Bands = append(panel.Bands, figure.Band(b))
		}
		for _, s := range p.Series {
			series := figure.Series{Name: s.Name, Color: s.Color}
			for k := range s.Y {
				series.Points = append(series.Points, pointOf(s, k))
			}
			panel.Series = append(panel.Series, series)
		}
		back.Panels = append(back.Panels, panel)
	}
	var png bytes.Buffer
	if err := figure.Draw(&png, back); err != nil {
		t.Fatal(err)
	}
	return png.Bytes()
}

func pointOf(s page.Series, k int) (p figure.Point) {
	if s.Theory != nil {
		p.Theory = s.Theory[k]
	}
	p.Missing = s.Why[k]
	if s.Y[k] == nil {
		p.Absent = p.Missing == ""
		return p
	}
	p.Y, p.Bare = *s.Y[k], slices.Contains(s.Bare, k)
	p.Lo, p.Hi = p.Y, p.Y
	if s.Lo != nil && s.Lo[k] != nil {
		p.Lo, p.Hi = *s.Lo[k], *s.Hi[k]
	}
	return p
}

// What the page draws is what the PNG shows: drawn again from the page's data, it is
// the same to the byte. With DYNO_SOAK, of the committed results too.
func TestPageDrawsWhatThePlotsShow(t *testing.T) {
	compared := comparedWithPlots(t, wholeReport(t))
	if want := 5; compared != want {
		t.Errorf("%d plots were compared, want %d", compared, want)
	}
	if os.Getenv("DYNO_SOAK") != "" {
		if n := comparedWithPlots(t, build(t, load(t, "../.."))); n < 50 {
			t.Errorf("of the committed results %d plots were compared", n)
		}
	}
}

func comparedWithPlots(t *testing.T, files report.Files) (n int) {
	t.Helper()
	for name, e := range onPage(t, files["report.html"]) {
		for _, f := range e.Figures {
			want, ok := files["plots/"+name+"-"+f.Name+".png"]
			if !ok || !bytes.Equal(drawn(t, f.Charts[f.Stat]), want) {
				t.Errorf("%s: the page's data is not what its PNG shows", name+"-"+f.Name)
			}
			n++
		}
	}
	return n
}

// A value of the page's that is not the plot's would be found: each part of one is
// changed in turn.
func TestPageThatDrawsSomethingElseIsFound(t *testing.T) {
	files := wholeReport(t)
	for name, spoil := range map[string]func(*page.Series){
		"a value":         func(s *page.Series) { *s.Y[2] *= 1.05 },
		"an interval":     func(s *page.Series) { *s.Lo[2] *= 0.9 },
		"a theory":        func(s *page.Series) { *s.Theory[0] *= 1.1 },
		"a range":         func(s *page.Series) { s.Bare = append(s.Bare, 0, 1, 2) },
		"a colour":        func(s *page.Series) { s.Color++ },
		"what is missing": func(s *page.Series) { s.Y[2] = nil },
	} {
		f := onPage(t, files["report.html"])["lb-policies"].Figures[0]
		c := f.Charts[f.Stat]
		i := slices.IndexFunc(c.Panels[0].Series, func(s page.Series) bool { return s.Name == "least_load" })
		spoil(&c.Panels[0].Series[i])
		if bytes.Equal(drawn(t, c), files["plots/lb-policies-"+f.Name+".png"]) {
			t.Errorf("%s was changed, and nobody saw it", name)
		}
	}
}

// Only what is proved has figures; what is not says why.
func TestPageShowsTrialsAsJudged(t *testing.T) {
	e := onPage(t, wholeReport(t)["report.html"])["lb-policies"]
	status := make(map[string]int)
	for _, trial := range e.Trials {
		status[trial.Status]++
		told := slices.ContainsFunc(trial.Values, func(v *float64) bool { return v != nil })
		if valid := trial.Status == "valid"; told != valid || valid == (len(trial.Why) > 0) {
			t.Errorf("%s is %s: figures %v, reasons %q", trial.ID, trial.Status, told, trial.Why)
		}
		if name := e.Cells[trial.Cell-1]; !strings.Contains(name, "policy=") {
			t.Errorf("%s is of the cell %q", trial.ID, name)
		}
	}
	if status["valid"] != 32 || status["invalid"] != 6 || status["unknown"] != 1 || status["error"] != 1 {
		t.Errorf("by verdict: %v", status)
	}
	if e.Facts[0][1] != "Model | X, 2 cores, 8.0 GiB" {
		t.Errorf("the machine is %q", e.Facts[0])
	}
	p99 := e.Figures[1]
	if note := p99.Charts["p50"].Note; p99.Charts["p99"].Note != "" || !strings.HasPrefix(note, "Title and text around it are of p99. P50 of the pooled ") ||
		!strings.Contains(note, "interval of the blocks' own p50") || !strings.Contains(note, "Without a value: policy=pick_first clients=100") {
		t.Errorf("of p50 the page says %q", note)
	}
	if p99.Stat != "p99" || p99.Charts["p50"].Y.Label != "response p50 (ms)" || len(p99.Charts["p999"].Panels) == 0 {
		t.Errorf("of %s there are %d quantiles", p99.Name, len(p99.Charts))
	}
}

// The committed page fits; that it is of the committed results, dyno report --check
// says.
func TestPageIsSmall(t *testing.T) {
	info, err := os.Stat("../../report.html")
	if err != nil {
		t.Fatal(err)
	}
	if n := info.Size(); n > 1_500_000 {
		t.Errorf("report.html has %d bytes", n)
	}
}
