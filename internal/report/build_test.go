package report_test

import (
	"bytes"
	"maps"
	"regexp"
	"slices"
	"strings"
	"testing"

	"dyno/internal/record"
	"dyno/internal/report"
)

func TestFilesThatAreMade(t *testing.T) {
	files := wholeReport(t)
	want := []string{
		"REPORT.md", "plots/echo-cost-mean.png", "plots/lb-policies-fairness.png", "plots/lb-policies-p99.png", "plots/lb-policies-servers.png",
		"plots/lb-policies-throughput.png", "report.html", "results/README.md", "results/echo-cost.txt", "results/echo-cost/README.md",
		"results/lb-policies.txt", "results/lb-policies/README.md",
	}
	if got := slices.Sorted(maps.Keys(files)); !slices.Equal(got, want) {
		t.Errorf("got %q", got)
	}
}

func TestSameResultsSameBytes(t *testing.T) {
	dir := synthetic(t)
	first := wholeReport(t)
	for range 2 {
		if again := build(t, load(t, dir), sections()...); !maps.EqualFunc(first, again, bytes.Equal) {
			t.Fatal("a second build differs")
		}
	}
}

// What an experiment file says is text wherever it comes: an image that is none of the
// report's, or HTML, neither stops the report nor gets onto the page.
func TestTextsOfExperimentsAreText(t *testing.T) {
	const hostile = "![x](http://example.org/x.png) <script>alert(1)</script> *a* | b"
	run, trials := lbRun(), lbTrials()
	x := &run.Experiment
	x.Title, x.Question, x.Figures[0].Title, x.Tables[0].Title = hostile, hostile, hostile, hostile
	x.Figures = x.Figures[:1]
	x.Claims = []record.Claim{{Name: "c", Claim: hostile, Metric: "throughput_rps", Where: record.Values{"policy": "pick_first", "clients": "10"}, Cell: 1, AtLeast: new(1.0)}}
	dir := t.TempDir()
	store(t, dir, run, trials)
	page := string(build(t, load(t, dir))["report.html"])
	text := "![x](http://example.org/x.png) &lt;script&gt;alert(1)&lt;/script&gt; *a* | b"
	// The address is a link as it stands, in what is no plot's name.
	page = regexp.MustCompile(`<a href="http://example.org/x.png">(.*?)</a>`).ReplaceAllString(page, "$1")
	if n := strings.Count(page, text); n < 6 || strings.Contains(page, "alert(1)</script>") || strings.Contains(page, "<img") {
		t.Errorf("it is on the page %d times as text", n)
	}
}

func TestReportSaysWhatWasMeasured(t *testing.T) {
	out := prose(wholeReport(t))
	for _, want := range []string{
		"Least load serves 560 [410, 650] req/s†, 1.05† (all 4 blocks) times\n", // the ratio does not drift
		"pick first: (not measured: no valid trial, policy=pick_first clients=100).",
		"43 trials of 2 experiments: 35 valid, 6 invalid, 1 unknown, 1 without a result. 1 carries quality flags.",
		"**Unfinished:** echo-cost was cut short after 3 of 4 planned trials",
		"- **lb-policies-b01-c002**, policy=pick_first clients=100, invalid: counts is invalid: server s1 counts 3 | more than its clients.",
		"- **lb-policies-b02-c004**, policy=round_robin clients=100, unknown: counts is unknown: the \\*checker\\* ran out of time",
		"- **lb-policies-b03-c004**, policy=round_robin clients=100, no result: server s3 did not start: listen &lt;nil&gt;",
		"- **noisy** on 1 trial of lb-policies, for example lb-policies-b01-c003: steal of 7 % in the window.",
		"(too few samples: n=90)",
		"1 unknown; 1 without a result",
		"noisy ×1",
		"| counts  |           32 |              6 |              1 |            461 |",
		"1 trial ended without a result and proved nothing.",
		"Closed loop.",
		"whiskers without caps: range of the blocks",
		"Whiskers with caps: 96.9 % interval of the median",
		"Black dashes: theory (`theory_rps`), where",
		"Without a value: policy=pick_first clients=100 (no valid trial).",
		"6 core cells in 6 blocks; 2 detail cells in 2 blocks",
		"dyno run lb-policies --scale deep --seed 7",
		"### What an echo costs (`echo-cost`)", // shown although no template names it
		"## Threats to validity",
		"Model \\| X",
	} {
		if !strings.Contains(out, want) {
			t.Errorf("the report does not say %q", want)
		}
	}
	for _, bad := range []string{"NaN", "%!", "<nil>", "map[", "\n\n\n"} {
		if strings.Contains(out, bad) {
			t.Errorf("the report holds %q", bad)
		}
	}
}

