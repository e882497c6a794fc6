package report

import (
	"maps"
	"math"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"sync"
	"testing"
	"unicode/utf8"
)

// committed are the results of the repository, with its systems' templates.
var committed = sync.OnceValues(func() (*builder, []Section) {
	s, err := Load("../..", false)
	if err != nil {
		panic(err)
	}
	templates, err := filepath.Glob("../../systems/*/report.md.tmpl")
	if err != nil {
		panic(err)
	}
	var sections []Section
	for _, path := range templates {
		dir := filepath.Dir(path)
		text, err := os.ReadFile(path)
		if err != nil {
			panic(err)
		}
		rivals, _ := os.ReadFile(filepath.Join(dir, "rival/compared.md.tmpl")) // not every system has any
		sections = append(sections, Section{System: filepath.Base(dir), Template: string(text) + string(rivals)})
	}
	return &builder{store: s, colours: allot(s.Results), files: make(Files)}, sections
})

// texts are all pages but the plots.
func texts(t *testing.T) map[string]string {
	t.Helper()
	b, sections := committed()
	o := &overview{store: b.store}
	for _, s := range sections {
		p, err := b.section(s)
		if err != nil {
			t.Fatal(err)
		}
		o.Sections = append(o.Sections, p)
	}
	out := make(map[string]string)
	for path, frame := range map[string]string{reportPath: reportTemplate, comparedPath: comparedTemplate, evidencePath: evidenceTemplate} {
		f, err := parse(path, frame, nil)
		if err != nil {
			t.Fatal(err)
		}
		if out[path], err = execute(f, o); err != nil {
			t.Fatal(err)
		}
	}
	for path, text := range b.files {
		out[path] = string(text)
	}
	return out
}

// No table is wider than a screen, of whatever was committed.
func TestTablesFitAScreen(t *testing.T) {
	all := texts(t)
	if len(all) < 40 {
		t.Fatalf("%d pages are not the report", len(all))
	}
	tables := 0
	for _, path := range slices.Sorted(maps.Keys(all)) {
		n, wide := tooWide(all[path])
		if tables += n; wide != "" {
			t.Errorf("%s: a table is %d columns wide:\n%s", path, utf8.RuneCountInString(wide), wide)
		}
	}
	if tables < 500 {
		t.Errorf("only %d lines are of tables", tables)
	}
	if n, wide := tooWide("| a |\n| " + strings.Repeat("b", screen) + " |"); n != 2 || wide == "" {
		t.Error("a table that is too wide is not found")
	}
}

// tooWide counts the lines of tables, and gives the first that no screen holds.
func tooWide(text string) (lines int, wide string) {
	for line := range strings.Lines(text) {
		line = strings.TrimSpace(line)
		if !strings.HasPrefix(line, "|") {
			continue
		}
		if lines++; wide == "" && utf8.RuneCountInString(line) > screen {
			wide = line
		}
	}
	return lines, wide
}

// TooWide lets tests of whole reports measure tables, too.
var TooWide = tooWide

