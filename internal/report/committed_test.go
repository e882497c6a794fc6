package report

import (
	"maps"
	"os"
	"path/filepath"
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