// Long texts of an experiment, a check or a flag make no table wider than a screen.
func TestLongTextsMakeNoWideTable(t *testing.T) {
	long := strings.Repeat("long words ", 40)
	run, trials := controlled()
	run.Experiment.Figures, run.Experiment.Core[0][0].Levels = nil, append(run.Experiment.Core[0][0].Levels, long)
	run.Experiment.Controls[0].Broken = long
	run.Experiment.Peers = []record.Peer{{Name: "p", Rival: long[:90], Promise: long, Says: long, Metric: "throughput_rps", Where: record.Values{"policy": "least_load", "clients": "100"}}}
	trials = edit(trials, 2, func(tr *record.Trial) { tr.Observation.Flag("wordy", "%s", long) })
	trials = edit(trials, 0, func(tr *record.Trial) {
		tr.Observation.Verdict = record.Judge(record.Fail("counts", 3, "%s", long))
		tr.Rejected = []string{long}
	})
	dir := t.TempDir()
	store(t, dir, run, trials)
	for path, text := range build(t, load(t, dir)) {
		if !strings.HasSuffix(path, ".md") {
			continue
		}
		if _, wide := report.TooWide(string(text)); wide != "" {
			t.Errorf("%s: %s", path, wide)
		}
		if path == "results/lb-policies/README.md" && strings.Count(string(text), strings.TrimSpace(long)) < 4 {
			t.Errorf("the texts are not on the page:\n%s", text)
		}
	}
}

// No figure without a proof: whatever a trial that is not valid observed, no
// file changes.
func TestOnlyValidTrialsMatter(t *testing.T) {
	trials := lbTrials()
	dir := t.TempDir()
	store(t, dir, lbRun(), trials)
	want := build(t, load(t, dir), sections()...)
	for i := range trials {
		if o := trials[i].Observation; o != nil && o.Verdict.Status != record.Valid {
			o.Set("throughput_rps", 1e9)
			o.Set("theory_rps", 1e9)
			o.SetVector("requests", []string{"s1", "s99"}, []float64{1e9, 1e9})
			o.Histograms["response"].Record(record.MaxLatency)
		}
	}
	store(t, dir, lbRun(), trials)
	got := build(t, load(t, dir), sections()...)
	for path := range want {
		if !bytes.Equal(got[path], want[path]) {
			t.Errorf("%s depends on a trial that is not valid", path)
		}
	}
}

func TestValidTrialsMatter(t *testing.T) {
	dir := synthetic(t)
	want := wholeReport(t)
	store(t, dir, lbRun(), edit(lbTrials(), 4, func(t *record.Trial) {
		t.Observation.Set("throughput_rps", 120)
		t.Observation.Set("jain", 0.1)
	}))
	got := build(t, load(t, dir), sections()...)
	for _, path := range []string{"REPORT.md", "report.html", "plots/lb-policies-throughput.png", "results/lb-policies.txt"} {
		if bytes.Equal(got[path], want[path]) {
			t.Errorf("%s does not change with a valid trial", path)
		}
	}
	for _, path := range []string{"plots/lb-policies-p99.png", "plots/echo-cost-mean.png", "results/echo-cost.txt"} {
		if !bytes.Equal(got[path], want[path]) {
			t.Errorf("%s changes with a trial that is not in it", path)
		}
	}
}

