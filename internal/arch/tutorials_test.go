package arch

import (
	"encoding/json"
	"errors"
	"fmt"
	"go/format"
	"go/parser"
	"go/token"
	"io/fs"
	"maps"
	"os"
	"os/exec"
	"path"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
)

// tutorials are the pages of docs/tutorials, each with the row of "To add …" in
// CONTRIBUTING.md that says what it may touch.
var tutorials = []struct{ page, row string }{
	{"policy", "a load-balancing policy"},
	{"job", "a MapReduce job"},
	{"adversary", "an adversary of the generals"},
	{"experiment", "a figure, a table, an experiment"},
	{"system", "a system"},
}

// block is a block of code of a page: with a file in its title it is a new file, a
// change of one that is there, or a quotation from one.
type block struct{ language, file, text string }

var (
	fence  = regexp.MustCompile("(?ms)^```([a-z]+)(?: title=\"([^\"]+)\")?\n(.*?)^```$")
	goTest = regexp.MustCompile(`^go test (\./\S+) -run '?([\w/|]+)'?$`)
)

func readBlocks(t *testing.T, page string) (out []block) {
	t.Helper()
	text, err := os.ReadFile(filepath.Join(root, "docs", "tutorials", page+".md"))
	if err != nil {
		t.Fatal(err)
	}
	for _, m := range fence.FindAllStringSubmatch(string(text), -1) {
		out = append(out, block{m[1], m[2], m[3]})
	}
	return out
}

// commands are what a page has its reader type, if it begins with a word.
func commands(blocks []block, word string) (out []string) {
	for _, b := range blocks {
		for line := range strings.Lines(b.text) {
			if b.language == "sh" && strings.HasPrefix(line, word+" ") {
				out = append(out, strings.TrimSpace(line))
			}
		}
	}
	return out
}

// edition is what tutorials make of the repository: the files that they change or
// add, beside those that are there.
type edition map[string]string

func (e edition) read(file string) (string, error) {
	if text, mine := e[file]; mine {
		return text, nil
	}
	text, err := os.ReadFile(filepath.Join(root, file))
	if errors.Is(err, fs.ErrNotExist) {
		return "", nil
	}
	return string(text), err
}

// apply makes a block part of the edition.
func (e edition) apply(b block) error {
	if b.file == "" {
		return nil
	}
	old, err := e.read(b.file)
	switch {
	case err != nil:
		return err
	case b.language == "diff":
		before, after := sides(b.text)
		if n := strings.Count(old, before); n != 1 {
			return fmt.Errorf("%s holds what the diff changes %d times, want once:\n%s", b.file, n, before)
		}
		e[b.file] = strings.Replace(old, before, after, 1)
	case old == "":
		e[b.file] = b.text
	case !strings.Contains(old, b.text):
		return fmt.Errorf("%s does not say what is quoted from it:\n%s", b.file, b.text)
	}
	return nil
}

// sides are the lines of a diff before and after it.
func sides(diff string) (before, after string) {
	for line := range strings.Lines(diff) {
		switch rest := line[1:]; line[0] {
		case '-':
			before += rest
		case '+':
			after += rest
		case ' ':
			before, after = before+rest, after+rest
		default: // an empty line
			before, after = before+line, after+line
		}
	}
	return before, after
}

// newEdition applies what a page shows.
func newEdition(t *testing.T, blocks []block) edition {
	t.Helper()
	e := edition{}
	for _, b := range blocks {
		if err := e.apply(b); err != nil {
			t.Error(err)
		}
	}
	return e
}

// shown reports whether a tutorial can show what is to be changed in a place: it is
// neither generated nor prose.
func shown(place string) bool {
	return place != "results" && place != "plots" && !strings.HasPrefix(place, "docs/")
}

// strays lists what the edition touches and a row of CONTRIBUTING.md does not name,
// and the other way round. To show it in a plot, any may add an experiment.
func (e edition) strays(row string) (out []string) {
	named := slices.DeleteFunc(places(row), func(p string) bool { return !shown(p) })
	for _, file := range slices.Sorted(maps.Keys(e)) {
		if !slices.ContainsFunc(append(named, "experiments"), func(p string) bool { _, ok := within(file, p); return ok }) {
			out = append(out, "CONTRIBUTING.md does not name "+file)
		}
	}
	for _, p := range named {
		if !slices.ContainsFunc(slices.Collect(maps.Keys(e)), func(file string) bool { _, ok := within(file, p); return ok }) {
			out = append(out, "CONTRIBUTING.md names "+p+", which the tutorial does not touch")
		}
	}
	return out
}

// untidy lists what in a Go file of the edition breaks the rules of this package.
func untidy(name, text string) (out []string) {
	if pretty, err := format.Source([]byte(text)); err != nil || string(pretty) != text {
		out = append(out, fmt.Sprintf("%s is not formatted (%v)", name, err))
	}
	f, err := parser.ParseFile(token.NewFileSet(), name, text, parser.SkipObjectResolution)
	if err != nil {
		return append(out, err.Error())
	}
	if strings.HasSuffix(name, "_test.go") {
		return out
	}
	if n := tooLong(text); n > 0 {
		out = append(out, fmt.Sprintf("%s:%d is longer than %d characters", name, n, maxLineLength))
	}
	p := pkg{ImportPath: module + "/" + path.Dir(name)}
	for _, i := range f.Imports {
		p.Imports = append(p.Imports, strings.Trim(i.Path.Value, `"`))
	}
	out = append(out, violations(p)...)
	if isCore(path.Dir(name)) {
		out = append(out, impurities(f)...)
	}
	return out
}

