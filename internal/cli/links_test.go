package cli_test

import (
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"unicode"
)

// Every link from one file of the repository to another leads somewhere, to
// the heading too.
func TestLinks(t *testing.T) {
	t.Chdir("../..")
	link := regexp.MustCompile(`\]\(([^)\s]+)\)`)
	seen := 0
	for _, path := range readable(t) {
		for _, m := range link.FindAllStringSubmatch(prose(t, path), -1) {
			name, heading, _ := strings.Cut(m[1], "#")
			if strings.Contains(name, ":") {
				continue
			}
			seen++
			to := path
			if name != "" {
				to = filepath.Join(filepath.Dir(path), name)
			}
			if _, err := os.Stat(to); err != nil {
				t.Errorf("%s: the link %s leads nowhere", path, m[1])
			} else if heading != "" && !hasHeading(prose(t, to), heading) {
				t.Errorf("%s: %s has no heading for the link %s", path, to, m[1])
			}
		}
	}
	if seen < 100 {
		t.Errorf("only %d links found", seen)
	}
}

// A stranger reads REPORT.md in ten minutes, on a screen.
func TestReportIsShort(t *testing.T) {
	t.Chdir("../..")
	lines := strings.Split(prose(t, "REPORT.md"), "\n")
	if len(lines) > 700 {
		t.Errorf("REPORT.md has %d lines, at most 700 are read", len(lines))
	}
	for i, l := range lines {
		if wide := len([]rune(l)); strings.HasPrefix(l, "|") && wide > 160 {
			t.Errorf("REPORT.md:%d: a table of %d columns, at most 160 fit on a screen", i+1, wide)
		}
	}
}

// readable lists what people read.
func readable(t *testing.T) []string {
	t.Helper()
	var out []string
	for _, pattern := range []string{"*.md", "docs/*.md", "docs/*/*.md", "results/*.md", "results/*/*.md", "findings/*.md"} {
		found, err := filepath.Glob(pattern)
		if err != nil {
			t.Fatal(err)
		}
		out = append(out, found...)
	}
	return out
}

// prose is a file without its blocks of code.
func prose(t *testing.T, path string) string {
	t.Helper()
	text, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	return regexp.MustCompile("(?ms)^```.*?^```$").ReplaceAllString(string(text), "")
}

// hasHeading says whether GitHub gives one of the headings this name.
func hasHeading(text, name string) bool {
	for _, m := range regexp.MustCompile(`(?m)^#+ (.*)$`).FindAllStringSubmatch(text, -1) {
		slug := strings.Map(func(r rune) rune {
			switch {
			case r == ' ':
				return '-'
			case r == '-' || r == '_' || unicode.IsLetter(r) || unicode.IsDigit(r):
				return unicode.ToLower(r)
			}
			return -1
		}, m[1])
		if slug == name {
			return true
		}
	}
	return false
}