func TestLinksAndImagesResolve(t *testing.T) {
	files := wholeReport(t)
	html := string(files["report.html"])
	for _, m := range regexp.MustCompile(`\]\(#([^)]+)\)`).FindAllStringSubmatch(string(files["REPORT.md"]), -1) {
		if !strings.Contains(html, `id="`+m[1]+`"`) {
			t.Errorf("no heading for the link #%s", m[1])
		}
	}
	if n := strings.Count(html, `<span class="plot" id="plots-`); n != 5 {
		t.Errorf("%d plots are on the page, want 5", n)
	}
	if strings.Contains(html, "<img") {
		t.Error("the page points at a file")
	}
}

func TestNothingStored(t *testing.T) {
	files := build(t, &report.Store{}, sections()...)
	out := string(files["REPORT.md"])
	for _, want := range []string{"Nothing was run yet", "The experiment was not run.", "## echo"} {
		if !strings.Contains(out, want) {
			t.Errorf("the report does not say %q", want)
		}
	}
	if len(files) != 3 {
		t.Errorf("%d files", len(files))
	}
}

// A report of one's own experiment is about it: systems of which nothing is stored,
// and headings under which nothing stands, are left out.
func TestOwnExperimentStandsAlone(t *testing.T) {
	prose := func(system string) report.Section {
		return report.Section{System: system, Template: "About " + system + ".\n\n### Observations\n\n#### Rates\n\n" +
			"{{with experiment \"none\"}}A figure.{{end}}\n\n### Commands\n\n```sh\n# a comment\n```\n\n### Conclusions\n"}
	}
	out := string(build(t, oneFigure(t), prose("lookaside"), prose("strife"))["REPORT.md"])
	for _, want := range []string{"a page\nfor each system ([lookaside](#lookaside)), and [threats", "About lookaside.\n\n### Commands\n\n```sh\n# a comment\n```\n\n### Policies"} {
		if !strings.Contains(out, want) {
			t.Errorf("the report lacks %q", want)
		}
	}
	for _, not := range []string{"strife", "### Observations", "#### Rates", "### Conclusions"} {
		if strings.Contains(out, not) {
			t.Errorf("the report has %q, and nothing of it", not)
		}
	}
}

func TestSystemsWithoutASectionAreShown(t *testing.T) {
	out := string(build(t, load(t, synthetic(t)))["REPORT.md"])
	for _, want := range []string{"## echo\n", "## lookaside\n", "### Policies on equal servers (`lb-policies`)", "![Throughput by policy](plots/lb-policies-throughput.png)"} {
		if !strings.Contains(out, want) {
			t.Errorf("the report does not show %q", want)
		}
	}
}

// oneFigure is results with the last of the figures: drawing takes time.
func oneFigure(t *testing.T) *report.Store {
	t.Helper()
	dir := t.TempDir()
	run := lbRun()
	run.Experiment.Figures = run.Experiment.Figures[3:]
	store(t, dir, run, lbTrials())
	return load(t, dir)
}

// render builds the report with one template and returns its section.
func render(s *report.Store, template string) (string, error) {
	files, err := report.Build(s, []report.Section{{System: "lookaside", Template: "BEGIN " + template + " END"}})
	if err != nil {
		return "", err
	}
	_, rest, _ := strings.Cut(string(files["REPORT.md"]), "BEGIN ")
	section, _, _ := strings.Cut(rest, " END")
	return section, nil
}