// write lays the edition into a folder, and beside it the file by which go
// commands see its Go files in the repository.
func (e edition) write(t *testing.T) (dir, overlay string) {
	t.Helper()
	repository, err := filepath.Abs(root)
	if err != nil {
		t.Fatal(err)
	}
	dir = t.TempDir()
	replace := map[string]string{}
	for name, text := range e {
		file := filepath.Join(dir, filepath.FromSlash(name))
		if err := errors.Join(os.MkdirAll(filepath.Dir(file), 0o700), os.WriteFile(file, []byte(text), 0o600)); err != nil {
			t.Fatal(err)
		}
		replace[filepath.Join(repository, filepath.FromSlash(name))] = file
	}
	text, err := json.Marshal(map[string]any{"Replace": replace})
	if err != nil {
		t.Fatal(err)
	}
	overlay = filepath.Join(dir, "overlay.json")
	if err := os.WriteFile(overlay, text, 0o600); err != nil {
		t.Fatal(err)
	}
	return dir, overlay
}

// goTests runs a go test of a page over an overlay. Tests that were not there did
// not pass.
func goTests(t *testing.T, line, overlay string) error {
	t.Helper()
	m := goTest.FindStringSubmatch(line)
	if m == nil {
		return fmt.Errorf("%q is not of the form go test ./PACKAGE -run 'TestA|TestB'", line)
	}
	there, err := testsOf(m[1])
	if err != nil {
		return err
	}
	args := []string{"test", "-overlay", overlay, "-v", "-run", m[2], m[1]}
	if strings.Contains(there, `"pgregory.net/rapid"`) {
		args = append(args, "-rapid.nofailfile") // which it would leave in the repository
	}
	cmd := exec.CommandContext(t.Context(), "go", args...)
	cmd.Dir = root
	out, err := cmd.CombinedOutput()
	if err != nil {
		return fmt.Errorf("%s: %w\n%s", line, err, out)
	}
	for name := range strings.SplitSeq(m[2], "|") {
		if !strings.Contains(string(out), "--- PASS: "+name+" (") {
			return fmt.Errorf("%s: %s did not pass\n%s", line, name, out)
		}
	}
	return nil
}

// declared reports whether the tests of a page's command are in the repository.
func declared(line string) error {
	m := goTest.FindStringSubmatch(line)
	if m == nil {
		return fmt.Errorf("%q is not of the form go test ./PACKAGE -run 'TestA|TestB'", line)
	}
	there, err := testsOf(m[1])
	if err != nil {
		return err
	}
	for name := range strings.SplitSeq(m[2], "|") {
		if !strings.Contains(there, "\nfunc "+name+"(") {
			return fmt.Errorf("%s: there is no %s", line, name)
		}
	}
	return nil
}

// testsOf is the text of a package's tests in the repository.
func testsOf(dir string) (string, error) {
	files, _ := filepath.Glob(filepath.Join(root, dir, "*_test.go")) // the pattern is well formed
	var all strings.Builder
	for _, file := range files {
		text, err := os.ReadFile(file)
		if err != nil {
			return "", err
		}
		all.Write(text)
	}
	return all.String(), nil
}

// What a tutorial shows can be applied to the repository, touches the places that
// CONTRIBUTING.md names and no others, keeps the rules, compiles, and passes its
// tests. The repository itself stays as it is.
func TestTutorials(t *testing.T) {
	rows := table(t, "To add …")
	for _, u := range tutorials {
		t.Run(u.page, func(t *testing.T) {
			blocks := readBlocks(t, u.page)
			e, lines := newEdition(t, blocks), commands(blocks, "go")
			if len(e) == 0 { // all is quoted, and tested where it stands
				for _, line := range lines {
					if err := declared(line); err != nil {
						t.Error(err)
					}
				}
				return
			}
			for _, problem := range e.strays(rows[u.row]) {
				t.Error(problem)
			}
			for name, text := range e {
				if strings.HasSuffix(name, ".go") {
					for _, problem := range untidy(name, text) {
						t.Error(problem)
					}
				}
			}
			if t.Failed() {
				return
			}
			_, overlay := e.write(t)
			for _, line := range lines {
				if err := goTests(t, line, overlay); err != nil {
					t.Error(err)
				}
			}
		})
	}
}

// soak leaves a test to make soak.
func soak(t *testing.T) {
	t.Helper()
	if os.Getenv("DYNO_SOAK") == "" {
		t.Skip("compiles for long: DYNO_SOAK=1 runs it")
	}
}

// busy is the end of a run whose trials proved nothing: the machine had no time.
var busy = regexp.MustCompile(`, 0 invalid, [1-9][0-9]* unknown, 0 without`)