// conclusions are words of the templates that say what was found: those of when the
// claims they rest on are supported, and those of when they are refuted.
var conclusions = []struct{ page, supported, refuted string }{
	{reportPath, "Old reports make herds.", "Old reports made no herd."},
	{reportPath, "which goes at the slowest one's pace", "which goes faster than the slowest one's pace"},
	{reportPath, "the policy matters little for throughput and more for the tail", ""},
	{reportPath, "A prepare timeout is a step:", "A prepare timeout is no step:"},
	{reportPath, "*Write-all buys reads that need nobody else*", "*Write-all was not what an absent branch stops*"},
	{reportPath, "*Escrow is never overdrawn*, and most withdrawals need nobody else.", "*Escrow was overdrawn*"},
	{reportPath, "So signed messages save values and cost bytes.", "So signed messages do not halve the values."},
	{reportPath, "Within its bound each algorithm is completely effective.", "were *not* effective in every run"},
	{reportPath, "Beyond the bound agreement is luck.", "Beyond the bound more than nine of ten runs agreed"},
	{reportPath, "least load comes near the 600 req/s", "least load does not come near the 600 req/s"},
	{reportPath, "*Equal servers*: do not take turns;", "*Equal servers*: taking turns is good enough;"},
	{reportPath, "*Unequal servers*: never take turns;", "*Unequal servers*: looking did not pay threefold;"},
	{reportPath, "must count what it has sent since", "counting what was sent since is not what helps"},
	{reportPath, "*Retries* hide a server that goes and a balancer that moves", "*Retries* did not hide everything"},
	{reportPath, "*Reduce tasks are cheap*", "*Many reduce tasks are dear*"},
	{reportPath, "*Workers pay up to the number of cores*", "*A second worker pays less than a second core*"},
	{reportPath, "*Backup tasks are worth having*", "*Backup tasks were not worth having*"},
	{reportPath, "*cost one propagation delay*", "*cost more than one propagation delay*"},
	{reportPath, "*A vector stays small, a write set does not scale*", "*A vector grows with what was written*"},
	{reportPath, "*A failover keeps within its bound*", "*A failover takes longer than was claimed*"},
	{reportPath, "for both disks are written at the same time", ""},
	{reportPath, "*One sync serves many*", "*Syncs are not shared enough*"},
	{reportPath, "*A prepare timeout costs nothing while votes come in time*", "*A longer prepare timeout costs payments*"},
	{reportPath, "since it does not look where gRPC says so", ""},
	{"results/2pc-clients/README.md", "With more users one sync serves many", "More users did not share their syncs."},
	{"results/2pc-timeouts/README.md", "the step is there", "and that is not what was found"},
	{"results/2pc-timeouts/README.md", "Since a timeout costs nothing", "A longer timeout had its price"},
	{"results/branch-faults/README.md", "So one absent branch stops the writes of all", "Yet with one branch cut off"},
	{"results/branch-peers/README.md", "So of these only `remote_apply` gives all four guarantees", ""},
	{"results/byzantine-cost/README.md", ", not the counting", ""},
	{"results/lb-policies/README.md", "most of what looking at all queues would give", "with many, two looks were not nearly"},
	{"results/lb-staleness/README.md", ": no worse than round robin", ": worse than round robin"},
	{"results/lb-scale/README.md", "A random server does not care", "should not care how many others there are, and did"},
	{"results/lb-scale/README.md", "Round robin becomes a metronome", "Round robin gained nothing from many servers."},
	{"results/lb-scale/README.md", "The choice stays cheap", "The choice became dear"},
	{"results/load-honesty/README.md", "slow requests drown among all the others", "here these 50 are enough to show"},
	{"results/load-honesty/README.md", "just too few to show in the 95th", ""},
	{"results/mr-faults/README.md", "the worker itself is hardly", "and the worker is missed"},
	{"results/mr-faults/README.md", "the paper's point about stragglers", "The paper's one mechanism did not serve for both here."},
	{"results/session-guarantees/README.md", "Each guarantee brings its own share to 0", "Not each guarantee brings its own share to 0."},
	{"results/standby-modes/README.md", "costs several times what an action does", ""},
	{"results/standby-sentinel/README.md", ", longer: the server that was promoted", ""},
}

// What the templates conclude follows from the verdicts: where all claims are
// refuted the words change, and where none is judged there are none.
func TestConclusionsFollowVerdicts(t *testing.T) {
	b, _ := committed()
	ruled := func(as Ruling) map[string]string {
		for _, r := range b.store.Results {
			kept := r.Run.Experiment.Claims
			defer func() { r.Run.Experiment.Claims = kept }()
			r.Run.Experiment.Claims = slices.Clone(kept)
			for i := range r.Run.Experiment.Claims {
				c := &r.Run.Experiment.Claims[i]
				far := math.Inf(1)
				if (c.AtLeast != nil) == (as == Supported) {
					far = math.Inf(-1)
				}
				if c.AtLeast != nil {
					c.AtLeast = &far
				} else {
					c.AtMost = &far
				}
				if c.Scale = ""; as == NotJudged {
					c.Scale = "another"
				}
			}
		}
		return texts(t)
	}
	supported, refuted, open := ruled(Supported), ruled(Refuted), ruled(NotJudged)
	says := func(pages map[string]string, page, words string) bool {
		return words != "" && strings.Contains(pages[page], words)
	}
	for _, c := range conclusions {
		if !says(supported, c.page, c.supported) || says(refuted, c.page, c.supported) || says(open, c.page, c.supported) {
			t.Errorf("%s: %q does not follow from what is supported", c.page, c.supported)
		}
		if says(supported, c.page, c.refuted) || says(open, c.page, c.refuted) || c.refuted != "" && !says(refuted, c.page, c.refuted) {
			t.Errorf("%s: %q does not follow from what is refuted", c.page, c.refuted)
		}
	}
}

// Readers meet faults in words, never as a knob spells them.
func TestFaultsInWords(t *testing.T) {
	all := texts(t)
	for path, text := range all {
		if raw := regexp.MustCompile(`\S+@[0-9.]+[mµn]?s\b`).FindString(text); raw != "" {
			t.Errorf("%s shows %q", path, raw)
		}
	}
	if page := all["results/branch-faults/README.md"]; !strings.Contains(page, "b2 killed at 200 ms, back at 500 ms") {
		t.Error("the faults of branch-faults are not told")
	}
	for level, want := range map[string]string{
		"": "none", "kill primary@2s": "primary killed at 2 s", "me@home": "me@home",
		"alpha bank.after-yes:60": "alpha killed: after yes, passing 60", "a b.c": "a b.c",
	} {
		if got := legible(level); got != want {
			t.Errorf("%q is shown as %q", level, got)
		}
	}
}