func TestTemplateMistakesAreErrors(t *testing.T) {
	s := oneFigure(t)
	for template, want := range map[string]string{
		`{{with experiment "lb-policies"}}{{if .Supported "luck"}}{{end}}{{end}}`:                            `no claim is named "luck"`,
		`{{with experiment "lb-policies"}}{{.Figure "speed"}}{{end}}`:                                        `figure "speed" is not one of fairness`,
		`{{with experiment "lb-policies"}}{{.Table "speed"}}{{end}}`:                                         `table "speed" is not one of overview`,
		`{{with experiment "lb-policies"}}{{.Value "speed" "policy=least_load"}}{{end}}`:                     `metric "speed" is not one of throughput_rps, theory_rps, jain, response.mean, response.p50, response.p99`,
		`{{with experiment "lb-policies"}}{{.Value "response" "policy=least_load" "clients=10"}}{{end}}`:     `metric "response" is not one of`,
		`{{with experiment "lb-policies"}}{{.Value "requests" "policy=least_load" "clients=10"}}{{end}}`:     `metric "requests" is not one of`,
		`{{with experiment "lb-policies"}}{{.Value "jain.p99" "policy=least_load" "clients=10"}}{{end}}`:     `metric "jain.p99" is not one of`,
		`{{with experiment "lb-policies"}}{{.Value "jain" "colour=red"}}{{end}}`:                             `knob "colour" is not one of policy, clients, service-time, report-interval`,
		`{{with experiment "lb-policies"}}{{.Value "jain" "least_load"}}{{end}}`:                             "want knob=level",
		`{{with experiment "lb-policies"}}{{.Value "jain" "policy=least_load" "policy=pick_first"}}{{end}}`:  "names policy twice",
		`{{with experiment "lb-policies"}}{{.Value "jain" "policy=round_robin"}}{{end}}`:                     "2 cells fit one place; they differ in clients",
		`{{with experiment "lb-policies"}}{{.Ratio "jain" "policy=least_load,clients=10" "nothing"}}{{end}}`: "want knob=level",
		`{{with experiment "lb-policies"}}{{.Ratio "speed" "clients=10" "clients=10"}}{{end}}`:               `metric "speed"`,
		`{{.Nothing}}`: "Nothing",
		`{{with}}`:     "missing value for with",
		`{{figure}}`:   `function "figure" not defined`,
	} {
		_, err := render(s, template)
		if err == nil || !strings.Contains(err.Error(), want) || !strings.Contains(err.Error(), "report of lookaside:1") {
			t.Errorf("%s: error %v, want one with %q and the place", template, err, want)
		}
	}
}

func TestTemplateNumbers(t *testing.T) {
	s := oneFigure(t)
	for call, want := range map[string]string{
		`.Value "throughput_rps" "policy=least_load" "clients=10"`:                               "93 [69, 108] req/s†",
		`.Value "throughput_rps" "policy=least_load,clients=10"`:                                 "93 [69, 108] req/s†",
		`.Value "throughput_rps" "policy=least_load" "report-interval=1s"`:                       "250 (206 to 294) req/s†",
		`.Value "jain" "policy=power_of_two"`:                                                    "0.915 (0.910 to 0.920)†",
		`.Value "response.p99" "policy=pick_first" "clients=10"`:                                 "(not measured: too few samples: n=90, policy=pick_first clients=10)",
		`.Value "jain" "policy=random" "clients=10"`:                                             "(not measured: no such cell, policy=random clients=10)",
		`.Value "jain" "policy=power_of_two" "clients=10"`:                                       "(not measured: no such cell, policy=power_of_two clients=10)",
		`.Ratio "throughput_rps" "policy=least_load,clients=10" "policy=round_robin,clients=10"`: "1.05 [1.05, 1.05]†",
		`.Ratio "jain" "policy=least_load,clients=10" "policy=pick_first,clients=100"`:           "(not measured: no valid trial, policy=pick_first clients=100)",
		`.Ratio "response.p99" "policy=least_load,clients=100" "policy=pick_first,clients=10"`:   "(not measured: too few samples: n=90, policy=pick_first clients=10)",
		`.Ratio "jain" "policy=least_load,clients=10" "clients=77"`:                              "(not measured: no such cell, clients=77)",
		`.Title`:    "Policies on equal servers",
		`.Run.Seed`: "7",
	} {
		got, err := render(s, `{{with experiment "lb-policies"}}{{`+call+`}}{{end}}`)
		if err != nil || got != want {
			t.Errorf("%s gives %q, %v; want %q", call, got, err, want)
		}
	}
}