// Every dyno that the tutorials have their reader type works, all of them in one
// binary.
func TestTutorialCommands(t *testing.T) {
	soak(t)
	var all []block
	for _, u := range tutorials {
		all = append(all, readBlocks(t, u.page)...)
	}
	dir, overlay := newEdition(t, all).write(t)
	dyno := filepath.Join(dir, "bin", "dyno")
	build := exec.CommandContext(t.Context(), "go", "build", "-buildvcs=false", "-overlay", overlay, "-o", dyno, "./cmd/dyno-whole")
	build.Dir = root
	if out, err := build.CombinedOutput(); err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	readme, err := os.ReadFile(filepath.Join(root, "README.md"))
	if err == nil {
		err = os.WriteFile(filepath.Join(dir, "README.md"), readme, 0o600)
	}
	if err != nil {
		t.Fatal(err)
	}
	lines := commands(all, "bin/dyno")
	if len(lines) < 8 {
		t.Errorf("only %d commands: %q", len(lines), lines)
	}
	for _, line := range lines {
		cmd := exec.CommandContext(t.Context(), dyno, strings.Fields(line)[1:]...)
		cmd.Dir = dir
		out, err := cmd.CombinedOutput()
		if err != nil && !busy.Match(out) {
			t.Errorf("%s: %v\n%s", line, err, out)
		}
		t.Logf("%s\n%s", line, out)
	}
}

// Without the line in the list, or the loop that says what must come out, a
// tutorial's tests fail: each of its diffs is needed.
func TestTutorialsNeedEachDiff(t *testing.T) {
	soak(t)
	for _, u := range tutorials {
		blocks := readBlocks(t, u.page)
		for i, b := range blocks {
			if b.language != "diff" || strings.HasPrefix(b.file, "systems/mapreduce/trial/") { // whose tests run jobs
				continue
			}
			t.Run(u.page+"/"+path.Base(b.file), func(t *testing.T) {
				_, overlay := newEdition(t, slices.Delete(slices.Clone(blocks), i, i+1)).write(t)
				for _, line := range commands(blocks, "go") {
					if goTests(t, line, overlay) != nil {
						return
					}
				}
				t.Error("all tests pass without it")
			})
		}
	}
}

func TestTutorialsBite(t *testing.T) {
	const there = "internal/arch/doc.go"
	for what, c := range map[string]struct {
		block
		fine bool
	}{
		"a quotation":                    {block{"go", there, "package arch\n"}, true},
		"one that is not there":          {block{"go", there, "package attic\n"}, false},
		"a diff":                         {block{"diff", there, " package arch\n+\n+// More.\n"}, true},
		"of a line that is not there":    {block{"diff", there, "-package attic\n+package arch\n"}, false},
		"of a line that is there often":  {block{"diff", there, " \n+// More.\n"}, false},
		"that does not say where":        {block{"diff", there, "+// More.\n"}, false},
		"of a file that is not there":    {block{"diff", "internal/attic/doc.go", " package attic\n+\n"}, false},
		"a new file":                     {block{"go", "internal/attic/doc.go", "package attic\n"}, true},
		"a block that is about no file":  {block{"sh", "", "go version\n"}, true},
		"a quotation with other indents": {block{"go", there, "\tpackage arch\n"}, false},
	} {
		e := edition{}
		if err := e.apply(c.block); (err == nil) != c.fine {
			t.Errorf("%s: %v", what, err)
		}
	}
	row := "one file in `systems/lookaside/core/policy`"
	if out := (edition{"systems/lookaside/core/policy/x.go": "", "experiments/x.yaml": ""}).strays(row); len(out) != 0 {
		t.Errorf("what is named is not: %q", out)
	}
	if out := (edition{"systems/echo/x.go": ""}).strays(row); len(out) != 2 {
		t.Errorf("a stray, and a place that is not touched: %q", out)
	}
	for text, want := range map[string]int{
		"package policy\n":                                            0,
		"package policy\n\nvar  x = 1\n":                              1,
		"package policy\n\nimport \"os\"\n":                           1,
		"package policy\n\nimport \"dyno/systems\"\n":                 1,
		"package policy\n\nimport \"time\"\n\nvar now = time.Now()\n": 1,
		"package policy\n\nfunc\n":                                    2,
	} {
		if out := untidy("systems/lookaside/core/policy/x.go", text); len(out) != want {
			t.Errorf("%q: %q, want %d", text, out, want)
		}
	}
	for _, line := range []string{"go test ./internal/arch", "go test ./internal/arch -run TestAttic", "go vet ./..."} {
		if declared(line) == nil {
			t.Errorf("%q is taken for tests that are there", line)
		}
	}
	if err := declared("go test ./internal/arch -run 'TestTutorials|TestHouse'"); err != nil {
		t.Error(err)
	}
	if !slices.Equal(commands([]block{{"sh", "", "make build\nbin/dyno list\n"}, {"text", "", "bin/dyno nothing\n"}}, "bin/dyno"), []string{"bin/dyno list"}) {
		t.Error("commands are not found")
	}
}