func TestExperimentThatWasNotRun(t *testing.T) {
	if got, err := render(oneFigure(t), `{{with experiment "lb-future"}}yes{{else}}not run{{end}}`); err != nil || got != "not run" {
		t.Errorf("got %q, %v", got, err)
	}
}

func TestCellsThatShareAPlaceAreRefused(t *testing.T) {
	run := lbRun()
	run.Experiment.Figures = []record.Figure{{Name: "f", Title: "t", Kind: "bars", X: "policy", Y: "jain"}}
	for name, check := range map[string]func() error{
		"before the run": func() error { return report.Check(run) },
		"after the run": func() error {
			dir := t.TempDir()
			store(t, dir, run, lbTrials())
			_, err := report.Build(load(t, dir), nil)
			return err
		},
	} {
		err := check()
		if err == nil || !strings.Contains(err.Error(), "experiment lb-policies, figure f: policy=") || !strings.Contains(err.Error(), "differ in clients") {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func TestCheck(t *testing.T) {
	if err := report.Check(lbRun()); err != nil {
		t.Errorf("the synthetic experiment: %v", err)
	}
	for want, change := range map[string]func(*record.Experiment){
		`no kind "pie"`:                       func(e *record.Experiment) { e.Figures[0].Kind = "pie" },
		`metric "requests" is not one of`:     func(e *record.Experiment) { e.Figures[0].Y = "requests" },
		`metric "jain" is not one of`:         func(e *record.Experiment) { e.Figures[2].Y = "jain" },
		`knob "colour" is not one of`:         func(e *record.Experiment) { e.Figures[0].Series = "colour" },
		`metric "nothing" is not one of`:      func(e *record.Experiment) { e.Figures[0].Theory = "nothing" },
		"table overview: policy=pick_first: ": func(e *record.Experiment) { e.Tables[0].Rows = []string{"policy"} },
		"table overview: experiment":          func(e *record.Experiment) { e.Tables[0].Columns = []string{"speed"} },
	} {
		run := lbRun()
		change(&run.Experiment)
		if err := report.Check(run); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("error %v, want one with %q", err, want)
		}
	}
}

func TestRunWithoutAnyTrial(t *testing.T) {
	dir := t.TempDir()
	run := lbRun()
	run.Finished = nil
	store(t, dir, run, nil)
	out := string(build(t, load(t, dir), sections()...)["REPORT.md"])
	for _, want := range []string{"**Unfinished:** lb-policies was cut short after 0 of 40", "(not measured, policy=pick_first clients=100)", "none was run", "(nothing was checked)"} {
		if !strings.Contains(out, want) {
			t.Errorf("the report does not say %q", want)
		}
	}
}

// What rests on a trial is not kept when the trial is another: its export, its plot,
// its table and its page change, and nothing else does.
func TestChangedTrialChangesWhatRestsOnIt(t *testing.T) {
	dir := t.TempDir()
	store(t, dir, lbRun(), edit(lbTrials(), 0, func(tr *record.Trial) {
		o := *tr.Observation
		o.Scalars = maps.Clone(o.Scalars)
		o.Scalars["throughput_rps"] *= 3
		tr.Observation = &o
	}))
	run, trials := echoRun()
	store(t, dir, run, trials)
	var changed []string
	whole := wholeReport(t)
	for path, text := range build(t, load(t, dir), sections()...) {
		if !bytes.Equal(text, whole[path]) {
			changed = append(changed, path)
		}
	}
	slices.Sort(changed)
	want := []string{"REPORT.md", "plots/lb-policies-throughput.png", "report.html", "results/lb-policies.txt", "results/lb-policies/README.md"}
	if !slices.Equal(changed, want) {
		t.Errorf("changed are %q, want %q", changed, want)
	}
}
